"""A run of the harness: cluster, load and watch together, and what is done to them."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from streams.transport.clocks import wall_us
from tests.faults.cluster import Cluster
from tests.faults.ledger import HarnessError, Ledger
from tests.faults.load import Load
from tests.faults.placement import move_leaders, place
from tests.faults.schedule import Fault, Kind
from tests.faults.watch import Watch
from tests.traffic import mixed

RECOVERED_WITHIN_S = 120.0
"""After the end of a fault; longer counts as a difference."""

END = datetime(2024, 8, 14, 15, 30, 5, tzinfo=ZoneInfo("Asia/Shanghai"))
AGAIN = 300
"""Records of each partition that are published once more after a crash."""


@dataclass(frozen=True)
class Outcome:
    """What came of one fault. Seconds."""

    fault: Fault
    recovery: float  # from its end until every worker is complete and has all that was there at its end
    incomplete: float  # the longest that a worker gave no complete answer, ended or stopped ones included
    differences: int

    def __str__(self) -> str:
        return (
            f"{self.fault}: recovered in {self.recovery:.1f} s, incomplete for at most {self.incomplete:.1f} s, "
            f"{self.differences} differences"
        )


class Loading(Protocol):
    """What a run needs of its load."""

    def check(self) -> None:
        """Raises what has gone wrong with it."""

    async def again(self, n: int) -> None:
        """Publishes the last records of every partition once more."""

    async def end(self) -> None:
        """Publishes no more; returns when all is acknowledged."""


class Run:
    """One run.

    Args:
        cluster: started.
        load: the same.
        ledger: the truth.
        watch: started.
        say: told what happens, a line at a time.
    """

    def __init__(
        self, cluster: Cluster, load: Loading, ledger: Ledger, watch: Watch, say: Callable[[str], None]
    ) -> None:
        self.cluster = cluster
        self.load = load
        self.ledger = ledger
        self.watch = watch
        self._say = say
        self._clock = asyncio.get_running_loop().time
        self._actions: dict[Kind, Callable[[Fault], Awaitable[None]]] = {
            "kill": self._kill,
            "kill all": self._kill_all,
            "restart": self._restart,
            "roll": self._roll,
            "pause": self._pause,
            "broker": self._broker,
            "cut": self._cut,
            "duplicates": self._duplicates,
            "join": self._join,
            "leaders": self._leaders,
            "asleep": self._asleep,
            "short": self._short,
        }
        self._staff: list[int] = []

    async def begin(self, workers: Iterable[int]) -> None:
        """Starts some workers and waits until each owns partitions: else nothing much is lost with it.

        All that happens to all happens to them.
        """
        self._staff = list(workers)
        for at in self._staff:
            self.start(at)
        await self.recovered()
        await self.owned_by(self._staff)
        await self.recovered()
        if self.watch.differences:
            raise HarnessError(f"the workers did not start: {self.differences()}")

    async def owned_by(self, workers: Iterable[int]) -> None:
        """Waits until all partitions are owned by these workers, and each has some; the first of them shows it."""
        staff = [self.cluster.workers[at] for at in workers]
        wanted = {f"{worker.pid}" for worker in staff}
        sight, began = self.watch.sights[staff[0].name], self._clock()
        while {row["owner"].rpartition("-")[2] for row in (sight.answer or {}).get("partitions", ())} != wanted:
            self.watch.check()
            if self._clock() - began > RECOVERED_WITHIN_S:
                raise HarnessError(f"the partitions are not owned by {wanted}: {sight.answer}")
            await asyncio.sleep(0.05)

    def start(self, at: int) -> None:
        """Starts a worker."""
        worker = self.cluster.workers[at]
        worker.start()
        self.watch.expect(worker.name)

    async def apply(self, fault: Fault) -> Outcome:
        """One fault, and what comes after it."""
        await asyncio.sleep(fault.after)
        self.watch.reset()
        before = len(self.watch.differences)
        await self._actions[fault.kind](fault)
        recovery = await self.recovered()
        outcome = Outcome(fault, recovery, self.watch.worst(), len(self.watch.differences) - before)
        self._say(str(outcome))
        for line in self.watch.differences[before : before + 5]:
            self._say(f"    {line[:1000]}")
        return outcome

    async def end(self) -> None:
        """Ends the load and compares everything."""
        await self.load.end()
        await self.recovered()
        await self.watch.final()

    async def recovered(self) -> float:
        """Waits until all workers are complete and have what is there now; gives the seconds."""
        since, ends = self._clock(), self.ledger.ends()
        while not self.watch.caught_up(since, ends):
            self.load.check()
            self.watch.check()
            if self._clock() - since > RECOVERED_WITHIN_S:
                state = {name: (s.answer or {}).get("reasons") for name, s in self.watch.sights.items()}
                self.watch.differences.append(f"not recovered after {RECOVERED_WITHIN_S:.0f} s: {state}")
                break
            await asyncio.sleep(0.05)
        return self._clock() - since

    def differences(self) -> list[str]:
        """Everything that was not as it should be."""
        return self.watch.differences + [line for worker in self.cluster.workers for line in worker.ended]

    # -- faults

    async def _end(self, at: int, with_signal: signal.Signals) -> None:
        worker = self.cluster.workers[at]
        self.watch.sights[worker.name].runs = False
        code = await worker.end(with_signal)
        if with_signal is signal.SIGTERM and code != 0:
            self.watch.differences.append(f"{worker.name} was told to end and ended with {code}")

    async def _kill(self, fault: Fault) -> None:
        await self._end(fault.worker, signal.SIGKILL)
        await asyncio.sleep(fault.lasts)
        self.start(fault.worker)

    async def _kill_all(self, fault: Fault) -> None:
        await asyncio.gather(*(self._end(at, signal.SIGKILL) for at in self._staff))
        await asyncio.sleep(fault.lasts)
        for at in self._staff:
            self.start(at)

    async def _restart(self, fault: Fault) -> None:
        await self._end(fault.worker, signal.SIGTERM)
        await asyncio.sleep(fault.lasts)
        self.start(fault.worker)

    async def _roll(self, fault: Fault) -> None:
        for at in self._staff:
            await self._restart(fault._replace(worker=at))
            if at != self._staff[-1]:
                await self.recovered()

    async def _join(self, fault: Fault) -> None:
        spare = len(self.cluster.workers) - 1
        self.start(spare)
        await self.recovered()
        await asyncio.sleep(fault.lasts)
        await self._end(spare, signal.SIGTERM)
        self.watch.sights[self.cluster.workers[spare].name].meant = False

    async def _pause(self, fault: Fault) -> None:
        async with self.stopped(fault.worker):
            await asyncio.sleep(fault.lasts)

    async def _asleep(self, fault: Fault) -> None:
        async with self.stopped(fault.worker):
            await self._leaders(fault)

    @asynccontextmanager
    async def stopped(self, at: int) -> AsyncIterator[None]:
        """A worker does nothing meanwhile."""
        worker = self.cluster.workers[at]
        self.watch.sights[worker.name].runs = False
        worker.signal(signal.SIGSTOP)
        yield
        worker.signal(signal.SIGCONT)
        self.watch.sights[worker.name].runs = True

    async def _broker(self, fault: Fault) -> None:
        kafka = self.cluster.kafka
        alone = len(kafka.nodes) == 1
        await asyncio.to_thread(kafka.kill, fault.broker)
        for sight in self.watch.sights.values():
            sight.deaf_since = self._clock() if alone else None
        await asyncio.sleep(fault.lasts)
        back = asyncio.create_task(asyncio.to_thread(kafka.restart, fault.broker))
        for sight in self.watch.sights.values():
            sight.deaf_since = None
        await back

    async def _cut(self, fault: Fault) -> None:
        network, sight = self.cluster.networks[fault.worker], self.watch.sights[f"worker-{fault.worker}"]
        await network.cut("silent" if fault.silent else "refused")
        sight.deaf_since = self._clock()
        await asyncio.sleep(fault.lasts)
        sight.deaf_since = None
        network.mend()

    async def _duplicates(self, fault: Fault) -> None:
        await self._end(fault.worker, signal.SIGKILL)
        await self.load.again(AGAIN)
        await asyncio.sleep(fault.lasts)
        self.start(fault.worker)

    async def _leaders(self, fault: Fault) -> None:
        bootstrap = self.cluster.kafka.bootstrap
        before = await move_leaders(bootstrap)
        await asyncio.sleep(fault.lasts)
        await place(bootstrap, before)

    async def _short(self, fault: Fault) -> None:
        kafka = self.cluster.kafka
        await asyncio.to_thread(kafka.kill, fault.broker)
        await self._kill(fault)
        await self.recovered()
        await asyncio.to_thread(kafka.restart, fault.broker)


@asynccontextmanager
async def stage(
    directory: Path,
    *,
    seed: int,
    records: int,
    brokers: int = 1,
    workers: int = 2,
    rate: float = 1_000.0,
    say: Callable[[str], None] = print,
) -> AsyncIterator[Run]:
    """A cluster under load, with workers that are not started yet.

    Args:
        directory: for data and logs; the caller's to remove.
        seed: of the traffic.
        records: at hand; the load fails when they do not last.
        brokers: 1 or 3.
        workers: how many.
        rate: records a second.
        say: told what happens, a line at a time.
    """
    ledger = Ledger(wall_us())
    async with Cluster(directory, brokers=brokers, workers=workers) as cluster:
        urls = {worker.name: worker.url for worker in cluster.workers}
        load = Load(cluster.kafka.bootstrap, ledger, mixed(seed, records, end=END), rate)
        async with Watch(ledger, urls, random.Random(seed)) as watch, load:
            yield Run(cluster, load, ledger, watch, say)
