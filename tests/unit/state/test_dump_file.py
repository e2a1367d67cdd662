"""The file of a dump: only a whole one is read, and only a whole one is left."""

import errno
import gzip
import json
import os
from pathlib import Path

import pytest

from streams.errors import InputError
from streams.state.dump_file import VERSION, Dump, DumpWriter, Line, Mark, RecordLine, StreamLine, opened

LINES: list[Line] = [
    Dump(
        VERSION, "2026-11-25T00:00:00Z", "citypulse 0.1.0", "citypulse", "time zone UTC, clock wall", {"indicators": 1}
    ),
    StreamLine("indicators", 0, 7, 100, 99, 2, Mark(99, "ab")),
    RecordLine("indicators/0/p/a1/restored", b"\x00\xff"),
    RecordLine("indicators/0/h/7.restored", b"\x01"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "state.gz"
    with DumpWriter(path) as file:
        for line in LINES:
            file.write(line)
    return path


def read(path: Path) -> list[Line]:
    with opened(path) as lines:
        return list(lines)


def test_what_was_written_is_read(path: Path) -> None:
    assert read(path) == LINES


def test_it_is_lines_of_json_that_anybody_can_read(path: Path) -> None:
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert [line["is"] for line in lines] == ["dump", "stream", "record", "record", "end"]
    assert lines[2] == {"is": "record", "key": "indicators/0/p/a1/restored", "value": "AP8="}


def test_a_file_cut_anywhere_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError):
            read(path)


def test_a_changed_byte_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for at in range(10, len(whole)):  # before, gzip's header has a time and a system that say nothing
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(InputError):
            read(path)


def rewritten(path: Path, text: bytes) -> None:
    path.write_bytes(gzip.compress(text))


def test_lines_left_out_added_or_changed_by_hand_are_refused(path: Path) -> None:
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    others = [
        [*lines[:2], *lines[3:]],
        [*lines[:-1], lines[3], lines[-1]],
        [*lines[:2], lines[2].replace(b"AP8=", b"AP4="), *lines[3:]],
        [*lines, lines[3]],
        lines[:-1],
        lines[1:],
        [b"{}\n"],
        [b"\xff\xfe"],
        [],
    ]
    for other in others:
        rewritten(path, b"".join(other))
        with pytest.raises(InputError):
            read(path)


def test_a_later_version_is_refused_clearly(path: Path) -> None:
    first, *others = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    later = json.dumps(json.loads(first) | {"version": VERSION + 1, "more": "than we know"})
    rewritten(path, b"".join([later.encode() + b"\n", *others]))
    with pytest.raises(InputError, match=f"has version {VERSION + 1} .* reads up to {VERSION}"):
        read(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04", b"", None], ids=["another format", "empty", "a folder"])
def test_other_files_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "other"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(InputError, match=str(path)):
        read(path)


def test_a_file_that_is_there_is_left_alone(path: Path) -> None:
    with pytest.raises(InputError, match="is there already"):
        DumpWriter(path)
    assert read(path) == LINES


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write .*nowhere"):
        DumpWriter(tmp_path / "nowhere" / "state.gz")


def broken_off(path: Path) -> None:
    with DumpWriter(path) as file:
        file.write(LINES[0])
        raise KeyboardInterrupt


def test_a_dump_that_was_broken_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        broken_off(tmp_path / "state.gz")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"), DumpWriter(tmp_path / "state.gz") as file:
        file.write(LINES[0])
    assert list(tmp_path.iterdir()) == []
