"""Ports for tests."""

import random
import socket
from contextlib import ExitStack, suppress


def free_ports(count: int) -> list[int]:
    """That many different loopback ports that were free a moment ago.

    They are below those that systems give to outgoing connections (from 32,768 on with Linux): what is started a while
    later, or killed and started again, must find its port free.
    """
    with ExitStack() as taken:
        ports: list[int] = []
        for port in random.SystemRandom().sample(range(10_000, 32_000), 20 * count):
            with suppress(OSError):
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
                ports.append(port)
            if len(ports) == count:
                return ports
    raise OSError(f"of {20 * count} loopback ports not even {count} are free")


def free_port() -> int:
    """One of them."""
    return free_ports(1)[0]
