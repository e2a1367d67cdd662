"""``citypulse state dump`` and ``restore``: totals as a file, and workers that go on with them."""

import gzip
import json
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from schemas.topics import TRANSACTIONS
from streams.settings import Settings
from streams.state import copies
from streams.state.copies import CopyError
from streams.state.dump_file import Dump, DumpWriter, Line, StreamLine, opened
from streams.transport import restoring
from streams.transport.dumping import log_of
from streams.transport.producer import WorkerProducer
from streams.transport.restoring import look_into, restore
from streams.transport.topic_admin import create_topics
from tests.conftest import APACHE, Broker, Cli
from tests.integration.test_operations import END, a_worker, equal, numbers, transactions
from tests.reference.decode import Record
from tests.traffic import mixed
from tests.workers import WorkerProcess, load, load_all

Streams = dict[tuple[str, int], dict[str, Any]]


@pytest.fixture
async def settings(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    settings = make_settings(broker=fresh_broker.bootstrap, clock="event", partitions=2)
    await create_topics(settings)
    return settings


def state(cli: Cli, settings: Settings, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": settings.app_id, "CITYPULSE_CLOCK": "event"}
    return cli("state", *map(str, arguments), env=env | environment)


def dumped(cli: Cli, settings: Settings, path: Path) -> Streams:
    done = state(cli, settings, "dump", path, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["bytes"] == path.stat().st_size
    assert answer["counted"] == sum(stream["counted"] for stream in answer["streams"])
    return {(stream["topic"], stream["partition"]): stream for stream in answer["streams"]}


def one_line(done: subprocess.CompletedProcess[str], code: int = 1) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line


def another(settings: Settings, name: str = "other") -> Settings:
    """The settings of another application on the same topics."""
    return settings.model_copy(update={"app_id": f"{settings.app_id}-{name}"})


def test_workers_go_on_from_what_was_dumped_while_others_counted(settings: Settings, cli: Cli, tmp_path: Path) -> None:
    records: Sequence[Record] = list(mixed(31, 3_000, end=END, partitions=2))
    before, meanwhile, after = records[:1_000], records[1_000:2_500], records[2_500:]
    load_all(settings.broker, before)
    other = another(settings)
    with ThreadPoolExecutor(1) as thread, a_worker(settings) as worker:
        worker.until_consumed(before)
        publishing = thread.submit(little_by_little, settings.broker, meanwhile)
        streams = dumped(cli, settings, tmp_path / "state.gz")
        publishing.result()
        load_all(settings.broker, after)
        shown = numbers(worker.until_consumed(records))
    assert len(before) <= sum(stream["counted"] for stream in streams.values()) < len(records)

    cli("topics", "create", env={"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": other.app_id})
    dry = state(cli, other, "restore", tmp_path / "state.gz", "--dry-run")
    assert (dry.returncode, "nothing was written" in dry.stdout, "note:" in dry.stdout) == (0, True, False), dry.stderr
    done = state(cli, other, "restore", tmp_path / "state.gz")
    assert (done.returncode, "start the workers" in done.stdout) == (0, True), done.stderr
    assert dumped(cli, other, tmp_path / "again.gz") == streams
    assert bodies(tmp_path / "again.gz") == bodies(tmp_path / "state.gz")

    with a_worker(other) as worker:
        assert numbers(worker.until_consumed(records)) == shown
        assert equal(cli, other, worker)
    after_all = dumped(cli, other, tmp_path / "after.gz")  # what it wrote beside what was restored makes a whole
    assert sum(stream["counted"] for stream in after_all.values()) == len(records)
    assert all(after_all[place]["checkpoint"] > streams[place]["checkpoint"] for place in streams)


def little_by_little(bootstrap: str, records: Sequence[Record]) -> None:
    for at in range(0, len(records), 100):
        load_all(bootstrap, records[at : at + 100])


def bodies(path: Path) -> list[Line]:
    """All but the first line, which names application and time."""
    with opened(path) as lines:
        return [line for line in lines if not isinstance(line, Dump)]


@pytest.fixture
def file(settings: Settings, cli: Cli, tmp_path: Path) -> Path:
    """The state of a hundred transactions in partition 0 and fifty in partition 1."""
    records = [*transactions(0, 100, 0), *transactions(100, 50, 1)]
    load_all(settings.broker, records)
    with a_worker(settings) as worker:
        worker.until_consumed(records)
        worker.stop()
    dumped(cli, settings, tmp_path / "state.gz")
    return tmp_path / "state.gz"


def changed(file: Path, new: Path, change: Callable[[Line], Line]) -> Path:
    """A dump that is whole, but of something else."""
    with DumpWriter(new) as out, opened(file) as lines:
        for line in lines:
            out.write(change(line))
    return new


def of_another_cluster(line: Line) -> Line:
    if not isinstance(line, StreamLine) or line.last is None:
        return line
    return msgspec.structs.replace(line, last=msgspec.structs.replace(line.last, sha256="0" * 64))


def of_more_records(line: Line) -> Line:
    if not isinstance(line, StreamLine) or line.family != "transactions":
        return line
    return msgspec.structs.replace(line, next_offset=line.next_offset + 1_000)


def of_more_partitions(line: Line) -> Line:
    return msgspec.structs.replace(line, partitions={"transactions": 4}) if isinstance(line, Dump) else line


def cut(file: Path, new: Path) -> Path:
    whole = file.read_bytes()
    new.write_bytes(whole[: len(whole) - 20])
    return new


async def test_what_does_not_fit_is_refused_before_anything_is_written(
    settings: Settings, cli: Cli, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(file: Path, code: int = 1, **environment: str) -> str:
        return one_line(state(cli, other, "restore", file, **environment), code)

    line = one_line(state(cli, settings, "restore", file))
    assert f"{settings.state_topic} is not empty" in line
    assert "stop every worker" in line
    other = another(settings)
    assert f"{other.state_topic} is missing" in refused(file)
    await create_topics(other)
    assert "is cut off or damaged" in refused(cut(file, tmp_path / "cut.gz"), 2)
    assert "this worker has time zone Europe/Paris" in refused(file, CITYPULSE_TIME_ZONE="Europe/Paris")
    wrong = {
        of_another_cluster: "has another record at offset 99 than",
        of_more_records: "ends at offset 100, the state counts up to 1100",
        of_more_partitions: "has 2 partitions, the state was made of 4",
    }
    for change, said in wrong.items():
        assert said in refused(changed(file, tmp_path / f"{change.__name__}.gz", change))
    assert [await log_of(other, partition) for partition in (0, 1)] == [{}, {}]

    class PulledPlug(Exception):
        pass

    def pulled(_: int) -> None:
        raise PulledPlug

    with pytest.raises(PulledPlug):
        await restore(other, look_into(file), file, pulled)
    assert "has not come to its end" in one_line(state(cli, other, "dump", tmp_path / "half.gz"))
    with (tmp_path / "log").open("wb") as log:
        worker = WorkerProcess(other.broker, "--clock", "event", app_id=other.app_id, stderr=log)
        worker.launch()
        worker.process.wait(60)
        assert worker.stop() == 1
    assert "a restore which has not come to its end" in (tmp_path / "log").read_text()
    assert f"{other.state_topic} is not empty" in refused(file)

    write = restoring._write

    async def and_an_intruder(producer: WorkerProducer, batch: Any, written: Any) -> None:
        await write(producer, batch, written)
        await (await producer.append(1, *copies.begin("indicators", 7)))

    third = another(settings, "third")
    await create_topics(third)
    monkeypatch.setattr(restoring, "_write", and_an_intruder)
    with pytest.raises(CopyError, match=f"somebody else writes into {third.state_topic}"):
        await restore(third, look_into(file), file, lambda _: None)


def test_a_dump_of_nothing_and_one_in_the_way(settings: Settings, cli: Cli, tmp_path: Path) -> None:
    assert "nothing has been counted" in one_line(state(cli, settings, "dump", tmp_path / "state.gz"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "state.gz").write_bytes(gzip.compress(b"yesterday's"))
    assert "is there already" in one_line(state(cli, settings, "dump", tmp_path / "state.gz"), 2)


if APACHE:  # the embedded broker cannot delete records

    async def delete_before(settings: Settings, offset: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.broker)
        await admin.start()
        try:
            await admin.delete_records({TopicPartition(TRANSACTIONS, 0): RecordsToDelete(before_offset=offset)})
        finally:
            await admin.close()

    async def test_a_state_goes_on_where_the_sources_no_longer_have_what_it_counts(
        settings: Settings, cli: Cli, file: Path
    ) -> None:
        other, late = another(settings), another(settings, "late")
        await create_topics(other)
        await create_topics(late)
        await delete_before(settings, 100)
        done = state(cli, other, "restore", file)
        assert (done.returncode, done.stdout.count("note:")) == (0, 1), done.stdout + done.stderr
        await load(settings.broker, transactions(200, 10, 0))
        with a_worker(other) as worker:
            totals = worker.until(lambda answer: sum(answer["events"].get(TRANSACTIONS, {}).values()) == 160)
            assert totals["events"][TRANSACTIONS]["applied"] == 160
        await delete_before(settings, 105)
        assert "begins at offset 105, the state goes on at 100" in one_line(state(cli, late, "restore", file))
