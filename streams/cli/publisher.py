"""A connected publisher, with failures to connect as one clear line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.publish import Publisher
from streams.settings import Settings
from streams.transport.client_options import client_options, connecting


def make_publisher(settings: Settings) -> Publisher:
    """A publisher for the cluster of the settings, not connected. It refuses what the workers would."""
    return Publisher(
        **client_options(settings),
        max_event_bytes=settings.max_event_bytes,
        open_indicators=settings.open_indicators,
    )


@asynccontextmanager
async def open_publisher(settings: Settings) -> AsyncIterator[Publisher]:
    """Connects a publisher to the cluster of the settings, and disconnects it.

    Raises:
        BrokerUnreachable: nobody answers.
    """
    publisher = make_publisher(settings)
    async with connecting(settings):
        await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()
