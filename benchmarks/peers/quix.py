"""Quix Streams: duplicates in the state of each transaction's key, then regrouped by series into tumbling windows."""

from typing import Any

from quixstreams import Application, State

from benchmarks.peers.job import Counted, Progress, decoding, hand_in, order

MINUTE_MS = 60_000
DAY_MS = 86_400_000


def main() -> None:
    asked = order()
    progress, read = Progress(asked.counted), decoding(asked.exponents)
    totals: dict[tuple[str, int], tuple[int, int]] = {}
    app = Application(
        broker_address=asked.broker,
        consumer_group=asked.name,
        auto_offset_reset="earliest",
        state_dir=asked.scratch,
        commit_interval=1.0,
        loglevel="ERROR",
        # The embedded broker has no idempotent producer, and at-least-once needs none.
        producer_extra_config={"enable.idempotence": False},
    )
    source = app.topic(asked.topic, value_deserializer="bytes")

    def fresh(counted: Counted, state: State) -> bool:
        if state.exists(counted[0]):
            return False
        state.set(counted[0], True)
        return True

    def shown(window: dict[str, Any], key: Any, _timestamp: int, _headers: Any) -> None:
        totals[key, window["start"]] = window["value"]
        if progress.add():
            hand_in(asked.scratch, ((series, at, count, minor) for (series, at), (count, minor) in totals.items()))

    frame = app.dataframe(source)
    frame = frame.apply(read).filter(lambda counted: counted is not None)
    frame = frame.filter(fresh, stateful=True)
    frame = frame.group_by(lambda counted: counted[1], name="series", key_serializer="str", key_deserializer="str")
    frame = frame.set_timestamp(lambda counted, _key, _timestamp, _headers: counted[2])
    frame = (
        frame.tumbling_window(MINUTE_MS, grace_ms=DAY_MS)
        .reduce(lambda so_far, counted: [so_far[0] + 1, so_far[1] + counted[3]], lambda counted: [1, counted[3]])
        .current()
    )
    frame.update(shown, metadata=True)
    app.run()


if __name__ == "__main__":
    main()
