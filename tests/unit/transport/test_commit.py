"""Commits to the group are hints: that one fails ends nothing."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError
from faust.types.tuples import TP

from streams.transport.consumer import SliceThread


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
