"""Settings as aiokafka's clients want them, and what a failed connection means."""

import asyncio
import errno
import logging
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.helpers import create_ssl_context

from streams.errors import BrokerUnreachable, SettingsError
from streams.settings import Settings

CONNECT_DEADLINE_S = 8.0
"""How long a client may take to find the cluster before a person is told that it is not there."""


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for aiokafka's consumer, producer and admin client: where the cluster is and who we are.

    Raises:
        SettingsError: a certificate or key cannot be read, or a user is missing.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.broker,
        "security_protocol": settings.security_protocol,
        "client_id": settings.app_id,
    }
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        if not settings.sasl_username:
            protocol = settings.security_protocol
            raise SettingsError([f"CITYPULSE_SASL_USERNAME is empty: CITYPULSE_SECURITY_PROTOCOL={protocol} needs it"])
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.sasl_username
        options["sasl_plain_password"] = settings.sasl_password
    return options


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    try:
        context: ssl.SSLContext = create_ssl_context(
            cafile=settings.ssl_cafile or None,
            certfile=settings.ssl_certfile or None,
            keyfile=settings.ssl_keyfile or None,
            password=settings.ssl_password or None,
        )
        return context
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        files = [
            f"{name}={value}"
            for name, value in (
                ("CITYPULSE_SSL_CAFILE", settings.ssl_cafile),
                ("CITYPULSE_SSL_CERTFILE", settings.ssl_certfile),
                ("CITYPULSE_SSL_KEYFILE", settings.ssl_keyfile),
            )
            if value
        ]
        raise SettingsError([f"cannot set up TLS from {', '.join(files)}: {error}"]) from error


@asynccontextmanager
async def connecting(settings: Settings) -> AsyncIterator[None]:
    """Around the start of an aiokafka client: a failure becomes one clear error, in bounded time.

    aiokafka only logs why a server was refused, so its log is collected meanwhile and the last word becomes the reason.

    Raises:
        BrokerUnreachable: nobody answers, or the broker refuses us.
    """
    words = _Collector()
    log = logging.getLogger("aiokafka")
    propagate, log.propagate = log.propagate, False
    log.addHandler(words)
    try:
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            yield
    except TimeoutError as error:
        raise BrokerUnreachable(settings.broker, f"no answer in {CONNECT_DEADLINE_S:.0f} s") from error
    except KafkaConnectionError as error:
        raise BrokerUnreachable(settings.broker, words.last) from error
    except (KafkaError, OSError) as error:
        raise BrokerUnreachable(settings.broker, words.last or str(error) or type(error).__name__) from error
    finally:
        log.removeHandler(words)
        log.propagate = propagate


class _Collector(logging.Handler):
    """Keeps the last error that was logged, as one line."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        # aiokafka: 'Unable connect to "%s:%s": %s', the error being the last argument.
        said = record.args[-1] if isinstance(record.args, tuple) and record.args else record.getMessage()
        if isinstance(said, OSError) and said.errno is not None and said.errno in errno.errorcode:
            said = os.strerror(said.errno)
        self.last = " ".join(str(said).split())
