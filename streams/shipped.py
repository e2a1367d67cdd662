"""Files of the project that are of use beside the code: the thresholds, the runbooks."""

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parent

THRESHOLDS: Final = "deploy/thresholds.yaml"
RUNBOOKS: Final = "docs/runbooks"


def shipped(name: str) -> Path:
    """Where a file or folder of the project is: packed into the wheel, or in its place in a checkout.

    Args:
        name: its place in the project, one of those that pyproject.toml packs.
    """
    packed = _PACKAGE / "_shipped" / name
    return packed if packed.exists() else _PACKAGE.parent / name
