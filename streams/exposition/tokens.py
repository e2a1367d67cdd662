"""Bearer tokens of those who may write: a file with a name and the token's SHA-256 a line, read anew when it changes.

Tokens are random, 256 bits, so a plain hash is enough: there is nothing to guess. A name may have several lines: a new
token is added, its owner changes over, and the old one goes.
"""

import hashlib
import hmac
import logging
import re
import secrets
from pathlib import Path
from typing import Final

_LINE: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64})[ \t]+(?P<hash>[0-9a-f]{64})\Z")
_PREFIX: Final = "citypulse_"
"""Lets scanners for secrets in code know one of ours."""

_Signature = tuple[int, int, int]

_log = logging.getLogger(__name__)


class BadTokens(ValueError):
    """The file cannot be read, or a line is not as it should be. Never says what is in the line."""


def make_token() -> str:
    """A new token."""
    return _PREFIX + secrets.token_urlsafe(32)


def token_line(name: str, token: str) -> str:
    """The line of a tokens file.

    Args:
        name: whose token it is.
        token: it.

    Raises:
        ValueError: the name has other characters than letters, digits, dot, hyphen and underscore, or more than 64.
    """
    line = f"{name} {hashlib.sha256(token.encode()).hexdigest()}"
    if not _LINE.match(line):
        raise ValueError(f"{name!r} is no name: expected 1 to 64 letters, digits, dots, hyphens or underscores")
    return line


class Tokens:
    """The tokens of a file.

    While the file cannot be read, or a line in it is wrong, the last good list stays and the log says so. An empty file
    is a good one: nobody may write.

    Args:
        path: of the file.

    Raises:
        BadTokens: it cannot be read, or a line is wrong.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._signature()  # before reading: a change meanwhile is seen as one
        self._hashes = read_tokens(path)

    def name_of(self, token: bytes) -> str | None:
        """Whose token it is, None if nobody's. Takes equally long for every token."""
        self._refresh()
        given = hashlib.sha256(token).digest()
        found = None
        for known, name in self._hashes:
            if hmac.compare_digest(known, given):
                found = name
        return found

    def _refresh(self) -> None:
        signature = self._signature()
        if signature == self._seen:
            return
        self._seen = signature
        try:
            self._hashes = read_tokens(self._path)
        except BadTokens as error:
            _log.error("%s; the tokens that were good before stay", error)

    def _signature(self) -> _Signature | None:
        """Changes when the file does; None while there is none."""
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def read_tokens(path: Path) -> list[tuple[bytes, str]]:
    """(hash, name) of each line; blank lines and those that begin with ``#`` are left out.

    Raises:
        BadTokens: the file cannot be read, or a line is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise BadTokens(f"cannot read {path}: {said}") from error
    found = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.match(text)
        if match is None:
            raise BadTokens(f"line {number} of {path} is no name and SHA-256, as citypulse token writes them")
        found.append((bytes.fromhex(match["hash"]), match["name"]))
    return found
