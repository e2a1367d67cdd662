"""What became of an event: the same answer from the command and from a worker."""

import json
import urllib.parse
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas.place import Place
from schemas.topics import DEAD_LETTERS, INFRASTRUCTURE, TRANSACTIONS
from streams.decode.identity import Identity
from streams.exposition.lookup_models import DeadLetters, Trace
from streams.settings import Settings
from streams.transport.clocks import wall_us
from streams.transport.letters import mark
from streams.transport.topic_admin import create_topics
from streams.transport.trace import Bounds, trace
from tests.conftest import Broker, Cli
from tests.hostile import VALUES, event
from tests.reference.decode import EPOCH, Record
from tests.workers import WorkerProcess, load


def now_text() -> str:
    return (EPOCH + timedelta(microseconds=wall_us())).isoformat()


def records() -> list[Record]:
    recent = json.dumps(event(1, time=now_text())).encode()
    escaped = json.dumps(event(2, id='\u4ea4\u6613/"2"', time=now_text())).encode()
    binary = VALUES["binary"].record(0)
    return [
        Record(TRANSACTIONS, 0, b"tx-1", recent, []),
        Record(TRANSACTIONS, 0, b"tx-1", recent, []),
        Record(TRANSACTIONS, 1, b"x", recent, []),  # published with another key: it counts again, and that is said
        Record(TRANSACTIONS, 1, b"tx-2", escaped, []),
        Record(TRANSACTIONS, 1, b"tx-0", binary.value, binary.headers),
        Record(INFRASTRUCTURE, 1, b"tx-3", json.dumps(event(3)).encode(), []),
    ]


@pytest.fixture
async def settings(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    settings = make_settings(broker=fresh_broker.bootstrap, partitions=2)
    await create_topics(settings)
    return settings


def outcomes(answer: dict[str, Any]) -> dict[str, str]:
    return {row["place"].removeprefix("citypulse."): row["outcome"] for row in answer["records"]}


async def test_every_outcome(settings: Settings, cli: Cli) -> None:
    sent = records()
    await load(settings.broker, sent)

    def asked(worker: WorkerProcess, id_: str, query: str = "") -> dict[str, Any]:
        answer = worker.get(f"/api/v1/events/%2Fsynthetic/{urllib.parse.quote(id_, safe='')}{query}")
        Trace.model_validate_json(json.dumps(answer))
        assert isinstance(answer, dict)
        return answer

    with WorkerProcess(settings.broker, app_id=settings.app_id) as worker:
        worker.until_consumed(sent)
        answer = asked(worker, "hostile-1")
        assert answer["outcome"] == "applied"
        assert outcomes(answer) == {
            "transactions.v1:0:0": "applied", "transactions.v1:0:1": "duplicate", "transactions.v1:1:0": "applied",
        }  # fmt: skip
        assert answer["records"][1]["duplicate_of"] == f"{TRANSACTIONS}:0:0"
        assert answer["scanned"]["records"] == len(sent)
        assert answer["scanned"]["to_the_end"] is True
        assert outcomes(asked(worker, '\u4ea4\u6613/"2"')) == {"transactions.v1:1:1": "applied"}
        assert outcomes(asked(worker, "b")) == {"transactions.v1:1:2": "late"}
        rejected = asked(worker, "hostile-3")
        assert (rejected["outcome"], rejected["records"][0]["reason"]) == ("rejected", "wrong_topic")
        assert asked(worker, "hostile-1", "?since=2999-01-01T00:00:00Z")["outcome"] == "unknown"
        only_one = asked(worker, "hostile-1", "?key=tx-1")
        assert only_one["scanned"]["partitions"] == 3

        waiting = worker.until(lambda answer: answer["waiting"] is not None, "/api/v1/dead-letters")
        DeadLetters.model_validate_json(json.dumps(waiting))
        assert waiting["waiting"][INFRASTRUCTURE]["wrong_topic"] == 1
        assert [letter["letter"] for letter in waiting["letters"]] == [f"{INFRASTRUCTURE}:1:0"]
        place = Place(INFRASTRUCTURE, 1, 0)
        value = mark(place, Identity("/synthetic", "hostile-3", ""), Place(TRANSACTIONS, 0, 9))
        await load(settings.broker, [Record(DEAD_LETTERS, 0, place.key, value, [])])
        assert asked(worker, "hostile-3")["records"][0]["replayed_to"] == f"{TRANSACTIONS}:0:9"
        worker.until(lambda answer: answer["waiting"][INFRASTRUCTURE]["wrong_topic"] == 0, "/api/v1/dead-letters")
        assert worker.get("/api/v1/dead-letters")["letters"] == []
        assert worker.stop() == 0

    env = {"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": settings.app_id}
    done = cli("trace", "/synthetic", "hostile-1", "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] == answer["records"]
    said = cli("trace", "/synthetic", "hostile-3", env=env)
    assert said.stdout.startswith("rejected: /synthetic hostile-3\n")
    assert f"rejected wrong_topic type: Events of type {event(3)['type']} belong on {TRANSACTIONS}" in said.stdout
    assert f"(replayed to {TRANSACTIONS}:0:9)" in said.stdout
    nowhere = cli("trace", "/synthetic", "hostile-99", env=env)
    assert (nowhere.returncode, nowhere.stdout.splitlines()[0]) == (1, "unknown: /synthetic hostile-99")

    await load(settings.broker, [Record(TRANSACTIONS, 0, b"tx-9", json.dumps(event(9)).encode(), [])])
    assert cli("trace", "/synthetic", "hostile-9", env=env).stdout.startswith("pending: ")


async def test_bounds(settings: Settings) -> None:
    await load(settings.broker, records())

    async def nothing() -> dict[tuple[str, int], int]:
        return {}

    async def found(bounds: Bounds) -> dict[str, Any]:
        return await trace(settings, "/synthetic", "hostile-1", bounds=bounds, consumed=nothing)

    all_of_it = await found(Bounds())
    assert (all_of_it["outcome"], len(all_of_it["records"]), all_of_it["scanned"]["since"]) == ("pending", 3, None)
    few = await found(Bounds(records=3))
    assert (few["scanned"]["records"] <= 3, few["scanned"]["to_the_end"]) == (True, False)
    assert (await found(Bounds(seconds=0)))["scanned"]["to_the_end"] is False
