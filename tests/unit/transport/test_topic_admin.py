"""The admin client asks a broker that is there."""

from types import SimpleNamespace
from typing import Any

from streams.transport.topic_admin import AdminClient


class _Client:
    """Three brokers, of which the first is down."""

    def __init__(self) -> None:
        self.cluster = SimpleNamespace(brokers=lambda: [SimpleNamespace(nodeId=node) for node in (1, 2, 3)])
        self.asked: list[int] = []

    def get_random_node(self) -> int:
        return 1

    async def ready(self, node: int) -> bool:
        return node != 1

    async def send(self, node: int, _: object) -> str:
        self.asked.append(node)
        return "answer"


async def test_a_broker_that_is_down_is_not_asked() -> None:
    admin: Any = AdminClient.__new__(AdminClient)
    admin._client = _Client()
    assert await admin._send_request("anything") == "answer"
    assert await admin._send_request("of that one", 3) == "answer"
    assert admin._client.asked == [2, 3]
