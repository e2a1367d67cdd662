"""``python -m grafana`` writes the dashboards' JSON; ``--check`` only says whether it is fresh."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from grafana.boards import BOARDS
from grafana.lint import lint

FOLDER: Final = Path(__file__).parent / "dashboards"


def rendered() -> dict[Path, str]:
    """File -> its text, for every dashboard."""
    return {
        FOLDER / f"{name}.json": json.dumps(board, indent=2, ensure_ascii=False) + "\n"
        for name, board in BOARDS.items()
    }


def stale() -> list[Path]:
    """Files that are missing, differ from the code, or belong to no dashboard any more."""
    texts = rendered()
    differ = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return [*differ, *sorted(set(FOLDER.glob("*.json")) - set(texts))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; 0 when all is well, 1 when a rule is broken or with ``--check`` a file is stale."""
    parser = argparse.ArgumentParser(prog="python -m grafana", description="Dashboards as code.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the files are not fresh")
    check = parser.parse_args(arguments).check
    problems = [problem for board in BOARDS.values() for problem in lint(board)]
    if check:
        problems += [f"{path.name} is stale: make dashboards" for path in stale()]
    else:
        for path in stale():
            path.unlink(missing_ok=True)
        FOLDER.mkdir(exist_ok=True)
        for path, text in rendered().items():
            path.write_text(text, encoding="utf-8")
    sys.stderr.writelines(f"{problem}\n" for problem in problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
