"""Scrapes every worker five times a second and holds each complete answer against the ledger."""

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from streams.state.board import CAUGHT_UP_WITHIN
from tests.compare import differences
from tests.faults.ledger import Ledger, Offsets, Place, offsets_of
from tests.reference.reference import ReferenceTotals, compute, indicators_answer, infrastructure_answer

SCRAPE_EVERY_S = 0.2
ANSWER_WITHIN_S = 5.0
FRESH_WITHIN_S = CAUGHT_UP_WITHIN + 0.5
"""What any worker has shown that long ago, a complete answer holds."""

SAMPLES = 3
"""Complete answers of a worker, taken at random, whose windows are judged too when the run is over."""

Answer = dict[str, Any]


@dataclass
class Sight:
    """What has been seen of one worker."""

    name: str
    url: str
    complete_at: float  # when its last complete answer was asked for
    answer: Answer | None = None  # the last one
    offsets: dict[Place, int] = field(default_factory=dict)  # of the last complete one
    longest: float = 0.0  # without a complete answer, seconds, since the last reset
    unanswered: float = 0.0  # slowest answer of a worker that runs, seconds
    meant: bool = False  # to run, now or after the fault that it suffers
    runs: bool = False  # its process is there and not stopped
    deaf_since: float | None = None  # it cannot know what is in Kafka from then on
    complete: int = 0  # answers
    incomplete: int = 0
    samples: list[Answer] = field(default_factory=list)


