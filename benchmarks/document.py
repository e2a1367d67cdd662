"""Puts what a benchmark measured into docs/benchmarks.md, between the marks of its section."""

import re
import statistics
from collections.abc import Sequence
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def put(section: str, text: str) -> None:
    """Replaces what stands between ``<!-- section -->`` and ``<!-- /section -->``.

    Raises:
        ValueError: the document has no such section.
    """
    before = FILE.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- {section} -->\n).*?(<!-- /{section} -->)", re.DOTALL)
    after, found = marked.subn(lambda match: f"{match[1]}{text.strip()}\n{match[2]}", before)
    if found != 1:
        raise ValueError(f"{FILE.name} has {found} sections {section!r}")
    FILE.write_text(after, encoding="utf-8")


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def line(facts: dict[str, str]) -> str:
    """Facts as one paragraph."""
    return "; ".join(f"{name}: {value}" for name, value in facts.items()) + "."


def spread(values: Sequence[float], digits: int = 0) -> str:
    """The median, and the least and the most where there are several."""
    middle = f"{statistics.median(values):,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):,.{digits}f} - {max(values):,.{digits}f})"
