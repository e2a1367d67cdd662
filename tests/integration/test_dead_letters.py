"""``citypulse dead-letters``: listed, shown, exported, mended, replayed once and not twice."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import DEAD_LETTERS, INFRASTRUCTURE, TRANSACTIONS
from streams.cli import main
from streams.cli.progress import RecordProgress
from streams.settings import Settings
from streams.transport.reading import read_partition
from streams.transport.topic_admin import create_topics
from tests.conftest import ROOT, Broker, Cli
from tests.hostile import event
from tests.reference.decode import Record
from tests.workers import WorkerProcess, load

GARBAGE = b"\xff\x00\x1b[31m not JSON"
_HEADERS = [
    (f"ce_{name}", str(text).encode())
    for name, text in event(3).items()
    if name != "data"
] + [("content-type", b"application/json")]  # fmt: skip
MENDABLE = json.dumps(event(1, data=event(1)["data"] | {"amount": 12.5})).encode()  # type: ignore[operator]
RECORDS = [
    Record(TRANSACTIONS, 0, b"tx-1", MENDABLE, []),
    Record(TRANSACTIONS, 1, b"\xff", GARBAGE, [("trace", b"\x00"), ("none", None)]),
    Record(INFRASTRUCTURE, 0, None, json.dumps(event(2)).encode(), []),
    Record(INFRASTRUCTURE, 1, b"b", json.dumps(event(3)["data"]).encode(), _HEADERS),
]
NAMES = [f"{record.topic}:{record.partition}:0" for record in RECORDS]

Letters = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
async def settings(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    settings = make_settings(broker=fresh_broker.bootstrap, partitions=2)
    await create_topics(settings)
    await load(settings.broker, RECORDS)
    return settings


@pytest.fixture
def worker(settings: Settings) -> Iterator[WorkerProcess]:
    with WorkerProcess(settings.broker, app_id=settings.app_id) as worker:
        worker.until_consumed(RECORDS)
        yield worker


@pytest.fixture
def letters(settings: Settings, worker: WorkerProcess, cli: Cli) -> Letters:
    """Runs an action of the command."""
    env = {"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": settings.app_id}

    def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        return cli("dead-letters", *arguments, env=env, stdin=stdin)

    return run


def listed(letters: Letters, *filters: str) -> dict[str, dict[str, Any]]:
    done = letters("list", "--json", *filters)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["waiting"] + answer["replayed"] == len(answer["letters"])
    return {letter["letter"]: letter for letter in answer["letters"]}


def outcomes(totals: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for topic in (TRANSACTIONS, INFRASTRUCTURE):
        for outcome, count in totals["events"][topic].items():
            counts[outcome] = counts.get(outcome, 0) + count
    return counts


def test_listed_with_filters(letters: Letters) -> None:
    found = listed(letters)
    assert set(found) == set(NAMES)
    reasons = {name: letter["reason"] for name, letter in found.items()}
    assert [reasons[name] for name in NAMES] == ["invalid_field", "not_json", "wrong_topic", "wrong_topic"]
    assert [found[NAMES[0]][name] for name in ("field", "source", "id")] == ["data.amount", "/synthetic", "hostile-1"]
    assert found[NAMES[3]]["id"] == "hostile-3"
    assert set(listed(letters, "--reason", "wrong_topic", "--reason", "not_json")) == set(NAMES[1:])
    assert set(listed(letters, "--topic", TRANSACTIONS)) == set(NAMES[:2])
    assert set(listed(letters, "--source", "/synthetic")) == {NAMES[0], *NAMES[2:]}
    assert set(listed(letters, "--since", "1h")) == set(NAMES)
    assert listed(letters, "--until", "1h") == listed(letters, "--since", "2999-01-01T00:00:00Z") == {}
    table = letters("list").stdout
    assert all(name in table for name in NAMES)
    assert "4 dead letters: 4 waiting, 0 replayed" in table


def test_shown_with_every_byte(letters: Letters) -> None:
    shown = letters("show", NAMES[1]).stdout
    assert "reason    not_json" in shown
    assert "key       0xff" in shown
    assert 'header    "trace": 0x00' in shown
    assert "00000000  ff 00 1b 5b 33 31 6d 20" in shown
    assert "\x1b" not in shown, "a terminal acts on it"
    as_json = json.loads(letters("show", "--json", NAMES[1]).stdout)
    assert base64.b64decode(as_json["value_base64"]) == GARBAGE
    assert as_json["headers"] == [["trace", "AA=="], ["none", None]]
    assert MENDABLE.decode() in letters("show", NAMES[0]).stdout
    missing = letters("show", f"{TRANSACTIONS}:0:99")
    assert (missing.returncode, "there is no dead letter" in missing.stderr) == (1, True)


def test_the_original_bytes_alone(settings: Settings, letters: Letters) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streams", "dead-letters", "show", "--raw", NAMES[1]],
        cwd=ROOT, capture_output=True, check=True, timeout=120,
        env={**os.environ, "CITYPULSE_BROKER": settings.broker},
    )  # fmt: skip
    assert done.stdout == GARBAGE


def test_mended_and_replayed_once(worker: WorkerProcess, letters: Letters, tmp_path: Path) -> None:
    before = outcomes(worker.get("/api/v1/totals"))
    exported = [json.loads(line) for line in letters("export").stdout.splitlines()]
    assert {line["letter"] for line in exported} == set(NAMES)
    by_name = {line["letter"]: line for line in exported}
    assert base64.b64decode(by_name[NAMES[1]]["original_base64"]) == GARBAGE
    assert by_name[NAMES[3]]["event"]["data"] == event(3)["data"]
    by_name[NAMES[0]]["event"]["data"]["amount"] = "12.50"
    by_name[NAMES[3]]["event"]["data"]["amount"] = "-1"
    file = tmp_path / "mended.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in exported if line["event"]))

    dry = letters("replay", "--from", str(file), "--dry-run")
    assert dry.stdout == "would replay 2 dead letters (transactions 2), 0 replayed before, 1 still refused\n"
    assert not any(letter["replayed"] for letter in listed(letters).values())

    done = letters("replay", "--from", str(file))
    assert done.returncode == 1
    assert done.stdout == "replayed 2 dead letters (transactions 2), 0 replayed before, 1 still refused\n"
    assert f"{NAMES[3]}: invalid_field data.amount: " in done.stderr
    sent = listed(letters, "--state", "all")[NAMES[0]]["replayed"]
    assert (sent["source"], sent["id"]) == ("/synthetic", "hostile-1")
    assert sent["to"].startswith(f"{TRANSACTIONS}:")
    totals = worker.until(lambda answer: outcomes(answer)["applied"] + outcomes(answer)["late"] == 2)
    assert outcomes(totals)["rejected"] == before["rejected"]

    again = letters("replay", "--from", str(file))
    assert again.stdout == "replayed 0 dead letters, 2 replayed before, 1 still refused\n"
    every = letters("replay", "--all")
    assert every.stdout == "replayed 1 dead letter (transactions 1), 2 replayed before, 1 still refused\n"
    totals = worker.until(lambda answer: outcomes(answer)["applied"] + outcomes(answer)["late"] == 3)
    assert outcomes(totals)["duplicate"] == 0
    assert {name for name, letter in listed(letters).items() if not letter["replayed"]} == {NAMES[1]}


async def test_without_its_mark_a_second_replay_is_a_duplicate(
    settings: Settings, worker: WorkerProcess, letters: Letters
) -> None:
    """As after a crash between the event and its mark: nothing counts twice."""
    await load(settings.broker, [Record(TRANSACTIONS, 0, b"tx-5", b"{", [])])
    worker.until(lambda answer: outcomes(answer)["rejected"] == 5)
    mended = json.dumps({"letter": f"{TRANSACTIONS}:0:1", "event": event(5)}).encode()
    assert letters("replay", "--from", "-", stdin=mended).returncode == 0
    sent = listed(letters)[f"{TRANSACTIONS}:0:1"]["replayed"]["to"]
    topic, partition, _ = sent.split(":")
    first = worker.until(lambda answer: outcomes(answer)["late"] == 1)
    await load(settings.broker, [Record(topic, int(partition), b"tx-5", json.dumps(event(5)).encode(), [])])
    totals = worker.until(lambda answer: outcomes(answer)["duplicate"] == 1)
    assert totals["series"] == first["series"]


async def test_written_twice_after_a_crash_shown_once(settings: Settings, letters: Letters) -> None:
    copies = []
    for partition in range(2):
        async for part in read_partition(settings, DEAD_LETTERS, partition):
            copies += [Record(DEAD_LETTERS, partition, record.key, record.value, []) for record in part.records]
    await load(settings.broker, [*copies, Record(DEAD_LETTERS, 0, b"x", b"no letter", [])])
    assert set(listed(letters)) == set(NAMES)
    assert letters("replay", NAMES[2]).stdout.startswith("replayed 1 dead letter ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("replay",), "or --from FILE; see citypulse dead-letters replay --help"),
        (("replay", "--all", NAMES[0]), "say which letters"),
        (("show", "transactions:0:1"), "is no dead letter"),
        (("list", "--since", "yesterday"), "is no moment"),
    ],
)
def test_wrong_usage(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    done = cli("dead-letters", *arguments)
    assert (done.returncode, said in done.stderr) == (2, True)


def test_a_file_that_says_nothing_of_use(letters: Letters) -> None:
    lines = [
        '{"letter": "nowhere", "event": {}}',
        "{}",
        "no JSON",
        f'{{"letter": "{TRANSACTIONS}:0:99", "event": {{}}}}',
    ]
    done = letters("replay", "--from", "-", stdin="\n".join(lines).encode())
    assert done.returncode == 1
    assert done.stdout == "replayed 0 dead letters, 0 replayed before, 0 still refused, 4 left out\n"
    assert "line 1: 'nowhere' is no dead letter" in done.stderr
    assert "line 2: is no line of an export" in done.stderr
    assert "line 3: is no line of an export" in done.stderr
    assert "0:99: there is no such dead letter" in done.stderr


def test_a_letter_without_an_event_is_named_and_the_others_are_replayed(letters: Letters) -> None:
    exported = [json.loads(line) for line in letters("export", "--topic", TRANSACTIONS).stdout.splitlines()]
    for line in exported:
        if line["letter"] == NAMES[0]:
            line["event"]["data"]["amount"] = "12.50"
    number = [line["letter"] for line in exported].index(NAMES[1]) + 1
    done = letters("replay", "--from", "-", stdin="".join(json.dumps(line) + "\n" for line in exported).encode())
    assert f'{NAMES[1]}: has no event yet; write one into "event" (line {number})' in done.stderr.splitlines()
    assert done.stdout == "replayed 1 dead letter (transactions 1), 0 replayed before, 1 still refused\n"


def test_the_summary_for_programs(letters: Letters) -> None:
    lines = [{"letter": NAMES[0], "event": event(1)}, {"letter": NAMES[1], "event": None}, {"letter": NAMES[2]}]
    lines.append({"letter": NAMES[3], "event": {**event(3), "type": "unknown"}})
    stdin = "".join(json.dumps(line) + "\n" for line in lines).encode()
    done = letters("replay", "--json", "--from", "-", "--dry-run", stdin=stdin)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["dry_run"], told["replayed"], told["replayed_before"]) == (True, 1, 0)
    assert told["topics"][TRANSACTIONS] == 1
    assert [(kept["letter"], kept["reason"], kept["field"]) for kept in told["refused"]] == [
        (NAMES[1], "not_json", ""),
        (NAMES[3], "unknown_type", "type"),
    ]
    assert [left["what"] for left in told["left_out"]] == ["line 3"]
    assert "has no event yet" in done.stderr


@pytest.mark.parametrize("from_file", [False, True])
def test_progress_ends_where_all_is_done(
    settings: Settings, letters: Letters, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, from_file: bool
) -> None:
    """What is refused, not there or unreadable is done with, too."""
    done: list[int] = []
    totals: list[int] = []
    monkeypatch.setattr(RecordProgress, "advance", lambda _, count: done.append(count))
    monkeypatch.setattr(RecordProgress, "total", lambda _, count: totals.append(count))
    monkeypatch.setenv("CITYPULSE_BROKER", settings.broker)
    missing = f"{TRANSACTIONS}:0:99"
    file = tmp_path / "letters.ndjson"
    lines = [*letters("export").stdout.splitlines(), json.dumps({"letter": missing, "event": {}}), "{", "{}"]
    file.write_text("\n".join(lines))
    chosen = ["--from", str(file)] if from_file else [*NAMES, missing]
    assert main(["dead-letters", "replay", "--dry-run", *chosen]) == 1
    expected = 7 if from_file else 5
    assert (sum(done), totals) == (expected, [expected])
