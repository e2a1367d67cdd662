"""The faust agent of faust's manual: an event at a time, counts kept in tables."""

import logging
import os
from pathlib import Path
from typing import Any

import faust

from benchmarks.peers.job import Progress, decoding, hand_in, order

ORDER = order()
logging.disable(logging.WARNING)  # it warns of what it does by itself

app = faust.App(
    ORDER.name,
    broker=f"kafka://{ORDER.broker}",
    store="memory://",
    topic_partitions=ORDER.partitions,
    datadir=str(Path(ORDER.scratch, "faust")),
    consumer_auto_offset_reset="earliest",
)
source = app.topic(ORDER.topic, value_type=bytes, value_serializer="raw", key_type=bytes, key_serializer="raw")
seen = app.Table("seen", default=bool)
counts = app.Table("counts", default=int)
amounts = app.Table("amounts", default=int)


@app.agent(source)  # type: ignore[untyped-decorator]
async def count(stream: Any) -> None:
    """Counts each event once."""
    read, progress = decoding(ORDER.exponents), Progress(ORDER.counted)
    async for event in stream.events():
        counted = read(event.value)
        if counted is None:
            continue
        identity, series, minute, minor = counted
        if seen[identity]:
            continue
        seen[identity] = True
        pane = f"{series} {minute}"
        counts[pane] += 1
        amounts[pane] += minor
        if progress.add():
            hand_in(ORDER.scratch, _totals())


def _totals() -> list[tuple[str, int, int, int]]:
    panes = [(pane, *pane.rsplit(" ", 1)) for pane in counts]
    return [(series, int(minute), counts[pane], amounts[pane]) for pane, series, minute in panes]


if __name__ == "__main__":
    os.chdir(ORDER.scratch)
    app.finalize()
    faust.Worker(app, loglevel="ERROR", redirect_stdouts=False).execute_from_commandline()
