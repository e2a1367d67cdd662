"""What comes in over HTTP gets its verdicts in order, and an absent broker is waited for once."""

import asyncio
import json
from typing import Any

from schemas.envelope import STRUCTURED_HEADERS
from schemas.events import Rejection
from schemas.export.events import example
from schemas.topics import COMMISSIONED, EXECUTED, INFRASTRUCTURE, TRANSACTIONS
from streams.exposition.verdicts import Accepted, Failed, Incoming
from streams.publish import Delivered, Delivery, NotDelivered
from streams.publish.checking import Checker
from streams.publish.intake import Intake
from streams.publish.routing import Message

TRADE = example("events", EXECUTED)
GOOD = Incoming(json.dumps(TRADE).encode(), STRUCTURED_HEADERS)
BINARY = Incoming(
    json.dumps(example("events", COMMISSIONED)["data"]).encode(),
    [("content-type", b"application/json")]
    + [
        (f"ce_{name}", value.encode())
        for name, value in example("events", COMMISSIONED).items()
        if name not in {"data", "datacontenttype"}
    ],
)
BAD = Incoming(b"{", STRUCTURED_HEADERS)


class FakePublisher:
    """Delivers all; or loses what it was handed, or takes nothing."""

    def __init__(self, *, takes: bool = True, loses: bool = False) -> None:
        self._takes = takes
        self._loses = loses
        self.asked: list[Message] = []

    async def send_unchecked(self, message: Message) -> Delivery:
        self.asked.append(message)
        if not self._takes:
            raise NotDelivered("no broker")
        delivery: Delivery = asyncio.get_running_loop().create_future()
        if self._loses:
            delivery.set_exception(NotDelivered("not acknowledged"))
        else:
            delivery.set_result(Delivered(message.topic, 1, len(self.asked)))
        return delivery


def intake(publisher: Any) -> Intake:
    return Intake(publisher, Checker())


async def test_each_event_has_its_verdict_in_its_place() -> None:
    publisher = FakePublisher()
    verdicts = await intake(publisher)([GOOD, BAD, BINARY])
    assert verdicts[0] == Accepted(TRANSACTIONS, 1, 1)
    assert isinstance(verdicts[1], Rejection)
    assert verdicts[1].reason == "not_json"
    assert verdicts[2] == Accepted(INFRASTRUCTURE, 1, 2)
    assert [message.key for message in publisher.asked] == [
        TRADE["data"]["transaction_id"].encode(),
        example("events", COMMISSIONED)["data"]["asset_id"].encode(),
    ]
    assert publisher.asked[1].value == BINARY.value
    assert dict(publisher.asked[1].headers) == dict(BINARY.headers)


async def test_a_broker_that_is_away_is_waited_for_once() -> None:
    publisher = FakePublisher(takes=False)
    verdicts = await intake(publisher)([GOOD, BAD, GOOD, GOOD])
    assert [type(verdict) for verdict in verdicts] == [Failed, Rejection, Failed, Failed]
    assert len(publisher.asked) == 1


async def test_what_is_not_acknowledged_has_failed() -> None:
    assert await intake(FakePublisher(loses=True))([GOOD]) == [Failed("not acknowledged")]


async def test_the_worker_s_own_limits_judge() -> None:
    publisher = FakePublisher()
    verdicts = await Intake(publisher, Checker(max_event_bytes=10))([GOOD])  # type: ignore[arg-type]
    assert isinstance(verdicts[0], Rejection)
    assert verdicts[0].reason == "too_large"
    assert publisher.asked == []


async def test_the_loop_has_turns_while_many_events_are_judged() -> None:
    judging = asyncio.ensure_future(intake(FakePublisher())([BAD] * 500))
    turns = 0
    while not judging.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 500 // 50
