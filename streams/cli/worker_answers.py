"""A worker's answers that belong together: complete, and all as of the same offsets."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.topics import TRANSACTIONS
from streams.cli.api import Answers, fetch
from streams.errors import CityPulseError

PATIENCE_S = 30.0
"""How long a worker may be incomplete, as after a rebalance, or its answers differ in their offsets."""

RETRY_S = 0.1

NUMBERS = ("totals", "infrastructure", "indicators")

Offsets = dict[tuple[str, int], int]
"""Topic and partition -> offset after the last record that counts."""


class NotVerifiableError(CityPulseError):
    """A worker's answers cannot be compared."""


@dataclass(frozen=True, slots=True)
class WorkerAnswers:
    """What one worker says of one moment. Only /api/v1/totals names offsets."""

    url: str
    answers: Answers

    @property
    def totals(self) -> Mapping[str, Any]:
        """The answer of /api/v1/totals."""
        totals: Mapping[str, Any] = self.answers["totals"]
        return totals

    @property
    def offsets(self) -> Offsets:
        """Up to where the numbers count."""
        return offsets_of(self.totals)


async def ask(url: str) -> WorkerAnswers:
    """Asks a worker until its answers are complete and belong together.

    The three answers are given one after the other. Assets and figures change with the records of their own topics
    only: when the totals name the same offsets of those before and after, all three are as of the first totals.

    Raises:
        InputError: the URL is none.
        WorkerUnreachable: nobody answers there, or not as a worker does.
        NotVerifiableError: it stays incomplete, or its answers never belong together.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + PATIENCE_S
    while True:
        answers = await fetch(url, NUMBERS)
        after = (await fetch(url, ("totals",)))["totals"]
        reasons = [reason for answer in (*answers.values(), after) for reason in answer["reasons"]]
        complete = all(answer["complete"] for answer in (*answers.values(), after))
        if complete and _slow(answers["totals"]) == _slow(after):
            return WorkerAnswers(url, answers)
        if clock() > deadline:
            if complete:
                raise NotVerifiableError(f"{url} takes in infrastructure or figures all the time", "try again later")
            raise NotVerifiableError(f"{url} is not complete: {'; '.join(dict.fromkeys(reasons))}")
        await asyncio.sleep(RETRY_S)


def offsets_of(totals: Mapping[str, Any]) -> Offsets:
    """The offsets that an answer of /api/v1/totals names."""
    return {(part["topic"], part["partition"]): part["next_offset"] for part in totals["partitions"]}


def _slow(totals: Mapping[str, Any]) -> Offsets:
    return {place: offset for place, offset in offsets_of(totals).items() if place[0] != TRANSACTIONS}
