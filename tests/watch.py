"""``make watch``: CityPulse as it is watched in service, on this machine, without Docker.

A broker (embedded, or one that runs already), two workers with the thresholds that we ship, synthetic traffic, Debian's
Prometheus and Alertmanager with our configuration, rules and routes, and a receiver that prints what would wake
somebody. Everything ends with Ctrl-C; what Prometheus has stored goes with it.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from streams.cli.publisher import open_publisher
from streams.cli.signals import stop_on_signals
from streams.errors import CityPulseError
from streams.ports import require_free
from streams.publish.pace import paced
from streams.publish.story import story
from streams.settings import Settings
from streams.shipped import THRESHOLDS, shipped
from streams.transport.embedded import EmbeddedBroker
from streams.transport.topic_admin import create_topics
from tests.e2e.watching import Webhook, alertmanager, prometheus
from tests.ports import free_port
from tests.prometheus import ToolMissing, tool
from tests.workers import WorkerProcess

WORKERS, PROMETHEUS, ALERTMANAGER = (6066, 6067), 9090, 9093
GRAFANA = "http://127.0.0.1:3000"
"""Where Grafana is when docker-compose.yml runs it: dashboards are linked to, not shown here."""


def main() -> int:
    """Runs until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="make watch", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--broker", help="bootstrap servers of a broker that runs already, such as that of make kafka")
    parser.add_argument("--rate", type=int, default=200, help="synthetic events a second (%(default)s)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for name in ("prometheus", "prometheus-alertmanager"):
            tool(name)
        with ExitStack() as stack:
            settings = _start(stack, arguments.broker)
            asyncio.run(_traffic(settings, arguments.rate))
            print("ending", flush=True)
    except ToolMissing as error:
        print(f"make watch: {error}", file=sys.stderr)
        return 1
    except CityPulseError as error:
        print(*(f"make watch: {line}" for line in error.lines()), sep="\n", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("make watch: interrupted", file=sys.stderr)
        return 130
    return 0


def _start(stack: ExitStack, broker: str | None) -> Settings:
    """Starts everything, telling each address; the stack ends it."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="citypulse-watch-")))
    if broker is None:
        broker = stack.enter_context(EmbeddedBroker()).bootstrap
    _say("broker", broker)
    settings = Settings(broker=broker)
    asyncio.run(create_topics(settings))
    log = stack.enter_context((folder / "workers.log").open("wb"))
    workers = [stack.enter_context(_worker(broker, port, log)) for port in WORKERS]
    for worker in workers:
        _say("worker", f"{worker.url}/", "the live page; /metrics, /api/v1/totals, /runbooks/ beside it")
    webhook = stack.enter_context(Webhook(_Receiver().told))
    _say("receiver", webhook.url, "prints below what Alertmanager sends")
    alerts = stack.enter_context(alertmanager(folder, webhook.url, _port(ALERTMANAGER), hasty=False))
    _say("alertmanager", f"http://{alerts}/")
    links = {"grafana": GRAFANA, "runbooks": f"{workers[0].url}/runbooks"}
    targets = [worker.url.removeprefix("http://") for worker in workers]
    address = stack.enter_context(prometheus(folder, targets, alerts, _port(PROMETHEUS), links=links, hasty=False))
    _say("prometheus", f"http://{address}/alerts", "scrapes and judges every 5 s")
    _say("logs", f"{folder}", "while it runs")
    return settings


@contextmanager
def _worker(broker: str, preferred: int, log: IO[bytes]) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(broker, "--port", str(_port(preferred)), stderr=log, thresholds_file=shipped(THRESHOLDS))
    with worker:
        yield worker
        worker.stop()


async def _traffic(settings: Settings, rate: int) -> None:
    """The story, then synthetic events until a signal comes."""
    stop = asyncio.Event()
    with stop_on_signals(stop):
        async with open_publisher(settings) as publisher:
            for message in story():
                await publisher.send_unchecked(message)
            _say("traffic", f"{rate} synthetic events a second, after the published figures of 2023", "Ctrl-C ends all")
            async for messages in paced(rate):
                for message in messages:
                    await publisher.send_unchecked(message)
                if stop.is_set():
                    return


class _Receiver:
    """Prints each alert once; of the Watchdog, which comes again every minute, only the first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard = False

    def told(self, receiver: str, alert: dict[str, Any]) -> None:
        labels, texts = alert["labels"], alert["annotations"]
        name = labels["alertname"]
        with self._lock:
            if receiver == "heartbeat":
                if not self._heard:
                    print(f"{_now()} heartbeat  {name} comes every minute; it is not printed again", flush=True)
                self._heard = True
                return
            others = {"alertname", "severity", "scope", "threshold", "job"}
            about = " ".join(f"{label}={value}" for label, value in sorted(labels.items()) if label not in others)
            print(f"{_now()} {alert['status'].upper():<9} {labels['severity']:<9} {name}  {about}  (to {receiver})")
            print(f"         {texts['summary']}\n         {texts['runbook_url']}", flush=True)


def _port(preferred: int) -> int:
    """The usual port, or a free one where somebody has it."""
    try:
        require_free("127.0.0.1", preferred, "")
    except CityPulseError:
        return free_port()
    return preferred


def _say(name: str, what: str, more: str = "") -> None:
    print(f"{name:<13}{what}{f'   ({more})' if more else ''}", flush=True)


def _now() -> str:
    return time.strftime("%H:%M:%S")


if __name__ == "__main__":
    sys.exit(main())
