"""``citypulse broker``: the embedded broker alone."""

import argparse
import asyncio

from streams.cli.signals import stop_on_signals
from streams.errors import EmbeddedBrokerError
from streams.transport.embedded import EmbeddedBroker


def run(arguments: argparse.Namespace) -> int:
    """Runs the broker until it is told to stop.

    Raises:
        PortTaken: somebody else listens on the port.
        EmbeddedBrokerError: it does not start, or ends by itself.
    """
    return asyncio.run(_run(arguments.port))


async def _run(port: int) -> int:
    stop = asyncio.Event()
    broker = EmbeddedBroker(port)
    with stop_on_signals(stop, broker.stop), broker:
        print(f"broker  {broker.bootstrap}  (memory only; Ctrl-C ends it)", flush=True)
        while not stop.is_set():
            if not broker.running:
                raise EmbeddedBrokerError(f"the embedded broker has ended by itself: {broker.said() or 'no word'}")
            try:
                await asyncio.wait_for(stop.wait(), timeout=0.5)
            except TimeoutError:
                continue
    return 0
