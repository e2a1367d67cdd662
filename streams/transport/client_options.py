"""Settings as aiokafka's clients want them, and what a failed connection means."""

import asyncio
import errno
import logging
import os
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
from aiokafka.helpers import create_ssl_context

from streams.errors import BrokerUnreachable, CityPulseError, NotAllowed, NotAuthenticated, SettingsError
from streams.settings import Settings, read_secret

CONNECT_DEADLINE_S = 8.0
"""How long a client may take to find the cluster before a person is told that it is not there."""


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments for aiokafka's consumer, producer and admin client: where the cluster is and who we are.

    Raises:
        SettingsError: a certificate, key or token cannot be read, or a user is missing.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.broker,
        "security_protocol": settings.security_protocol,
        "client_id": settings.app_id,
    }
    if settings.security_protocol.endswith("SSL"):
        options["ssl_context"] = _ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.sasl_mechanism
        if settings.sasl_mechanism == "OAUTHBEARER":
            options["sasl_oauth_token_provider"] = _token(settings)
        elif not settings.sasl_username:
            protocol = settings.security_protocol
            raise SettingsError([f"CITYPULSE_SASL_USERNAME is empty: CITYPULSE_SECURITY_PROTOCOL={protocol} needs it"])
        else:
            options["sasl_plain_username"] = settings.sasl_username
            options["sasl_plain_password"] = settings.sasl_password.get_secret_value()
    return options


class TokenFile(AbstractTokenProvider):  # type: ignore[misc]
    """The OAUTHBEARER token of a file that somebody else keeps fresh: read anew for each connection.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    async def token(self) -> str:
        """The token as it is now.

        Raises:
            KafkaConnectionError: there is none; the connection is tried again like any other.
        """
        try:
            return await asyncio.to_thread(read_secret, self._path)
        except ValueError as error:
            raise KafkaConnectionError(f"the token of CITYPULSE_SASL_OAUTH_TOKEN_FILE: {error}") from error


def _token(settings: Settings) -> TokenFile:
    """The provider of the token, which must be there at the start."""
    path = settings.sasl_oauth_token_file
    if not path:
        raise SettingsError(["CITYPULSE_SASL_OAUTH_TOKEN_FILE is empty: CITYPULSE_SASL_MECHANISM=OAUTHBEARER needs it"])
    try:
        read_secret(path)
    except ValueError as error:
        raise SettingsError([f"CITYPULSE_SASL_OAUTH_TOKEN_FILE: {error}"]) from error
    return TokenFile(path)


def _ssl_context(settings: Settings) -> ssl.SSLContext:
    try:
        context: ssl.SSLContext = create_ssl_context(
            cafile=settings.ssl_cafile or None,
            certfile=settings.ssl_certfile or None,
            keyfile=settings.ssl_keyfile or None,
            password=settings.ssl_password.get_secret_value() or None,
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
        BrokerUnreachable: nobody answers, or not in time.
        NotAuthenticated: the broker does not know us.
        NotAllowed: it knows us, and we may not do this.
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
    except (KafkaError, OSError) as error:
        raise failure(settings, error, words.last) from error
    finally:
        log.removeHandler(words)
        log.propagate = propagate


@contextmanager
def explained(settings: Settings) -> Iterator[None]:
    """Around the use of a connected client: what it raises becomes one clear error.

    Raises:
        CityPulseError: see ``failure``.
    """
    try:
        yield
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        raise failure(settings, error) from error


def failure(settings: Settings, error: BaseException, said: object = None) -> CityPulseError:
    """What an error of a client means for a person.

    Args:
        settings: where the cluster is.
        error: what was raised.
        said: what was logged on the way to it, if anything.
    """
    where = f"the broker at {settings.broker}"
    for cause in (said, error):
        if isinstance(cause, UnsupportedSaslMechanismError):
            return NotAuthenticated(f"{where} does not offer {settings.sasl_mechanism}", "see CITYPULSE_SASL_MECHANISM")
        if isinstance(cause, _UNKNOWN):
            hint = "see CITYPULSE_SASL_MECHANISM, user and password"
            return NotAuthenticated(f"{where} does not take our word for who we are ({_one_line(cause)})", hint)
        if isinstance(cause, _FORBIDDEN):
            what = " ".join(str(name) for argument in cause.args for name in _names(argument)) or "the cluster"
            return NotAllowed([f"what it asked of {what} ({cause.message})"])
    own = "" if isinstance(error, KafkaConnectionError) and said else _one_line(error) or type(error).__name__
    reason = _one_line(said) if said else own
    if isinstance(said or error, OSError) or settings.security_protocol == "PLAINTEXT":
        return BrokerUnreachable(settings.broker, reason)
    # A broker says nothing to a client without a certificate, and aiokafka does not read what it says of a token.
    token = settings.sasl_mechanism == "OAUTHBEARER" and settings.security_protocol.startswith("SASL")
    hint = "see CITYPULSE_SECURITY_PROTOCOL and the " + ("token" if token else "certificates")
    return NotAuthenticated(f"{where} has closed the connection, as to somebody that it does not know ({reason})", hint)


_UNKNOWN = (AuthenticationFailedError, SaslAuthenticationFailed)
_FORBIDDEN = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)


def _names(argument: object) -> Iterable[object]:
    """What an error names: one resource, or a set of them."""
    return argument if isinstance(argument, set | frozenset | list | tuple) else (argument,)


def _one_line(said: object) -> str:
    if isinstance(said, ssl.SSLError):
        said = said.args[-1]
    elif isinstance(said, OSError) and said.errno is not None and said.errno in errno.errorcode:
        said = os.strerror(said.errno)
    return " ".join(str(said).split())


class _Collector(logging.Handler):
    """Keeps the last error that was logged."""

    def __init__(self) -> None:
        super().__init__(level=logging.WARNING)
        self.last: object = None

    def emit(self, record: logging.LogRecord) -> None:
        # aiokafka: 'Unable connect to "%s:%s": %s', the error being the last argument.
        self.last = record.args[-1] if isinstance(record.args, tuple) and record.args else record.getMessage()
