"""Commits to the group are hints: that one fails ends nothing, and that faust knows of none is no alarm."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError
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
