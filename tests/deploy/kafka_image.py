"""Brokers of a compose file on this machine, without their image: its environment, translated by the image's own class
(``kafka.docker.KafkaDockerWrapper``, in Kafka's jar) and started from Kafka's jars.

What is changed: hosts become 127.0.0.1, ports free ones, and paths inside the container folders of the test.
"""

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self

from tests.apache_kafka import SHORT_LIVED, START_TIMEOUT, jars, tools
from tests.ports import free_ports

_READY: Final = "Kafka Server started"
_LISTENER: Final = re.compile(r"([A-Z]+)://:(\d+)")
_ADDRESS: Final = re.compile(r"(kafka(?:-\d)?|127\.0\.0\.1):(\d+)")
_LOG4J: Final = """Configuration:
  Appenders: {Console: {name: STDOUT, PatternLayout: {pattern: "%d %-5p %c{1}: %m%n"}}}
  Loggers: {Root: {level: INFO, AppenderRef: [{ref: STDOUT}]}}
"""


class ComposedKafka:
    """All brokers of a compose file; a context manager.

    Args:
        services: of the merged compose file.
        folder: for data, logs and configuration.
        secrets: what make-secrets.sh made, where the file mounts it.
    """

    def __init__(self, services: Mapping[str, Any], folder: Path, secrets: Path | None = None) -> None:
        self._environments = {name: each["environment"] for name, each in services.items() if _is_broker(each)}
        wanted = [
            (name, port)
            for name, said in self._environments.items()
            for _, port in _LISTENER.findall(said["KAFKA_LISTENERS"])
        ]
        self._ports = dict(zip(wanted, free_ports(len(wanted)), strict=True))
        self._folder = folder
        self._secrets = secrets
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def at(self, listener: str) -> str:
        """Bootstrap servers by the listener of that name."""
        return ",".join(
            f"127.0.0.1:{self._ports[name, port]}"
            for name, said in self._environments.items()
            for other, port in _LISTENER.findall(said["KAFKA_LISTENERS"])
            if other == listener
        )

    def properties(self, broker: str) -> dict[str, str]:
        """The server's properties as the image's class made them of the environment."""
        lines = (self._home(broker) / "final" / "server.properties").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

    def secrets_of(self, name: str) -> Path:
        """The folder that a container sees as /etc/kafka/secrets, with its paths made true on this machine."""
        assert self._secrets is not None
        home = self._folder / "secrets" / name
        if not home.exists():
            shutil.copytree(self._secrets / name, home)
            client = home / "client.properties"
            client.write_text(client.read_text().replace("/etc/kafka/secrets", str(home)))
        return home

    def kill(self, broker: str) -> None:
        """SIGKILL, as a crash would."""
        process = self._processes.pop(broker)
        process.kill()
        process.wait()

    def set_up(self) -> None:
        """All that comes before a start; Kafka has read and taken every setting then."""
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(self._set_up, self._environments))

    def script(self, main: str) -> str:
        """A line of shell that does what a script of the image does: runs one of Kafka's tools with its arguments."""
        log4j = self._home(next(iter(self._environments))) / "final" / "tools-log4j2.yaml"
        tool = ["java", "-Xmx128m", *SHORT_LIVED, f"-Dlog4j2.configurationFile={log4j}"]
        return f'exec {shlex.join([*tool, "-cp", f"{jars()}/*:{tools()}/*", main])} "$@"\n'

    def __enter__(self) -> Self:
        try:
            self.set_up()
            for broker in self._environments:
                self._launch(broker)
            for broker in self._environments:
                self._wait(broker)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for broker in list(self._processes):
            self.kill(broker)

    def _home(self, broker: str) -> Path:
        return self._folder / broker

    def _set_up(self, broker: str) -> None:
        """What the image does before it starts the server: properties from the environment, a formatted storage."""
        home = self._home(broker)
        for name in ("default", "mounted", "final"):
            (home / name).mkdir(parents=True)
        (home / "default" / "server.properties").write_text("node.id=0\n")
        for name in ("log4j2.yaml", "tools-log4j2.yaml"):
            (home / "default" / name).write_text(_LOG4J)
        environment = {name: self._here(broker, str(value)) for name, value in self._environments[broker].items()}
        folders = [part for name in ("default", "mounted", "final") for part in (f"--{name}-configs-dir", home / name)]
        done = subprocess.run(
            [*_java(*SHORT_LIVED), "kafka.docker.KafkaDockerWrapper", "setup", *map(str, folders)],
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _here(self, broker: str, value: str) -> str:
        """A value of the environment with addresses and paths of this machine."""
        value = _LISTENER.sub(lambda found: f"{found[1]}://127.0.0.1:{self._ports[broker, found[2]]}", value)

        def address(found: re.Match[str]) -> str:
            name = broker if found[1] == "127.0.0.1" else found[1]
            # What has been given a port of this machine above is in no compose file.
            port = self._ports.get((name, found[2]), found[2])
            return f"127.0.0.1:{port}"

        value = _ADDRESS.sub(address, value).replace("/var/lib/kafka/data", str(self._home(broker) / "data"))
        if "/etc/kafka/secrets" in value:
            value = value.replace("/etc/kafka/secrets", str(self.secrets_of(broker)))
        return value

    def _launch(self, broker: str) -> None:
        home = self._home(broker)
        log4j = f"-Dlog4j2.configurationFile={home / 'final' / 'log4j2.yaml'}"
        command = [*_java("-Xmx256m", *SHORT_LIVED, log4j), "kafka.Kafka", str(home / "final/server.properties")]
        with (home / "broker.log").open("wb") as log:
            self._processes[broker] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _wait(self, broker: str) -> None:
        log = self._home(broker) / "broker.log"
        deadline = time.monotonic() + START_TIMEOUT
        while _READY not in (said := log.read_text(errors="replace")):
            assert self._processes[broker].poll() is None, said[-3000:]
            assert time.monotonic() < deadline, said[-3000:]
            time.sleep(0.1)


def _java(*options: str) -> list[str]:
    return ["java", *options, "-cp", f"{jars()}/*"]


def _is_broker(service: Mapping[str, Any]) -> bool:
    return "KAFKA_NODE_ID" in service.get("environment", {})
