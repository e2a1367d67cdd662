"""The worker's one HTTP port."""

import errno
import logging

from aiohttp import http_exceptions, web

from streams.errors import PortTaken

_HINT = "set CITYPULSE_HTTP_PORT or --port"

_LAST_ANSWERS = 2.0
"""Seconds that requests under way get when the server stops."""


_log = logging.getLogger(__name__)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a record is of an error of ours: anybody can send what is no HTTP, and it is answered with 400."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, http_exceptions.HttpProcessingError)


_log.addFilter(_is_ours)


class HttpServer:
    """Serves an application until stopped.

    Args:
        app: what to serve.
    """

    def __init__(self, app: web.Application) -> None:
        # Nothing compressed is taken, so nothing is unpacked: a small body cannot become a large one.
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=_LAST_ANSWERS, auto_decompress=False, logger=_log
        )

    async def start(self, host: str, port: int) -> int:
        """Listens, and returns the port; 0 takes any free one.

        Raises:
            PortTaken: somebody listens there already, or the address is not ours.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise PortTaken(f"port {port} on {host} is taken", _HINT) from error
            raise PortTaken(f"cannot listen on {host}:{port} ({error.strerror or error})", _HINT) from error
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        """Stops listening and lets requests under way end."""
        await self._runner.cleanup()
