"""TCP ports to listen on."""

import errno
import socket

from streams.errors import PortTaken


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port of ``host`` that nobody listens on now. Another process may take it before its user does."""
    with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def require_free(host: str, port: int, hint: str) -> None:
    """Checks that ``host:port`` can be listened on; port 0 always can.

    Args:
        host: an address of this machine.
        port: 0 to 65535.
        hint: how to choose another one, for the error.

    Raises:
        PortTaken: somebody listens there, or the address is not ours.
    """
    try:
        with socket.socket(_family(host), socket.SOCK_STREAM) as probe:
            # As servers do it: connections of a server that has just ended (TIME_WAIT) do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"port {port} on {host} is taken", hint) from error
        raise PortTaken(f"cannot listen on {host}:{port} ({error.strerror or error})", hint) from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
