"""Commits to the group are hints: that one fails ends nothing, and that faust knows of none is no alarm."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError
from faust.transport.consumer import Consumer
from faust.types.tuples import TP

from streams.transport.consumer import SliceConsumer, SliceThread


@pytest.mark.parametrize("error", [KafkaConnectionError(), CommitFailedError("gone"), IllegalStateError("not ours")])
async def test_a_commit_that_fails_is_left_at_that(error: Exception) -> None:
    asked: list[Any] = []

    async def commit(offsets: Any) -> None:
        asked.append(offsets)
        raise error

    thread: Any = SimpleNamespace(
        assignment=lambda: {TP("t", 0)}, _ensure_consumer=lambda: SimpleNamespace(commit=commit)
    )
    assert not await SliceThread._commit(thread, {TP("t", 0): 5, TP("t", 1): 6})
    assert [list(offsets) for offsets in asked] == [[("t", 0)]]


def test_a_partition_whose_commits_faust_has_not_seen_is_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    thread: Any = SliceThread.__new__(SliceThread)
    consumer: Any = SimpleNamespace(_thread=thread)
    SliceConsumer.verify_event_path(consumer, 1e6, TP("t", 0))
    assert caplog.records == []


def test_what_is_still_under_way_is_never_committed_over() -> None:
    """faust-streaming issue 606: of a slow message and four quick ones after it, faust commits all five."""
    tp, slow = TP("t", 0), 2585
    consumer: Any = SliceConsumer.__new__(SliceConsumer)
    consumer.app = SimpleNamespace(ownership=SimpleNamespace(durable_offset=lambda _: slow))
    for new_offset, wanted in ((Consumer._new_offset, slow + 5), (SliceConsumer._new_offset, slow)):
        consumer._acked = {tp: list(range(slow + 1, slow + 5))}
        consumer._acked_index = {tp: set(consumer._acked[tp])}
        consumer._gap, consumer._committed_offset = {tp: None}, {tp: slow}
        assert new_offset(consumer, tp) == wanted
