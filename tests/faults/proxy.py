"""The network between one worker and the brokers: connections that can be cut and mended."""

import asyncio
import contextlib
import socket
from typing import Literal, NamedTuple

Cut = Literal["silent", "refused"]
"""silent: nothing comes through, and what was sent arrives when the network is mended. refused: connections break."""

_CHUNK = 1 << 16
_PRODUCE = (0).to_bytes(2)  # Kafka's number of that request


class Route(NamedTuple):
    """A broker's listener, and the port at which it tells clients to find it."""

    advertised: int
    listening: int


class Network:
    """Forwards one worker's connections to the brokers, all on loopback.

    Args:
        routes: one for each broker.
    """

    def __init__(self, routes: list[Route]) -> None:
        self._routes = routes
        self._listening: list[socket.socket] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._refuses = False
        self._held: bytes | None = None
        self._writes = asyncio.Event()
        self._writes.set()

    @property
    def bootstrap(self) -> str:
        """Where the worker finds the brokers."""
        return ",".join(f"127.0.0.1:{route.advertised}" for route in self._routes)

    async def start(self) -> None:
        """Listens."""
        for route in self._routes:
            listening = socket.create_server(("127.0.0.1", route.advertised))
            listening.setblocking(False)
            self._listening.append(listening)
            asyncio.get_running_loop().add_reader(listening, self._accept, listening, route)

    async def stop(self) -> None:
        """Ends everything."""
        for listening in self._listening:
            asyncio.get_running_loop().remove_reader(listening)
            listening.close()
        await self._break_all()

    async def cut(self, how: Cut) -> None:
        """Cuts the network until ``mend``."""
        if how == "silent":
            self._flows.clear()
        else:
            self._refuses = True
            await self._break_all()

    def mend(self) -> None:
        """All is as before; a silent network delivers what was held back."""
        self._refuses = False
        self._flows.set()

    def hold_writes(self, topic: str) -> None:
        """Keeps back every write to a topic until ``deliver_writes``; all else goes on."""
        self._held = topic.encode()
        self._writes.clear()

    def deliver_writes(self) -> None:
        """What was kept back arrives, late as it is."""
        self._writes.set()

    async def _break_all(self) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _accept(self, listening: socket.socket, route: Route) -> None:
        """Takes a connection, which is one of ours from then on.

        asyncio's own server takes it some turns of the loop before it tells: a stop in between leaves it open for ever.
        """
        try:
            connection, _ = listening.accept()
        except OSError:  # whoever came has left
            return
        task = asyncio.create_task(self._serve(route, connection))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        task.add_done_callback(lambda _: connection.close())  # also when it is cancelled before it has begun

    async def _serve(self, route: Route, connection: socket.socket) -> None:
        if self._refuses:
            return
        with contextlib.suppress(OSError):  # one end is gone
            reader, writer = await asyncio.open_connection(sock=connection)
            try:
                await self._forward(route, reader, writer)
            finally:
                writer.transport.abort()

    async def _forward(self, route: Route, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        to_broker, from_us = await asyncio.open_connection("127.0.0.1", route.listening)
        pumps = [
            asyncio.create_task(self._pump_requests(reader, from_us)),
            asyncio.create_task(self._pump(to_broker, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            from_us.transport.abort()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self._flows.wait()
                writer.write(chunk)
                await writer.drain()

    async def _pump_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request after the other: its size in 4 bytes, then its kind in 2."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                size = await reader.readexactly(4)
                request = await reader.readexactly(int.from_bytes(size))
                await self._flows.wait()
                if self._held is not None and request.startswith(_PRODUCE) and self._held in request:
                    await self._writes.wait()
                writer.write(size + request)
                await writer.drain()
