"""``citypulse worker``: one worker."""

import argparse
import asyncio
import os
import sys
import threading

from streams.cli import logs
from streams.cli.environment import load_settings
from streams.cli.signals import stop_on_signals
from streams.ports import on_all_addresses, require_free
from streams.settings import Settings

STOP_WITHIN_S = 20.0
"""Seconds from the signal to the end. A worker makes durable what it has in the first five; a client whose broker is
away may wait for it much longer, and what is not durable by then is read again by whoever goes on."""

PAGES = (("page", "/"), ("metrics", "/metrics"), ("totals", "/api/v1/totals"))


def run(arguments: argparse.Namespace) -> int:
    """Runs a worker until it is told to stop.

    Raises:
        CityPulseError: settings, broker, topics or port are not as a worker needs them.
    """
    settings = load_settings(http_port=arguments.port, clock=arguments.clock)
    require_free(settings.http_host, settings.http_port, "choose another with --port or CITYPULSE_HTTP_PORT")
    logs.set_up(settings)
    asyncio.run(_run(settings))
    return 0


async def _run(settings: Settings) -> None:
    from streams.app import run_worker  # noqa: PLC0415 - settings and port are judged before faust is loaded

    def tell(url: str) -> None:
        print(*addresses(url, settings.http_host), sep="\n", flush=True)

    stop = asyncio.Event()
    watch = asyncio.create_task(_end_in_time(stop))
    with stop_on_signals(stop):
        await run_worker(settings, ready=tell, stop=stop)
    watch.cancel()


async def _end_in_time(stop: asyncio.Event) -> None:
    """Once told to stop, ends the process when its parts do not: a thread's timer, which no part can hold up."""
    await stop.wait()
    timer = threading.Timer(STOP_WITHIN_S, _end_now)
    timer.daemon = True
    timer.start()


def _end_now() -> None:
    print(f"citypulse: stopped without waiting for the broker any longer than {STOP_WITHIN_S:.0f} s", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def addresses(url: str, host: str) -> list[str]:
    """A worker's addresses, one a line, for a person.

    Args:
        url: where its HTTP server can be opened on this machine.
        host: what it listens on.
    """
    everywhere = [f"it listens on all addresses of this machine ({host})"] if on_all_addresses(host) else []
    return [f"{name:<8}{url.rstrip('/')}{path}" for name, path in PAGES] + everywhere
