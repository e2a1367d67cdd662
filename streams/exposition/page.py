"""The live page at /: one static bundle, served from the package. It loads nothing from anywhere else."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Final

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page: only what this worker serves, and nothing inline."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the bundle."""

    body: bytes
    content_type: str


def bundle() -> dict[str, Asset]:
    """The page's files by the path that they are served at; ``index.html`` is at ``/``."""
    found = {}
    for file in files("streams.exposition").joinpath("static").iterdir():
        suffix = file.name[file.name.rindex(".") :]
        path = "/" if file.name == "index.html" else f"/static/{file.name}"
        found[path] = Asset(file.read_bytes(), _TYPES[suffix])
    return found
