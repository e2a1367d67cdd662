"""``citypulse publish`` against a real broker: what holds is in the topics with its key, what does not is named."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from schemas.envelope import CONTENT_TYPE_HEADER, STRUCTURED
from schemas.topics import INDICATORS, INFRASTRUCTURE, TRANSACTIONS
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.conftest import ROOT, Broker, Cli


def event(number: int, **changes: object) -> dict[str, object]:
    data = {
        "transaction_id": f"tx-{number}",
        "exchange": "bidex",
        "product_type": "spatial",
        "amount": "2650000.00",
        "currency": "CNY",
        "cross_border": False,
        **changes,
    }
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": "/test",
        "type": "citypulse.transaction.executed.v1",
        "time": "2023-11-24T09:30:00.250+08:00",
        "data": data,
    }


SURVEY = {
    "specversion": "1.0",
    "id": "survey",
    "source": "/test",
    "type": "citypulse.infrastructure.surveyed.v1",
    "time": "2023-11-24T09:30:00.250+08:00",
    "data": {"asset_type": "base_station_5g", "area": "110000", "count": 104000},
}


def lines(*events: object) -> bytes:
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in events)


@pytest.fixture
def env(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> dict[str, str]:
    asyncio.run(create_topics(make_settings(broker=fresh_broker.bootstrap, partitions=1, app_id="citypulse")))
    return {"CITYPULSE_BROKER": fresh_broker.bootstrap}


def records(env: dict[str, str], topic: str, count: int) -> list[ConsumerRecord]:
    """The first records of the topic's only partition; waits for as many as are expected."""

    async def read() -> list[ConsumerRecord]:
        consumer = AIOKafkaConsumer(bootstrap_servers=env["CITYPULSE_BROKER"], auto_offset_reset="earliest")
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.start()
        try:
            async with asyncio.timeout(60):
                return [await consumer.getone() for _ in range(count)]
        finally:
            await consumer.stop()

    return asyncio.run(read())


def test_bad_lines_are_named_and_the_rest_is_published(cli: Cli, env: dict[str, str]) -> None:
    stdin = lines(event(1), b"", event(2, amount=2650000.0), b"nonsense [red]", SURVEY, event(3))
    done = cli("publish", env=env, stdin=stdin)
    assert done.returncode == 1
    assert done.stdout == "published 3 events (transactions 2, infrastructure 1), 2 bad lines\n"
    reported = [line for line in done.stderr.splitlines() if line.startswith("line ")]
    assert [line.split(":")[0] for line in reported] == ["line 3", "line 4"]
    assert "invalid_field data.amount" in reported[0]
    assert "not_json" in reported[1]
    transactions = records(env, TRANSACTIONS, 2)
    assert [(record.key, json.loads(record.value)["id"]) for record in transactions] == [(b"tx-1", "1"), (b"tx-3", "3")]
    assert dict(transactions[0].headers)[CONTENT_TYPE_HEADER].startswith(STRUCTURED.encode())
    assert [record.key for record in records(env, INFRASTRUCTURE, 1)] == [b"base_station_5g:110000"]


@pytest.mark.parametrize("dry", [False, True])
def test_the_summary_for_programs(cli: Cli, env: dict[str, str], dry: bool) -> None:
    stdin = lines(event(1), b"", event(2, amount=2650000.0), b"nonsense [red]", SURVEY)
    done = cli("publish", "--json", *(["--dry-run"] if dry else []), env=env, stdin=stdin)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert [(bad["line"], bad["reason"], bad["field"]) for bad in told.pop("bad_lines")] == [
        (3, "invalid_field", "data.amount"),
        (4, "not_json", ""),
    ]
    topics = {TRANSACTIONS: 1, INFRASTRUCTURE: 1, INDICATORS: 0}
    assert told == {"dry_run": dry, "events": 2, "topics": topics, "from_line": None}
    assert "line 3: invalid_field" in done.stderr


@pytest.mark.parametrize(("first", "noted"), [("2", False), ("3", True), ("500", True)])
def test_a_first_line_behind_the_last_is_noted(cli: Cli, first: str, noted: bool) -> None:
    done = cli("publish", "--dry-run", "--from-line", first, stdin=lines(event(1), event(2)))
    note = f"note: nothing from line {first} on: the last event is on line 2"
    assert (note in done.stderr.splitlines()) == noted, done.stderr
    assert done.returncode == 0


def test_a_table(cli: Cli, env: dict[str, str], tmp_path: Path) -> None:
    table = tmp_path / "events.csv"
    table.write_text(
        "id,source,type,time,transaction_id,exchange,product_type,amount,currency,cross_border,buyer_area\n"
        "1,/t,citypulse.transaction.executed.v1,2023-11-24T09:30:00+08:00,tx-1,bidex,api,1.00,CNY,true,\n"
        "2,/t,citypulse.transaction.executed.v1,2023-11-24T09:30:00+08:00,tx-2,bidex,api,1.00,CNY,perhaps,\n"
    )
    done = cli("publish", str(table), env=env)
    assert done.returncode == 1
    assert "line 3: invalid_field data.cross_border" in done.stderr
    (record,) = records(env, TRANSACTIONS, 1)
    assert json.loads(record.value)["data"]["cross_border"] is True
    assert "buyer_area" not in json.loads(record.value)["data"]