class Watch:
    """Looks at the workers.

    Args:
        ledger: the truth.
        urls: of the workers, by name.
        rng: chooses samples.
    """

    def __init__(self, ledger: Ledger, urls: dict[str, str], rng: random.Random) -> None:
        self._ledger = ledger
        self._rng = rng
        self._clock = asyncio.get_running_loop().time
        self.sights = {name: Sight(name, url, self._clock()) for name, url in urls.items()}
        self.differences: list[str] = []
        self._ahead: deque[tuple[str, Answer]] = deque()  # answers about records that are not acknowledged to us yet
        self._shown: deque[tuple[float, dict[Place, int]]] = deque()  # when, the furthest that any answer was
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Watch":
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN_S))
        self._tasks = [asyncio.create_task(self._follow(sight)) for sight in self.sights.values()]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    def check(self) -> None:
        """Raises what has gone wrong with the watching itself."""
        for task in self._tasks:
            if task.done():
                task.result()

    def expect(self, name: str) -> None:
        """A worker runs from now on."""
        sight = self.sights[name]
        if not sight.meant:
            sight.meant, sight.complete_at = True, self._clock()
        sight.runs = True

    def reset(self) -> None:
        """Measures anew how long workers are incomplete."""
        for sight in self.sights.values():
            sight.longest = 0.0

    def worst(self) -> float:
        """The longest time since the reset in which a worker gave no complete answer, seconds."""
        now = self._clock()
        return max(max(sight.longest, now - sight.complete_at) for sight in self.sights.values() if sight.meant)

    def caught_up(self, since: float, ends: Offsets) -> bool:
        """Every worker has given a complete answer, asked for after a moment, about all records up to some ends."""
        return all(
            sight.complete_at >= since and all(sight.offsets.get(place, 0) >= end for place, end in ends.items())
            for sight in self.sights.values()
            if sight.runs
        )

    async def get(self, name: str, path: str) -> Answer:
        """What a worker answers."""
        async with self._session.get(self.sights[name].url + path) as response:
            answer: Answer = await response.json()
            return answer

    # -- scraping

    async def _follow(self, sight: Sight) -> None:
        while True:
            asked = self._clock()
            await self.look(sight)
            await asyncio.sleep(max(0.0, asked + SCRAPE_EVERY_S - self._clock()))

    async def look(self, sight: Sight) -> None:
        """Asks a worker once and judges its answer; that there is none is no fault."""
        asked, ran = self._clock(), sight.runs
        try:
            answer = await self.get(sight.name, "/api/v1/totals")
        except (aiohttp.ClientError, TimeoutError):
            return
        if ran:
            sight.unanswered = max(sight.unanswered, self._clock() - asked)
        sight.answer = answer
        self._judge(sight, asked, answer)
        self._judge_later()

    def _judge(self, sight: Sight, asked: float, answer: Answer) -> None:
        if not answer["complete"]:
            sight.incomplete += 1
            if not answer["reasons"]:
                self._differs(sight.name, "it is incomplete and does not say why")
            return
        offsets = offsets_of(answer)
        sight.complete += 1
        sight.longest = max(sight.longest, asked - sight.complete_at)
        sight.complete_at = asked
        for place, offset in offsets.items():
            if offset < sight.offsets.get(place, 0):
                self._differs(sight.name, f"{place} went back from {sight.offsets[place]} to {offset}")
        if sight.deaf_since is not None and asked > sight.deaf_since + FRESH_WITHIN_S:
            self._differs(sight.name, f"complete {asked - sight.deaf_since:.1f} s after it was cut off")
        sight.offsets = offsets
        self._judge_freshness(sight, asked, offsets)
        if self._ledger.covers(offsets):
            self._compare(sight.name, answer)
        else:
            self._ahead.append((sight.name, answer))
        self._sample(sight, answer)

    def _judge_freshness(self, sight: Sight, asked: float, offsets: dict[Place, int]) -> None:
        while len(self._shown) > 1 and self._shown[1][0] <= asked - FRESH_WITHIN_S:
            self._shown.popleft()
        if self._shown and self._shown[0][0] <= asked - FRESH_WITHIN_S:
            then, known = self._shown[0]
            stale = {place: (offsets[place], offset) for place, offset in known.items() if offsets[place] < offset}
            if stale:
                self._differs(sight.name, f"stale, shown by others {asked - then:.1f} s before: {stale}")
        furthest = dict(self._shown[-1][1]) if self._shown else {}
        for place, offset in offsets.items():
            furthest[place] = max(furthest.get(place, 0), offset)
        self._shown.append((self._clock(), furthest))

    def _judge_later(self) -> None:
        while self._ahead and self._ledger.covers(offsets_of(self._ahead[0][1])):
            self._compare(*self._ahead.popleft())

    def _compare(self, name: str, answer: Answer) -> None:
        for line in self._ledger.differences(offsets_of(answer), answer):
            self._differs(name, line)

    def _differs(self, name: str, what: str) -> None:
        self.differences.append(f"{self._clock():.1f} {name}: {what}")

    def _sample(self, sight: Sight, answer: Answer) -> None:
        """Every complete answer has the same chance to be kept."""
        if len(sight.samples) < SAMPLES:
            sight.samples.append(answer)
        elif (place := self._rng.randrange(sight.complete)) < SAMPLES:
            sight.samples[place] = answer

    # -- at the end

    async def final(self) -> None:
        """Everything that every worker shows, and the samples, against the reference."""
        self._judge_later()
        if self._ahead:
            self._differs(self._ahead[0][0], "counted records that were never published")
        names = [name for name, sight in self.sights.items() if sight.runs]
        shown = [
            (name, [await self.get(name, f"/api/v1/{what}") for what in ("totals", "infrastructure", "indicators")])
            for name in names
        ]
        whole = self._reference(self._ledger.ends())
        for name, answers in shown:
            for line in differences(whole, *answers):
                self._differs(name, f"at the end: {line}")
        for sight in self.sights.values():
            for answer in sight.samples:
                wanted = self._reference(offsets_of(answer))
                for line in differences(wanted, answer, infrastructure_answer(wanted), indicators_answer(wanted)):
                    self._differs(sight.name, f"with windows: {line}")

    def _reference(self, offsets: Offsets) -> ReferenceTotals:
        return compute(self._ledger.records(offsets), wall_us=self._ledger.wall_us)
