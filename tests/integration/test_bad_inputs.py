"""The same bad input gets the same reason and field, whichever way it comes in."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from schemas.topics import SOURCES
from streams.publish import EventRefused, Publisher
from streams.settings import Settings
from streams.transport.letters import list_letters
from streams.transport.topic_admin import create_topics
from tests.bad_inputs import ALL, BAD_INPUTS, DOCUMENT, BadInput, document, verdict
from tests.conftest import Broker, Cli
from tests.reference.decode import Record
from tests.workers import WorkerProcess, load

Answers = dict[str, tuple[str, str, str]]
"""Input -> reason, field and message."""


def of(way: str) -> list[BadInput]:
    return [bad for bad in BAD_INPUTS if way in bad.ways]


def expected(way: str) -> Answers:
    return {bad.name: (bad.reason, bad.field, verdict(bad).message) for bad in of(way)}


def test_there_are_thirty_and_the_document_lists_them() -> None:
    assert len({bad.name for bad in BAD_INPUTS}) == 30
    assert {way for bad in BAD_INPUTS for way in bad.ways} == ALL
    assert DOCUMENT.read_text() == document(), "run: .venv/bin/python -m tests.bad_inputs"


@pytest.mark.parametrize("bad", of("SDK"), ids=lambda bad: bad.name)
def test_the_sdk(bad: BadInput) -> None:
    with pytest.raises(EventRefused) as refused:
        Publisher("127.0.0.1:1").check(bad.value or b"")
    assert (refused.value.reason, refused.value.field) == (bad.reason, bad.field)
    assert refused.value.rejection.message == verdict(bad).message


def test_the_command_line(cli: Cli) -> None:
    inputs = of("CLI")
    done = cli("publish", "--dry-run", stdin=b"".join((bad.value or b"") + b"\n" for bad in inputs))
    assert done.returncode == 1
    said = re.findall(r"^line (\d+): (\w+) ?([\w.]*): (.*)$", done.stderr, re.MULTILINE)
    answers = {inputs[int(line) - 1].name: (reason, field, message) for line, reason, field, message in said}
    assert answers == expected("CLI")


def posted(worker: WorkerProcess, bad: BadInput) -> Any:
    headers = {"Content-Type": "application/cloudevents+json"}
    if bad.headers:
        headers = {name.replace("ce_", "ce-"): text.decode() for name, text in bad.headers}
    request = urllib.request.Request(f"{worker.url}/api/v1/events", bad.value, headers, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    assert refused.value.code == (413 if bad.reason == "too_large" else 400)
    return json.load(refused.value)


async def test_kafka_and_http(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> None:
    settings = make_settings(broker=fresh_broker.bootstrap, partitions=1)
    await create_topics(settings)
    records = [Record(bad.topic, 0, b"key", bad.value, list(bad.headers)) for bad in of("Kafka")]
    await load(settings.broker, records)
    with WorkerProcess(settings.broker, app_id=settings.app_id) as worker:
        totals = worker.until_consumed(records)
        assert sum(totals["events"][topic]["rejected"] for topic in SOURCES) == len(records) == len(BAD_INPUTS)
        answers: Answers = {}
        for bad in of("HTTP"):
            (said,) = posted(worker, bad)["events"]
            answers[bad.name] = (said["reason"], said["field"], said["message"])
        assert answers == expected("HTTP")
    letters = await list_letters(settings, lambda _: True)
    places: dict[str, list[str]] = {topic: [] for topic in SOURCES}
    for bad in of("Kafka"):
        places[bad.topic].append(bad.name)
    answers = {
        places[place.topic][place.offset]: (entry.reason, entry.field, entry.message)
        for place, entry in letters.entries.items()
    }
    assert answers == expected("Kafka")
