"""Apache Kafka 4 (KRaft) on loopback for tests: from its artefacts on Maven Central, no Docker, no root.

``python tests/apache_kafka.py [--brokers 1|3] [--port 9092]`` runs one until Ctrl-C (``make kafka``).
"""

import argparse
import base64
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests import maven
from tests.ports import free_ports

VERSION = "4.4.0"
"""Of the artefact org.apache.kafka:kafka_2.13. Runs on Java 17 and later."""

LOG4J_VERSION = "2.25.5"
"""Kafka's artefacts log through slf4j and leave its binding to the distribution: this is the one it ships."""

MESSAGE_MAX_BYTES = 8 * 1024 * 1024
START_TIMEOUT = 120.0
"""Seconds for all brokers to start; 10 are usual on two cores."""

_READY = "Kafka Server started"

SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For a JVM that does one thing: it starts in half the time when it does not optimise what it runs once."""

_LOG4J = """status = warn
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %-5p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.kafka.name = kafka
logger.kafka.level = info
logger.server.name = org.apache.kafka
logger.server.level = info
logger.values.name = org.apache.kafka.common.config
logger.values.level = warn
"""


class KafkaUnavailableError(RuntimeError):
    """A broker did not start, or its storage could not be formatted; the message has what it said."""


def tools() -> Path:
    """The folder with the jar of Kafka's command line tools (0.7 MB); its dependencies are among ``jars``.

    Raises:
        UnavailableError: no Maven, or it failed.
    """
    return maven.jars(f"apache-kafka-tools-{VERSION}", [f"org.apache.kafka:kafka-tools:{VERSION}"], alone=True)


def jars() -> Path:
    """The folder of Kafka's jars; downloads them through Maven (43 MB) when they are not there yet.

    Raises:
        UnavailableError: no Maven, or it failed.
    """
    logging = f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J_VERSION}"
    return maven.jars(f"apache-kafka-{VERSION}", [f"org.apache.kafka:kafka_2.13:{VERSION}", logging])


@dataclass
class _Node:
    number: int
    port: int
    controller_port: int
    folder: Path
    doors: list[tuple[int, int]]
    listeners: dict[str, int]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def config(self) -> Path:
        return self.folder / "server.properties"

    @property
    def log(self) -> Path:
        return self.folder / "broker.log"


class ApacheKafka:
    """One broker, or three, each also a controller. Use as a context manager, or ``start`` and ``stop``.

    Args:
        directory: for data, configuration and ``node-N/broker.log``; the caller's to remove.
        brokers: 1 or 3. With three, every topic and Kafka's own default to three replicas, two of them in sync.
        ports: of the brokers; free ones when not given.
        doors: how many further listeners each broker has, for clients that come through a proxy: see ``door``.
        listeners: further ones that each broker has, name to security protocol: see ``at``.
        settings: of every broker, beside our own.
        formatting: further arguments when the storage is formatted.
    """

    def __init__(
        self,
        directory: Path,
        *,
        brokers: int = 1,
        ports: list[int] | None = None,
        doors: int = 0,
        listeners: Mapping[str, str] | None = None,
        settings: Mapping[str, str | int] | None = None,
        formatting: Sequence[str] = (),
    ) -> None:
        self._protocols = dict(listeners or {})
        free = free_ports((2 + 2 * doors + len(self._protocols)) * brokers)
        self._directory = directory
        self._settings = settings or {}
        self._formatting = formatting
        self._nodes = {}
        for number in range(1, brokers + 1):
            port, controller, *others = free[number - 1 :: brokers]
            named = {name: others.pop() for name in self._protocols}
            pairs = list(zip(others[::2], others[1::2], strict=True))
            listening = ports[number - 1] if ports else port
            self._nodes[number] = _Node(number, listening, controller, directory / f"node-{number}", pairs, named)

    def door(self, number: int) -> list[tuple[int, int]]:
        """Of each broker, a port that it tells clients to use who come by this door, and the one where it listens.

        Args:
            number: of the door, from 0.
        """
        return [node.doors[number] for node in self._nodes.values()]

    def at(self, listener: str) -> str:
        """Bootstrap servers by one of the further listeners."""
        return ",".join(f"127.0.0.1:{node.listeners[listener]}" for node in self._nodes.values())

    @property
    def bootstrap(self) -> str:
        """Bootstrap servers, comma separated."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self._nodes.values())

    @property
    def nodes(self) -> list[int]:
        """Node numbers, from 1."""
        return list(self._nodes)

    def start(self) -> None:
        """Formats the storage, starts every broker and returns when all of them serve.

        Raises:
            KafkaUnavailableError: with the end of the log of the broker that did not start.
            UnavailableError: Java, Maven or a jar is missing.
        """
        jars()
        # A first byte of 0: an id that begins with a dash would be taken for an option.
        cluster_id = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "log4j2.properties").write_text(_LOG4J)
        try:
            for node in self._nodes.values():
                self._format(node, cluster_id)
            for node in self._nodes.values():
                self._launch(node)
            for node in self._nodes.values():
                self._wait(node)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends every broker at once: the data is a test's, so nothing needs an orderly shutdown."""
        for number in self._nodes:
            self.kill(number)

    def run_tool(self, main: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs one of Kafka's command line tools, by its Java class, to its end."""
        log4j = f"-Dlog4j2.configurationFile={self._directory / 'log4j2.properties'}"
        path = f"{jars()}/*:{tools()}/*"
        command = [
            maven.program("java", "default-jre-headless"),
            "-Xmx128m",
            *SHORT_LIVED,
            log4j,
            "-cp",
            path,
            main,
            *arguments,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def kill(self, node: int) -> None:
        """SIGKILL to one broker, as a crash would; nothing happens when it is not running."""
        process = self._nodes[node].process
        if process is not None:
            process.kill()
            process.wait()
            self._nodes[node].process = None

    def restart(self, node: int) -> None:
        """Starts a killed broker again on its data and ports; returns when it serves."""
        self._launch(self._nodes[node])
        self._wait(self._nodes[node])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _java(self, *arguments: str) -> list[str]:
        memory = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC")  # two cores are shared with what is tested
        log4j = f"-Dlog4j2.configurationFile={self._directory / 'log4j2.properties'}"
        return [maven.program("java", "default-jre-headless"), *memory, log4j, "-cp", f"{jars()}/*", *arguments]

    def _format(self, node: _Node, cluster_id: str) -> None:
        node.folder.mkdir(parents=True, exist_ok=True)
        node.config.write_text("".join(f"{key}={value}\n" for key, value in self._properties(node).items()))
        arguments = ("format", "-t", cluster_id, "-c", str(node.config), *self._formatting)
        run = self.run_tool("kafka.tools.StorageTool", *arguments)
        if run.returncode != 0:
            raise KafkaUnavailableError(f"formatting the storage failed:\n{run.stdout}{run.stderr}")

    def _launch(self, node: _Node) -> None:
        with node.log.open("wb") as log:
            command = self._java("kafka.Kafka", str(node.config))
            # Its own session: Ctrl-C in a terminal is for the one who started us, who then calls stop().
            node.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _wait(self, node: _Node) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while _READY not in node.log.read_text(errors="replace"):
            process = node.process
            if process is None or process.poll() is not None or time.monotonic() > deadline:
                end = node.log.read_text(errors="replace")[-3000:]
                raise KafkaUnavailableError(f"broker {node.number} did not start:\n{end}")
            time.sleep(0.1)

    def _properties(self, node: _Node) -> dict[str, str | int]:
        replicas = len(self._nodes)
        in_sync = min(2, replicas)
        voters = ",".join(f"{each.number}@127.0.0.1:{each.controller_port}" for each in self._nodes.values())
        doors = [(f"DOOR{at}", door) for at, door in enumerate(node.doors)]
        named = node.listeners.items()
        listeners = [("PLAINTEXT", node.port), *named, *((name, door[1]) for name, door in doors)]
        advertised = [("PLAINTEXT", node.port), *named, *((name, door[0]) for name, door in doors)]
        return {
            "process.roles": "broker,controller",
            "node.id": node.number,
            "controller.quorum.voters": voters,
            "listeners": _listeners([*listeners, ("CONTROLLER", node.controller_port)]),
            "advertised.listeners": _listeners(advertised),
            "listener.security.protocol.map": ",".join(
                f"{name}:{self._protocols.get(name, 'PLAINTEXT')}" for name, _ in [*listeners, ("CONTROLLER", 0)]
            ),
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(node.folder / "data"),
            "auto.create.topics.enable": "false",
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "message.max.bytes": MESSAGE_MAX_BYTES,
            "replica.fetch.max.bytes": MESSAGE_MAX_BYTES,
            "group.initial.rebalance.delay.ms": 0,
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": in_sync,
            **self._settings,
        }


def _listeners(ports: list[tuple[str, int]]) -> str:
    return ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports)


def main() -> int:
    """Runs Apache Kafka until SIGINT or SIGTERM; prints the bootstrap servers on a line of their own."""
    parser = argparse.ArgumentParser(description=f"Apache Kafka {VERSION} on loopback, until Ctrl-C. Keeps no data.")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
    parser.add_argument("--port", type=int, default=9092, help="of the first broker; the others follow (9092)")
    arguments = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ports = list(range(arguments.port, arguments.port + arguments.brokers))
    with tempfile.TemporaryDirectory(prefix="citypulse-kafka-") as directory:
        kafka = ApacheKafka(Path(directory), brokers=arguments.brokers, ports=ports)
        try:
            with kafka:
                print(kafka.bootstrap, flush=True)
                ended.wait()
        except (KafkaUnavailableError, maven.UnavailableError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
