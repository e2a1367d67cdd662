import asyncio
import os
from io import FileIO

import pytest

from streams.cli.reading import batches
from streams.publish.files import BadTable


def pipe() -> tuple[FileIO, FileIO]:
    reading, writing = os.pipe()
    return FileIO(reading), FileIO(writing, "w")


async def test_what_a_pipe_has_comes_before_its_end() -> None:
    source, sink = pipe()
    with source:
        with sink:
            sink.write(b"{}\n\n{}\nhal")
            stream = batches(source, "ndjson")
            async with asyncio.timeout(60):
                assert await anext(stream) == [(1, b"{}"), (3, b"{}")]
            sink.write(b"f")
        assert [event async for batch in stream for event in batch] == [(4, b"half")]


async def test_every_line_once_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.cli.reading.CHUNK_BYTES", 7)
    source, sink = pipe()
    wanted = [(number, f'{{"n":{number}}}'.encode()) for number in range(1, 500)]
    with source:
        with sink:
            sink.write(b"\n".join(value for _, value in wanted))
        assert [event async for batch in batches(source, "ndjson") for event in batch] == wanted


async def test_an_error_of_the_reader_is_raised_here() -> None:
    source, sink = pipe()
    with source:
        with sink:
            sink.write(b"id\n1\n")
        with pytest.raises(BadTable, match="lacks source, type, time"):
            await anext(batches(source, "csv"))
