"""Ctrl-C and SIGTERM as a request to stop; a second one ends the process at once."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_on_signals(stop: asyncio.Event, last_act: Callable[[], None] | None = None) -> Iterator[None]:
    """Sets ``stop`` on the first signal. Call it in the running event loop, in the main thread.

    Args:
        stop: what to set.
        last_act: what must still happen before a second signal ends the process.
    """
    loop = asyncio.get_running_loop()

    def received(number: signal.Signals) -> None:
        if stop.is_set():
            if last_act is not None:
                last_act()
            os._exit(128 + number)
        stop.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
