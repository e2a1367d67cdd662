"""When memory is given back to the system."""

import asyncio
from collections.abc import Sequence

import pytest

import streams.memory
from streams.memory import GIVE_BACK_EVERY, LOOK_EVERY, keep_small

LOOKS = round(GIVE_BACK_EVERY / LOOK_EVERY)


async def given_back_at(looks: Sequence[bool], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """At which look memory was given back, when the looks find this."""
    at, given = 0, []

    async def passed(_: float) -> None:
        """Time does, until there is no more to find."""
        nonlocal at
        at += 1
        if at > len(looks):
            raise asyncio.CancelledError

    monkeypatch.setattr(streams.memory, "give_back", lambda: given.append(at))
    monkeypatch.setattr(asyncio, "sleep", passed)
    with pytest.raises(asyncio.CancelledError):
        await keep_small(lambda: looks[at - 1])
    return given


async def test_memory_is_given_back_soon_after_it_was_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [at in (3, 4, 20) for at in range(1, 31)]
    assert await given_back_at(looks, monkeypatch) == [3, 4, 20]


async def test_memory_is_given_back_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [at == 7 for at in range(1, 3 * LOOKS)]
    assert await given_back_at(looks, monkeypatch) == [7, 7 + LOOKS, 7 + 2 * LOOKS]
