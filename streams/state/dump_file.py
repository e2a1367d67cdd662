"""The file of a dump: gzip, a line of JSON each.

=======  ==============================================================================================
dump     first: version of the file, when and by what it was made, settings, partitions of each family
stream   before the records of a stream: source offset up to which it counts, and how many records follow
record   key and value of a record of the state log, the value as base64
end      last: how many lines are before it, and the SHA-256 of them. Without it the file is not whole
=======  ==============================================================================================
"""

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from streams.errors import InputError

VERSION: Final = 1
"""Raise it when an earlier version would misread the file. What is inside has a format of its own: ``records``."""

_LEVEL: Final = 3
"""Of compression: most of a large state are hashes, which nothing makes smaller."""


class _Line(msgspec.Struct, tag_field="is", frozen=True, forbid_unknown_fields=True):
    pass


class Dump(_Line, tag="dump", frozen=True, forbid_unknown_fields=False):
    """The first line. A later version's may have more in it, and is told by its version."""

    version: int
    made: str
    by: str
    app_id: str
    settings: str  # as claims have them
    partitions: dict[str, int]  # family -> partitions of its source topic


class Mark(msgspec.Struct, frozen=True):
    """A record of a source topic, to tell whether another topic of that name has the same one at its place."""

    offset: int
    sha256: str


class StreamLine(_Line, tag="stream", frozen=True):
    """What stands before a stream's records."""

    family: str
    partition: int
    checkpoint: int
    next_offset: int
    counted: int  # source records, whatever became of them
    records: int  # that follow
    last: Mark | None  # the last record that counts; None: there is none that could be read


class RecordLine(_Line, tag="record", frozen=True):
    """A record of the state log."""

    key: str
    value: bytes


class End(_Line, tag="end", frozen=True):
    """The last line."""

    lines: int
    sha256: str


Line = Dump | StreamLine | RecordLine | End

_decode = msgspec.json.Decoder(Line).decode
_encode = msgspec.json.Encoder().encode


class DumpWriter:
    """Writes a dump beside its place, and puts it there when it is whole; a context manager.

    Args:
        path: where no file is yet.

    Raises:
        InputError: there is one, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f".{path.name}.part")
        if path.exists():
            raise InputError(f"{path} is there already: a dump overwrites nothing")
        with self._explained():
            self._raw = self._part.open("wb")
        self._zipped = gzip.GzipFile("", "wb", _LEVEL, self._raw, mtime=0)
        self._hash = hashlib.sha256()
        self._lines = 0

    def write(self, line: Line) -> None:
        """Adds a line.

        Raises:
            InputError: the disk does not take it.
        """
        text = _encode(line) + b"\n"
        self._hash.update(text)
        self._lines += 1
        with self._explained():
            self._zipped.write(text)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"cannot write {self._path}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.write(End(self._lines, self._hash.hexdigest()))
                with self._explained():
                    self._zipped.close()
                    self._raw.flush()
                    os.fsync(self._raw.fileno())
                    self._part.rename(self._path)
        finally:
            with suppress(OSError):
                self._zipped.close()
                self._raw.close()
            self._part.unlink(missing_ok=True)


@contextmanager
def opened(path: Path) -> Iterator[Iterator[Line]]:
    """The lines of a dump but the last, which is looked at: a file that is not whole ends in an error.

    Raises:
        InputError: it cannot be read, is none of ours, of a later version, or not whole.
    """
    try:
        file = gzip.open(path)  # noqa: SIM115 - it is closed below
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    with file:
        yield _lines(path, file)


def _lines(path: Path, file: gzip.GzipFile) -> Iterator[Line]:
    sha256 = hashlib.sha256()
    lines = 0
    try:
        for text in file:
            line = _decode(text)
            if isinstance(line, End):
                if (line.lines, line.sha256) != (lines, sha256.hexdigest()) or file.read(1):
                    raise InputError(f"{path} is damaged: what is in it is not what was written")
                return
            if isinstance(line, Dump) != (lines == 0):
                raise InputError(f"{path} is no dump of a state")
            if isinstance(line, Dump) and line.version > VERSION:
                raise InputError(
                    f"{path} has version {line.version} of the file, this version reads up to {VERSION}",
                )
            sha256.update(text)
            lines += 1
            yield line
    except (EOFError, zlib.error) as error:
        raise InputError(f"{path} is cut off or damaged: {error}") from error
    except gzip.BadGzipFile as error:
        raise InputError(f"{path} is no dump of a state, or damaged: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is no dump of a state, or damaged: line {lines + 1}: {error}") from error
    raise InputError(f"{path} is cut off: its last line is missing")
