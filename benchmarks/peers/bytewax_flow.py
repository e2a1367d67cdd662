"""Bytewax with recovery on: a step by minutes that holds the ids and the panes of a minute, snapshotted each second.

Keyed by the minute of the event, because Bytewax snapshots whole keys: by id it took three times as long, and by
partition each snapshot holds all ids again. A repeat has the time of the event that it repeats, so it meets it.
"""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from benchmarks.peers.job import Counted, Progress, decoding, hand_in, order

BATCH = 4_096
EPOCH = timedelta(seconds=1)

Panes = dict[str, tuple[int, int]]
State = tuple[frozenset[str], Panes]
Changed = tuple[str, int, int]


class Minute(StatefulBatchLogic[Counted, Changed, State]):  # type: ignore[misc]
    """One minute: its ids, and transactions and minor units by series.

    Args:
        state: as it was at the last snapshot.
    """

    def __init__(self, state: State | None) -> None:
        ids, panes = state or (frozenset(), {})
        self._ids, self._panes = set(ids), panes

    def on_batch(self, values: list[Counted]) -> tuple[Iterable[Changed], bool]:
        """Adds events, and gives the panes that changed."""
        changed = {}
        for identity, series, _, minor in values:
            if identity not in self._ids:
                self._ids.add(identity)
                count, amount = self._panes.get(series, (0, 0))
                changed[series] = self._panes[series] = count + 1, amount + minor
        return [(series, *pane) for series, pane in changed.items()], StatefulBatchLogic.RETAIN

    def snapshot(self) -> State:
        """A copy, as it goes on changing."""
        return frozenset(self._ids), self._panes.copy()


class Shown(DynamicSink[tuple[str, Changed]]):  # type: ignore[misc]
    """Keeps the newest of each pane where it can be read.

    Args:
        counted: events until all is done.
        scratch: where the totals go then.
    """

    def __init__(self, counted: int, scratch: str) -> None:
        self._counted, self._scratch = counted, scratch

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "_ShownPart":
        """One process, one worker: one part."""
        return _ShownPart(self._counted, self._scratch)


class _ShownPart(StatelessSinkPartition[tuple[str, Changed]]):  # type: ignore[misc]
    def __init__(self, counted: int, scratch: str) -> None:
        self._progress, self._scratch = Progress(counted), scratch
        self._totals: dict[tuple[str, str], tuple[int, int]] = {}

    def write_batch(self, items: list[tuple[str, Changed]]) -> None:
        more = 0
        for minute, (series, count, amount) in items:
            pane = series, minute
            more += count - self._totals.get(pane, (0, 0))[0]
            self._totals[pane] = count, amount
        if self._progress.add(more):
            hand_in(self._scratch, ((series, int(at), *pane) for (series, at), pane in self._totals.items()))


def main() -> None:
    asked = order()
    read = decoding(asked.exponents)

    def valid(batch: list[KafkaSourceMessage[bytes, bytes]]) -> list[tuple[str, Counted]]:
        counted = [read(message.value) for message in batch]
        return [(str(each[2]), each) for each in counted if each is not None]

    flow = Dataflow("job")
    messages = op.input("read", flow, KafkaSource([asked.broker], [asked.topic], batch_size=BATCH))
    by_minute = op.flat_map_batch("validate", messages, valid)
    panes = op.stateful_batch("panes", by_minute, Minute)
    op.output("show", panes, Shown(asked.counted, asked.scratch))
    recovery = Path(asked.scratch, "recovery")
    recovery.mkdir()
    init_db_dir(recovery, 1)
    cli_main(flow, epoch_interval=EPOCH, recovery_config=RecoveryConfig(recovery))


if __name__ == "__main__":
    main()
