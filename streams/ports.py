"""TCP ports to listen on."""

import errno
import socket
from ipaddress import ip_address

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


def on_all_addresses(host: str) -> bool:
    """Whether a server that listens on this host does so on every address of the machine."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:  # a name
        return False


def web_address(host: str, port: int) -> str:
    """Where a person on this machine opens what listens there: nobody can open 0.0.0.0.

    Args:
        host: what the server listens on.
        port: its port.
    """
    if on_all_addresses(host):
        host = "localhost"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
