"""Exact through faults, on Apache Kafka: a short run of the harness, and the cases that matter most one by one."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import TRANSACTIONS
from streams.state import records
from streams.state.board import TOPIC_OF
from streams.state.dump_file import DumpWriter
from streams.transport.dumping import dump
from streams.transport.reading import read_partition
from tests.faults.cluster import APP_ID
from tests.faults.ledger import Place
from tests.faults.report import Line, read, table
from tests.faults.run import run
from tests.faults.schedule import OF_THREE, Fault, Kind, schedule
from tests.faults.stage import AGAIN, RECOVERED_WITHIN_S, Outcome, Run, stage

SEED, FAULTS = 16274, 10
"""A schedule that is short in time and has one fault of every kind but two."""
BEYOND_SESSION_S = 10.0
RATE, LASTS_S = 800.0, 1_200.0
"""Records a second, and how long there are any: far longer than a test takes on a busy machine."""


@asynccontextmanager
async def running(directory: Path, *workers: int, of: int = 2) -> AsyncIterator[Run]:
    async with stage(directory, seed=5, records=int(RATE * LASTS_S), workers=of, rate=RATE) as going:
        await going.begin(workers)
        yield going


async def until(true: Callable[[], bool]) -> None:
    """Waits for what must come."""
    async with asyncio.timeout(RECOVERED_WITHIN_S):
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


def test_the_table_of_several_runs_is_that_of_their_faults() -> None:
    outcomes = [
        Outcome(one, recovery=float(number), incomplete=2.5 * number, differences=number % 2)
        for number, one in enumerate(schedule(3, 24, workers=3, brokers=3), 1)
    ]
    assert read("\n".join(map(str, outcomes))) == [Line.of(outcome) for outcome in outcomes]
    assert table(map(Line.of, outcomes)).splitlines()[-1] == "| all | 24 | 12.5 | 22.9 | 12 | 60.0 |"


async def test_random_faults(tmp_path: Path) -> None:
    result = await run(tmp_path, seed=SEED, faults=FAULTS, brokers=3, rate=500.0)
    assert result.differences == []
    kinds = {outcome.fault.kind for outcome in result.outcomes}
    assert kinds == set(get_args(Kind)) - {"cut", "duplicates"}, "those two have their own tests below"


async def test_a_woken_worker_neither_overwrites_nor_shows_what_is_stale(tmp_path: Path) -> None:
    async with running(tmp_path, 0, 1) as going:
        sight = going.watch.sights["worker-0"]
        async with going.stopped(0):
            await going.owned_by([1])
            await grows(going, 100)
            await going.recovered()  # the other one has counted what came since
        seen = sight.complete
        while sight.complete < seen + 20:  # without a pause between: the first answers matter
            await going.watch.look(sight)
        await going.end()
        assert going.differences() == []


async def test_a_checkpoint_that_is_in_flight_while_its_owner_loses_its_partitions(tmp_path: Path) -> None:
    async with running(tmp_path, 0) as going:
        network, state = going.cluster.networks[0], going.cluster.settings.state_topic
        await grows(going, 100)
        network.hold_writes(state)
        last = await grows(going, 100)  # what was under way when writes stopped is before it
        await grows(going, 500)
        assert (await durable_offsets(going, tmp_path))[TRANSACTIONS, 0] <= last, "writes were held"
        going.start(1)
        await asyncio.sleep(BEYOND_SESSION_S)  # the group moves partitions, and release gives up after 5 s
        async with going.stopped(0):
            await going.owned_by([1])
            assert not await late(going)
            network.deliver_writes()
            async with asyncio.timeout(RECOVERED_WITHIN_S):
                while not await late(going):  # noqa: ASYNC110 - Kafka tells nobody that it has a record
                    await asyncio.sleep(0.05)
            await going.apply(fault("kill", lasts=0.1, worker=1))  # a reader from the start meets them, too
        await going.recovered()
        await going.end()
        assert going.differences() == []


async def test_what_the_group_has_committed_is_durable_at_every_moment(tmp_path: Path) -> None:
    """faust-streaming issue 606, and the hole that a slow changelog leaves: both commit what nothing durable holds."""
    async with running(tmp_path, 0) as going:
        network, state = going.cluster.networks[0], going.cluster.settings.state_topic
        await grows(going, 100)
        network.hold_writes(state)
        last = await grows(going, 500)  # what was under way when writes stopped is before it
        await grows(going, 1_000)  # several commit intervals
        committed = await group_offsets(going)
        await going.cluster.workers[0].end(signal.SIGKILL)
        durable = await durable_offsets(going, tmp_path)
        assert committed[TRANSACTIONS, 0] > 0
        assert {place: at for place, at in committed.items() if at > durable.get(place, 0)} == {}
        assert durable[TRANSACTIONS, 0] <= last, "writes were held"
        network.deliver_writes()
        going.start(0)
        await going.recovered()
        await going.end()
        assert going.differences() == []


async def grows(going: Run, by: int) -> int:
    """Waits until some more transactions are in the first partition; gives its end."""
    begun = going.ledger.ends()[TRANSACTIONS, 0]
    await until(lambda: going.ledger.ends()[TRANSACTIONS, 0] >= begun + by)
    return going.ledger.ends()[TRANSACTIONS, 0]


async def durable_offsets(going: Run, scratch: Path) -> dict[Place, int]:
    """Where a worker that begins now would go on, by the state log, which a dump reads as it is."""
    with DumpWriter(scratch / "state.gz") as file:
        lines = await dump(going.cluster.settings, file)
    return {(TOPIC_OF[line.family], line.partition): line.next_offset for line in lines}


async def late(going: Run) -> set[str]:
    """Checkpoints that are in the state log after the claim of another owner."""
    settings, found = going.cluster.settings, set()
    for partition in range(settings.partitions):
        epochs: dict[str, tuple[int, str]] = {}  # stream -> the claim in effect
        async for part in read_partition(settings, settings.state_topic, partition):
            for record in part.records:
                family, _, kind, rest = records.parse_key(record.key)
                number, _, nonce = rest.partition(".")
                if kind == "c" and record.value is not None:
                    epochs[family] = max(epochs.get(family, (0, "")), (int(number), nonce))
                elif kind == "h" and record.value is not None and family in epochs and epochs[family][1] != nonce:
                    found.add(record.key.decode())
    return found


async def group_offsets(going: Run) -> dict[Place, int]:
    """What the group has committed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=going.cluster.kafka.bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(APP_ID)
    finally:
        await admin.close()
    return {(tp.topic, tp.partition): found.offset for tp, found in offsets.items() if found.offset >= 0}


async def test_duplicates_after_a_crash_and_a_move_are_recognised(tmp_path: Path) -> None:
    async with running(tmp_path, 0) as going:
        await grows(going, AGAIN)
        sight = going.watch.sights["worker-0"]
        sight.runs = sight.meant = False
        await going.cluster.workers[0].end(signal.SIGKILL)
        await going.load.again(AGAIN)
        going.start(1)  # has only what is in the state log
        await going.recovered()
        await going.end()
        assert going.differences() == []
        answer = going.watch.sights["worker-1"].answer
        assert answer is not None
        assert answer["events"][TRANSACTIONS]["duplicate"] >= going.cluster.settings.partitions * AGAIN


async def test_a_network_that_is_cut_for_longer_than_any_timeout(tmp_path: Path) -> None:
    async with running(tmp_path, 0, 1) as going:
        cut = await going.apply(fault("cut", lasts=60.0, silent=True))
        assert cut.incomplete > 50.0
        await going.end()
        assert going.differences() == []


def fault(kind: Kind, *, lasts: float, silent: bool = False, worker: int = 0) -> Fault:
    return Fault(kind, after=0.0, lasts=lasts, worker=worker, broker=1, silent=silent)


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
