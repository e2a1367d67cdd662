"""The runbooks as pages at /runbooks: what to do about an alert, for whoever has no internet and no Grafana at hand."""

import html
from functools import cache
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

from streams.exposition.page import Asset
from streams.shipped import RUNBOOKS, shipped

PREFIX: Final = "/runbooks/"

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} \u2013 CityPulse</title>
<link rel="icon" href="../static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="../static/style.css">
</head>
<body class="runbook">
<nav><a href="../">\u2190 CityPulse, live</a></nav>
<main class="card">
{text}</main>
</body>
</html>
"""


@cache
def pages() -> dict[str, Path]:
    """The runbooks that there are, by file name."""
    return {path.name: path for path in sorted(shipped(RUNBOOKS).glob("*.md"))}


@cache
def page(name: str) -> Asset:
    """A runbook as a page.

    Args:
        name: one of ``pages()``.
    """
    text = MarkdownIt("commonmark", {"html": False}).render(pages()[name].read_text(encoding="utf-8"))
    body = _PAGE.format(title=html.escape(name.removesuffix(".md")), text=text)
    return Asset(body.encode(), "text/html; charset=utf-8")


def link(runbook: str) -> str:
    """Where a threshold's runbook is: an address, one relative to this worker, or nothing.

    Args:
        runbook: an address, or the name of a page.
    """
    if runbook.startswith(("http://", "https://")):
        return runbook
    return f"{PREFIX[1:]}{runbook}" if runbook in pages() else ""