def test_the_story_is_within_the_contract(cli: Cli, env: dict[str, str]) -> None:
    done = cli("publish", "streams/publish/story.ndjson", env=env)
    assert done.returncode == 0, done.stderr
    assert "0 bad lines" in done.stdout


def test_a_table_without_the_columns_of_an_event(cli: Cli, env: dict[str, str]) -> None:
    done = cli("publish", "--format", "csv", env=env, stdin=b"id,source\n1,/t\n")
    assert done.returncode == 2
    assert "citypulse: cannot read - as CSV: the header row lacks type, time" in done.stderr.splitlines()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130)])
def test_interrupted_while_it_waits_for_a_pipe(env: dict[str, str], number: signal.Signals, code: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "streams", "publish"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **env},
    )
    with process:
        assert process.stdin is not None
        try:
            process.stdin.write(lines(event(1), event(2)))
            process.stdin.flush()
            assert len(records(env, TRANSACTIONS, 2)) == 2  # it has read them, and now waits for more
            process.send_signal(number)
            assert process.wait(60) == code
            assert process.stdout is not None
            assert process.stdout.read() == b"published 2 events (transactions 2), 0 bad lines\n"
            assert process.stderr is not None
            last = process.stderr.read().splitlines()[-1]
            assert last == b"citypulse: interrupted after line 2; go on with --from-line 3"
        finally:
            process.kill()


def test_nothing_for_nothing(cli: Cli, env: dict[str, str]) -> None:
    done = cli("publish", env=env)
    assert (done.returncode, done.stdout) == (0, "published 0 events, 0 bad lines\n")


MAPPING = """\
delimiter: ";"
offset: "+08:00"
columns:
  Trade no: [id, data.transaction_id]
  Executed: time
  Amount: data.amount
  Abroad: data.cross_border
constants:
  source: /bidex/export
  type: citypulse.transaction.executed.v1
  data.exchange: bidex
  data.product_type: api
  data.currency: CNY
words:
  data.cross_border: {yes: "true", no: "false"}
"""

TABLE = """\
Trade no;Executed;Desk;Amount;Abroad
7;2023-11-24 09:30:00;A;1.00;yes
8;2023-11-24 09:31:00;A;-1.00;no
9;2023-11-24 09:32:00;B;2.50;no
"""


def test_a_table_with_other_names(cli: Cli, env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text(MAPPING)
    (tmp_path / "trades.txt").write_text(TABLE)
    done = cli("publish", str(tmp_path / "trades.txt"), "--mapping", str(tmp_path / "map.yaml"), env=env)
    assert done.returncode == 1
    assert done.stdout == "published 2 events (transactions 2), 1 bad line\n"
    assert "line 3: invalid_field data.amount" in done.stderr
    first, second = (json.loads(record.value) for record in records(env, TRANSACTIONS, 2))
    assert (first["id"], first["time"], first["source"]) == ("7", "2023-11-24T09:30:00+08:00", "/bidex/export")
    assert first["data"] == {
        "transaction_id": "7", "exchange": "bidex", "product_type": "api", "amount": "1.00", "currency": "CNY",
        "cross_border": True,
    }  # fmt: skip
    assert second["data"]["cross_border"] is False


def test_a_mapping_that_makes_no_sense(cli: Cli, env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text("columns: {Trade no: identity}\n")
    done = cli("publish", "--mapping", str(tmp_path / "map.yaml"), env=env)
    assert done.returncode == 2
    assert "'identity' is no field" in done.stderr
    assert "time comes from no column" in done.stderr


def test_from_a_line_on(cli: Cli, env: dict[str, str]) -> None:
    done = cli("publish", "--from-line", "3", env=env, stdin=lines(b"nonsense", event(1), event(2), event(3)))
    assert (done.returncode, done.stdout) == (0, "published 2 events (transactions 2), 0 bad lines\n")
    assert [record.key for record in records(env, TRANSACTIONS, 2)] == [b"tx-2", b"tx-3"]


def test_a_dry_run_checks_everything_and_needs_no_broker(cli: Cli) -> None:
    nobody = {"CITYPULSE_BROKER": "127.0.0.1:1"}
    done = cli("publish", "--dry-run", env=nobody, stdin=lines(event(1), b"nonsense"))
    assert done.returncode == 1
    assert done.stdout == "checked, nothing published: 1 event (transactions 1), 1 bad line\n"
    assert "line 2: not_json" in done.stderr


def test_a_cell_without_end_is_an_error_with_its_line(cli: Cli, env: dict[str, str]) -> None:
    table = b'id,source,type,time\n1,/t,t,now\n2,"' + b"x" * 200_000 + b"\n"
    done = cli("publish", "--format", "csv", env=env, stdin=table)
    assert done.returncode == 2
    assert "cannot read - as CSV: line 3: field larger than field limit" in done.stderr
