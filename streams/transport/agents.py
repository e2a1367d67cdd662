"""The faust app: one agent a source topic, each handing its slices on."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import faust
from aiokafka.helpers import create_ssl_context

from schemas.topics import FAMILY, SOURCES
from streams.transport.consumer import SliceSchema, server_urls
from streams.transport.ownership import Ownership
from streams.transport.slices import RecordSlice

SESSION_TIMEOUT = 6.0
"""Seconds after which the group gives a silent worker's partitions to others; the least that Kafka takes by default."""

HEARTBEAT = 2.0

COMMIT_INTERVAL = 1.0
"""Seconds between commits to the group; they are for tools that show its lag."""

FETCH_BYTES = 2 << 20
"""Of one partition in one fetch; more did not pay."""

SLICES_AHEAD = 4
"""Slices that may wait for an agent."""


class _App(faust.App):  # type: ignore[misc]
    """A faust app that keeps nothing on disk: a worker's file system may be read-only."""

    def _create_directories(self) -> None:
        """There are no tables, and so no folders for them."""


def faust_app(
    app_id: str,
    options: Mapping[str, Any],
    ownership: Ownership,
    take_in: Callable[[RecordSlice], Awaitable[None]],
) -> Any:
    """The app, not started.

    Args:
        app_id: the consumer group.
        options: aiokafka's, for the connection.
        ownership: decides where partitions begin.
        take_in: what becomes of a slice.
    """
    app = _App(
        app_id,
        broker=server_urls(options["bootstrap_servers"]),
        broker_credentials=_credentials(options),
        broker_session_timeout=SESSION_TIMEOUT,
        broker_heartbeat_interval=HEARTBEAT,
        broker_commit_interval=COMMIT_INTERVAL,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=FETCH_BYTES,
        store="memory://",
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )
    app.ownership = ownership

    async def agent(stream: Any) -> None:
        async for part in stream:
            await take_in(part)

    for topic in SOURCES:
        app.agent(app.topic(topic, schema=SliceSchema(), maxsize=SLICES_AHEAD), name=f"citypulse.{FAMILY[topic]}")(
            agent
        )
    return app


def _credentials(options: Mapping[str, Any]) -> Any:
    """The connection's options as faust has them."""
    protocol = options["security_protocol"]
    context = options.get("ssl_context")
    if "sasl_oauth_token_provider" in options:
        return faust.OAuthCredentials(oauth_cb=options["sasl_oauth_token_provider"], ssl_context=context)
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context or create_ssl_context()) if protocol == "SSL" else None
