"""Asking what is allowed while brokers come and go; tests/security asks a real one."""

from types import SimpleNamespace

import pytest
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError

from streams.transport import rights
from streams.transport.rights import Right, lacking

GROUP = Right("Read", "group", "citypulse")
ALLOWED = 1 << 3 | 1 << 8


class Admin:
    """Answers for the group once the others of ``away`` were asked."""

    def __init__(self, *away: Exception) -> None:
        self.away = list(away)

    async def _send_request(self, _: object) -> SimpleNamespace:
        return SimpleNamespace(topics=[])

    async def find_coordinator(self, _: str) -> int:
        return 3

    async def _send_request_to_node(self, node: int, _: object) -> SimpleNamespace:
        if self.away:
            raise self.away.pop()
        return SimpleNamespace(groups=[(0, "citypulse", "", "", "", [], ALLOWED)])


@pytest.mark.parametrize("error", [TimeoutError(), KafkaConnectionError("closed"), NodeNotReadyError("3")])
async def test_a_coordinator_whose_broker_is_down_is_asked_again(error: Exception) -> None:
    assert await lacking(Admin(error), [GROUP]) == []


async def test_a_coordinator_that_stays_away_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "COORDINATOR_WITHIN_S", 0.0)
    assert await lacking(Admin(*[TimeoutError()] * 9), [GROUP]) is None
