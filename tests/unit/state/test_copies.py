"""A stream copied out of one log into another, and what its next owner makes of it."""

from typing import Any

import pytest

from streams.state import copies
from streams.state.copies import Copied, CopyError, copied
from streams.state.owner import Owner
from streams.state.recovery import StateSettingsError
from streams.state.stream import Stream
from tests.unit.state.test_owner import Log, add, checkpoint, event, gross, log, owner_of

__all__ = ["log"]  # the fixture

HORIZON = 8
KEY = ("transactions", 0)


def stream_of(log: Log) -> Stream:
    return log.new_board().streams[KEY]


async def copy_of(log: Log, horizon: int = HORIZON) -> Copied:
    copy = copied(stream_of(log), await log.read_ids(*KEY), horizon)
    assert copy is not None
    return copy


async def restored(copy: Copied, *, finished: bool = True) -> Log:
    new = Log()
    last = [copies.finish(*KEY, "time zone Asia/Shanghai, clock event")] if finished else []
    for key, value in (copies.begin(*KEY), *copy.pairs, *last):
        await new.append(0, key, value)
    return new


async def counted(log: Log, *numbers: int) -> None:
    """Counts events, in checkpoints of two by one owner, who writes pages between them."""
    owner = owner_of(log)
    for at in range(0, len(numbers), 2):
        await checkpoint(owner, *map(event, numbers[at : at + 2]))


async def gone_on_with(log: Log, *decoded: Any) -> Owner:
    owner = owner_of(log, name="successor")
    await checkpoint(owner, *decoded)
    return owner


async def test_the_next_owner_goes_on_where_the_copy_ends(log: Log) -> None:
    await counted(log, *range(10))
    new = await restored(await copy_of(log))
    owner = owner_of(new)
    assert await owner.acquire(new.read_ids) == 10
    owner.begin(10)
    add(owner, event(10))
    await owner.release()
    assert gross(new.new_board()) == 1_100
    head = stream_of(new).head
    assert head is not None
    assert (head.n, head.outcomes) == (6, [11, 0, 0, 0])


async def test_duplicates_are_those_of_the_original(log: Log) -> None:
    await counted(log, *range(10))
    new = await restored(await copy_of(log))
    for each in (log, new):  # 4 is within the last eight, 0 is not
        await gone_on_with(each, event(4), event(0))
        head = stream_of(each).head
        assert head is not None
        assert head.outcomes == [11, 0, 1, 0]


async def test_what_a_copy_of_the_copy_holds_is_the_same(log: Log) -> None:
    await counted(log, *range(7))
    copy = await copy_of(log)
    assert await copy_of(await restored(copy)) == copy


async def test_a_stream_without_a_checkpoint_has_no_copy(log: Log) -> None:
    owner = owner_of(log)
    await owner.acquire(log.read_ids)
    assert copied(owner.stream, [], HORIZON) is None


async def test_nobody_goes_on_with_a_restore_that_is_not_finished(log: Log) -> None:
    await counted(log, 1, 2)
    new = await restored(await copy_of(log), finished=False)
    with pytest.raises(StateSettingsError, match="has not come to its end") as refused:
        await owner_of(new).acquire(new.read_ids)
    assert "delete the state topic" in refused.value.hint


async def test_a_copy_misses_no_event_that_was_remembered(log: Log) -> None:
    await counted(log, *range(10))
    with pytest.raises(CopyError, match="event ids are missing"):
        copied(stream_of(log), [], HORIZON)
