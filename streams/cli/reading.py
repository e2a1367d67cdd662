"""Reading a file or a pipe in a thread, so that Ctrl-C is heard and the broker is served while it blocks."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from io import FileIO

from streams.publish.files import BadTable, Format, read_events
from streams.publish.mapping import ColumnMapping

Batch = list[tuple[int, bytes]]
CHUNK_BYTES = 262_144
AHEAD = 4
"""Batches that may wait to be published."""


class _Lines:
    """The lines of a stream; ``more`` tells whether the next one is there already or may have to be waited for."""

    def __init__(self, stream: FileIO) -> None:
        self._stream = stream
        self.more = False

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        # It gives what there is: a pipe's events are published when they come, not when a buffer is full.
        while chunk := self._stream.read(CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for left, line in zip(range(len(lines) - 1, -1, -1), lines, strict=True):
                self.more = left > 0
                yield line + b"\n"
        self.more = False
        if rest:
            yield rest


async def batches(stream: FileIO, form: Format, mapping: ColumnMapping | None = None) -> AsyncIterator[Batch]:
    """Numbered events of a stream, as ``read_events`` has them, many at a time.

    The thread that reads is a daemon: whoever stops iterating leaves it behind.

    Raises:
        BadTable: the CSV's header cannot be used.
        OSError: the stream cannot be read.
    """
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Batch | BadTable | OSError | None] = asyncio.Queue()
    room = threading.Semaphore(AHEAD)

    def hand_over(item: Batch | BadTable | OSError | None) -> None:
        room.acquire()
        loop.call_soon_threadsafe(queue.put_nowait, item)

    def read() -> None:
        lines = _Lines(stream)
        batch: Batch = []
        try:
            for event in read_events(lines, form, mapping):
                batch.append(event)
                if not lines.more:
                    hand_over(batch)
                    batch = []
            hand_over(batch)
            hand_over(None)
        except (BadTable, OSError) as error:
            hand_over(error)
        except RuntimeError:  # the loop has been closed: nobody reads any more
            return

    threading.Thread(target=read, name="citypulse-reader", daemon=True).start()
    while True:
        item = await queue.get()
        room.release()
        if item is None:
            return
        if isinstance(item, Exception):
            raise item
        yield item
