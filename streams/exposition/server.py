"""The worker's one HTTP port."""

import errno

from aiohttp import web

from streams.errors import PortTaken

_HINT = "set CITYPULSE_HTTP_PORT or --port"

_LAST_ANSWERS = 2.0
"""Seconds that requests under way get when the server stops."""


class HttpServer:
    """Serves an application until stopped.

    Args:
        app: what to serve.
    """

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LAST_ANSWERS)

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
