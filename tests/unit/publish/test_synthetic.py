import json
from collections import Counter

import pytest

from schemas.envelope import STRUCTURED_HEADERS
from schemas.events import Asset, Rejection, Transaction
from schemas.topics import SOURCES
from streams.decode import Decoder
from streams.publish.routing import Message
from streams.publish.story import story
from streams.publish.synthetic import Traffic

NOW_US = 1_700_790_600_000_000
DAY_US = 86_400_000_000
COUNT = 4_000


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return Traffic(1).events(NOW_US, COUNT)


@pytest.fixture(scope="module")
def verdicts(messages: list[Message]) -> list[object]:
    decoders = {topic: Decoder(topic) for topic in SOURCES}
    return [decoders[m.topic](m.value, list(m.headers), NOW_US) for m in messages]


def test_the_same_seed_gives_the_same_events(messages: list[Message]) -> None:
    assert Traffic(1).events(NOW_US, COUNT) == messages
    assert Traffic(2).events(NOW_US, 10) != messages[:10]


def test_all_that_can_become_of_an_event_is_there(verdicts: list[object]) -> None:
    reasons = {verdict.reason for verdict in verdicts if isinstance(verdict, Rejection)}
    assert reasons == {"not_json", "unknown_type", "invalid_field", "wrong_topic", "from_the_future"}
    transactions = [verdict for verdict in verdicts if isinstance(verdict, Transaction)]
    assert any(verdict.cancelled for verdict in transactions)
    assert any(verdict.effective_us < NOW_US - 30 * DAY_US for verdict in transactions)
    assert {True, False} == {v.in_service for v in verdicts if isinstance(v, Asset)}
    seen = Counter((v.source, v.id) for v in verdicts if isinstance(v, Transaction | Asset))
    assert max(seen.values()) > 1
    assert sum(isinstance(verdict, Rejection) for verdict in verdicts) < 0.02 * COUNT


def test_no_topic_is_mostly_refused(messages: list[Message], verdicts: list[object]) -> None:
    records = Counter(message.topic for message in messages)
    pairs = zip(messages, verdicts, strict=True)
    refused = Counter(message.topic for message, verdict in pairs if isinstance(verdict, Rejection))
    assert {topic: refused[topic] < 0.05 * count for topic, count in records.items()} == dict.fromkeys(records, True)


def test_a_cancellation_takes_back_what_was_executed_once(verdicts: list[object]) -> None:
    executed: dict[str, Transaction] = {}
    cancelled: dict[str, Transaction] = {}
    for verdict in verdicts:
        if isinstance(verdict, Transaction):
            (cancelled if verdict.cancelled else executed)[verdict.transaction_id] = verdict
    assert cancelled
    for transaction_id, verdict in cancelled.items():
        first = executed[transaction_id]
        fields = ("exchange", "product_type", "currency", "cross_border", "amount", "effective_us")
        assert [getattr(verdict, name) for name in fields] == [getattr(first, name) for name in fields]
    ids = [
        v.transaction_id for v in {(v.id): v for v in verdicts if isinstance(v, Transaction) and v.cancelled}.values()
    ]
    assert len(ids) == len(set(ids))


def test_everything_says_that_it_is_synthetic(verdicts: list[object]) -> None:
    for verdict in verdicts:
        if isinstance(verdict, Transaction | Asset):
            assert verdict.source.startswith("/synthetic/")
        if isinstance(verdict, Transaction):
            assert verdict.exchange.endswith("-synthetic")
        if isinstance(verdict, Asset):
            assert verdict.asset_id.startswith("synthetic-")


def test_both_modes_of_cloudevents(messages: list[Message]) -> None:
    modes = Counter(message.headers == STRUCTURED_HEADERS for message in messages)
    assert modes[True] > modes[False] > 0
    binary = next(message for message in messages if message.headers != STRUCTURED_HEADERS)
    assert "specversion" not in json.loads(binary.value)


def test_nothing_of_the_story_has_the_name_of_something_synthetic() -> None:
    assert not any(b"synthetic" in message.value for message in story())
