"""Exact through faults, on Apache Kafka: a short run of the harness, and the cases that matter most one by one."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import TRANSACTIONS
from tests.faults.cluster import APP_ID, COMPACTED_HARD
from tests.faults.ledger import Place
from tests.faults.run import run
from tests.faults.schedule import OF_THREE, Fault, Kind, schedule
from tests.faults.stage import Run, stage

SEED, FAULTS = 16274, 10
"""A schedule that is short in time and has one fault of every kind but two."""
FROZEN = {**COMPACTED_HARD, "min.insync.replicas": "2"}
"""With one replica no write to the state topic is acknowledged; all else goes on."""

BEYOND_SESSION_S = 10.0


@asynccontextmanager
async def running(directory: Path, *workers: int, of: int = 2) -> AsyncIterator[Run]:
    async with stage(directory, seed=5, records=120_000, workers=of, rate=800.0) as going:
        await going.begin(workers)
        yield going


async def until(true: Callable[[], bool]) -> None:
    """Waits for what must come."""
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 - the harness watches by asking
            await asyncio.sleep(0.05)


def test_a_seed_gives_the_same_schedule_with_every_kind_in_it() -> None:
    plan = schedule(3, 24, workers=3, brokers=3)
    assert plan == schedule(3, 24, workers=3, brokers=3)
    assert plan != schedule(4, 24, workers=3, brokers=3)
    every = sorted(get_args(Kind))
    assert sorted(fault.kind for fault in plan) == sorted(every * 2)
    assert sorted({fault.kind for fault in plan[: len(every)]}) == every
    alone = schedule(3, 22, workers=2, brokers=1)
    assert {fault.kind for fault in alone} == set(every) - OF_THREE


async def test_random_faults(tmp_path: Path) -> None:
    result = await run(tmp_path, seed=SEED, faults=FAULTS, brokers=3, rate=500.0)
    assert result.differences == []
    kinds = {outcome.fault.kind for outcome in result.outcomes}
    assert kinds == set(get_args(Kind)) - {"cut", "duplicates"}, "those two have their own tests below"


async def test_a_woken_worker_neither_overwrites_nor_shows_what_is_stale(tmp_path: Path) -> None:
    async with running(tmp_path, 0, 1) as going:
        paused, sight = going.cluster.workers[0], going.watch.sights["worker-0"]
        paused.signal(signal.SIGSTOP)
        await asyncio.sleep(BEYOND_SESSION_S)
        other = going.watch.sights["worker-1"]
        before = dict(other.offsets)
        await until(lambda: other.offsets[TRANSACTIONS, 0] > before[TRANSACTIONS, 0])  # its partitions have moved
        paused.signal(signal.SIGCONT)
        seen = sight.complete
        while sight.complete < seen + 20:  # without a pause between: the first answers matter
            await going.watch.look(sight)
        await going.end()
        assert going.differences() == []


async def test_an_owner_that_loses_its_partitions_while_a_checkpoint_is_in_flight(tmp_path: Path) -> None:
    async with running(tmp_path, 0) as going:
        await going.cluster.configure_state(FROZEN)
        ends = going.ledger.ends()
        await until(lambda: going.ledger.ends()[TRANSACTIONS, 0] > ends[TRANSACTIONS, 0] + 500)
        going.start(1)
        await asyncio.sleep(BEYOND_SESSION_S)  # the group moves partitions, and release gives up after 5 s
        await going.cluster.configure_state(COMPACTED_HARD)
        await going.recovered()
        await going.end()
        assert going.differences() == []


async def test_what_the_group_has_committed_is_durable_at_every_moment(tmp_path: Path) -> None:
    """faust-streaming issue 606, and the hole that a slow changelog leaves: both commit what nothing durable holds."""
    async with running(tmp_path, 0) as going:
        await going.cluster.configure_state(FROZEN)
        shown, ends = dict(going.watch.sights["worker-0"].offsets), going.ledger.ends()
        await until(lambda: all(end > ends[place] for place, end in going.ledger.ends().items()))
        await asyncio.sleep(5.0)  # several commit intervals
        durable = dict(going.watch.sights["worker-0"].offsets)
        offsets = await group_offsets(going)
        assert offsets
        assert all(offset <= durable[place] for place, offset in offsets.items())
        assert durable[TRANSACTIONS, 0] < going.ledger.ends()[TRANSACTIONS, 0]
        assert shown[TRANSACTIONS, 0] <= durable[TRANSACTIONS, 0]
        await going.cluster.workers[0].end(signal.SIGKILL)
        await going.cluster.configure_state(COMPACTED_HARD)
        going.start(0)
        await going.recovered()
        await going.end()
        assert going.differences() == []


async def group_offsets(going: Run) -> dict[Place, int]:
    """What the group has committed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=going.cluster.kafka.bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(APP_ID)
    finally:
        await admin.close()
    return {(tp.topic, tp.partition): found.offset for tp, found in offsets.items() if found.offset >= 0}


async def test_duplicates_after_a_crash_and_a_restart_are_recognised(tmp_path: Path) -> None:
    async with running(tmp_path, 0, 1) as going:
        await going.apply(fault("duplicates", lasts=1.0))
        await going.end()
        assert going.differences() == []
        answer = going.watch.sights["worker-0"].answer
        assert answer is not None
        assert answer["events"][TRANSACTIONS]["duplicate"] > 1_000


async def test_a_network_that_is_cut_for_longer_than_any_timeout(tmp_path: Path) -> None:
    async with running(tmp_path, 0, 1) as going:
        cut = await going.apply(fault("cut", lasts=60.0, silent=True))
        assert cut.incomplete > 50.0
        await going.end()
        assert going.differences() == []


def fault(kind: Kind, *, lasts: float, silent: bool = False) -> Fault:
    return Fault(kind, after=1.0, lasts=lasts, worker=0, broker=1, silent=silent)


async def test_a_worker_ends_when_told_to_while_the_broker_is_away(tmp_path: Path) -> None:
    async with running(tmp_path, 0) as going:
        going.cluster.kafka.kill(1)
        going.watch.sights["worker-0"].runs = False
        await asyncio.sleep(2.0)
        assert await going.cluster.workers[0].end(signal.SIGTERM) == 0
        await asyncio.to_thread(going.cluster.kafka.restart, 1)
        going.start(0)
        await going.recovered()
        await going.end()
        assert going.differences() == []
