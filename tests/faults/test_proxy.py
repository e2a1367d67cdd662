"""The network between workers and brokers leaves nothing open: a warning of it would fail whichever test comes next."""

import asyncio
import gc
import socket
from contextlib import ExitStack

import pytest

from tests.faults.proxy import Network, Route
from tests.ports import free_ports


@pytest.mark.parametrize("turns", range(6))
def test_connections_that_come_while_it_stops_are_closed(turns: int) -> None:
    """However many turns of the event loop they have had: a worker connects whenever it likes."""

    async def come_and_stop() -> None:
        advertised, listening = free_ports(2)
        network = Network([Route(advertised, listening)])
        await network.start()
        with ExitStack() as stack:
            for _ in range(5):
                stack.enter_context(socket.create_connection(("127.0.0.1", advertised)))
            for _ in range(turns):
                await asyncio.sleep(0)
            await network.stop()

    asyncio.run(come_and_stop())
    gc.collect()  # pytest makes errors of the warnings that come now
