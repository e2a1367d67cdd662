"""One run of one peer, or of CityPulse: what it did between a fifth of its events and all of them."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.load import Pane, SeriesKey
from benchmarks.machine import cpu_seconds, resident_mib
from benchmarks.peers.job import WARM, Order
from benchmarks.peers.lineup import ROOT, Peer
from schemas.topics import TRANSACTIONS
from streams.ports import free_port

DEADLINE_S = 120.0
POLL_S = 0.05
STOP_S = 10.0
WORDS = 300
HOUR_MS = 3_600_000
MINUTE_MS = 60_000

Sums = Mapping[Pane, tuple[int, int]]


class RunFailed(RuntimeError):
    """It ended, or took too long; the message says which."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run showed. ``exact`` is None where there are no totals."""

    events_per_second: float
    cpu_us_per_event: float
    memory_mib: float
    exact: bool | None


@dataclass(frozen=True, slots=True)
class _Moment:
    at: float
    cpu: float
    counted: int


def _figures(first: _Moment, last: _Moment, memory: float, exact: bool | None) -> Figures:
    counted = last.counted - first.counted
    return Figures(counted / (last.at - first.at), (last.cpu - first.cpu) / counted * 1e6, memory, exact)


@contextmanager
def _process(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """The process; it is ended by force when it or we take too long."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    timer = threading.Timer(DEADLINE_S, process.kill)
    timer.start()
    try:
        yield process
    finally:
        timer.cancel()
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()


def run_peer(peer: Peer, order: Order, sums: Sums) -> Figures:
    """Starts a peer, waits until it has counted everything, compares its totals.

    Raises:
        RunFailed: it ended before, or had not done it after DEADLINE_S.
    """
    command = [*peer.command, json.dumps(asdict(order)), *peer.after]
    log = Path(order.scratch, "stderr")
    with _process(command, {"PYTHONPATH": str(ROOT)}, log) as process:
        first = _said(process, "started", log)
        last = _said(process, "done", log)
        memory = resident_mib(process.pid)
        if not peer.counts:
            return _figures(first, last, memory, None)
        assert process.stdin is not None
        process.stdin.write("\n")  # some hand in only when asked
        process.stdin.flush()
        _said(process, "totals", log)
        return _figures(first, last, memory, _handed_in(Path(order.scratch, "totals")) == sums)


def _said(process: subprocess.Popen[str], word: str, log: Path) -> _Moment:
    assert process.stdout is not None
    for line in process.stdout:
        said, _, number = line.strip().partition(" ")
        if said == word:
            return _Moment(time.monotonic(), cpu_seconds(process.pid), int(number or 0))
    raise RunFailed(f"no {word!r} before it ended, or in {DEADLINE_S:.0f} s{_last_words(log)}")


def _last_words(log: Path) -> str:
    """The last line that a process wrote to its standard error, to end a sentence with."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return f": {lines[-1][:WORDS]}" if lines else ""


def _handed_in(file: Path) -> dict[Pane, tuple[int, int]]:
    sums: dict[Pane, tuple[int, int]] = {}
    for line in file.read_text().splitlines():
        name, minute, count, minor = line.split(" ")
        exchange, product, currency, border = name.split("|")
        pane = (exchange, product, currency, border == "true"), int(minute)
        before = sums.get(pane, (0, 0))
        sums[pane] = before[0] + int(count), before[1] + int(minor)
    return sums


def run_citypulse(order: Order, sums: Sums) -> Figures:
    """One worker, as a user starts it, under the event clock.

    Raises:
        RunFailed: it ended before, or had not done it after DEADLINE_S.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streams", "worker", "--clock", "event", "--port", str(port)]
    environment = {
        "CITYPULSE_BROKER": order.broker,
        "CITYPULSE_APP_ID": order.name,
        "CITYPULSE_PARTITIONS": str(order.partitions),
    }
    log = Path(order.scratch, "stderr")
    with _process(command, environment, log) as process:
        first = _applied(process, url, order.counted // WARM, log)
        last = _applied(process, url, order.counted, log)
        memory = resident_mib(process.pid)
        return _figures(first, last, memory, _same(_ask(f"{url}/api/v1/totals"), order.records, sums))


def _applied(process: subprocess.Popen[str], url: str, least: int, log: Path) -> _Moment:
    """Waits until so many events are applied by what the API says."""
    while process.poll() is None:
        try:
            topics = _ask(f"{url}/api/v1/events")["topics"]
        except OSError:
            topics = []  # it does not listen yet
        for topic in topics:
            applied = topic["outcomes"].get("applied", 0)
            if topic["topic"] == TRANSACTIONS and applied >= least:
                return _Moment(time.monotonic(), cpu_seconds(process.pid), applied)
        time.sleep(POLL_S)
    raise RunFailed(f"the worker ended, or took over {DEADLINE_S:.0f} s{_last_words(log)}")


def _ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def _same(answer: Any, records: int, sums: Sums) -> bool:
    """Whether the API's counts, gross totals and last hour are those of the sums, and every record has an outcome."""
    clock_ms = int(datetime.fromisoformat(answer["clock"]).timestamp() * 1_000)
    hour = clock_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS - HOUR_MS
    wanted: dict[SeriesKey, tuple[int, int, int]] = {}
    for (series, minute), (count, minor) in sums.items():
        before = wanted.get(series, (0, 0, 0))
        recent = minor if minute >= hour else 0
        wanted[series] = before[0] + count, before[1] + minor, before[2] + recent
    shown = {
        (each["exchange"], each["product_type"], each["currency"], each["cross_border"]): (
            each["executed"],
            int(Decimal(each["gross"]).scaleb(2)),
            int(Decimal(each["rolling"]["1h"]).scaleb(2)),
        )
        for each in answer["series"]
    }
    return shown == wanted and sum(answer["events"][TRANSACTIONS].values()) == records


@contextmanager
def scratch() -> Iterator[str]:
    """An empty folder for one run."""
    with tempfile.TemporaryDirectory(prefix="citypulse-peer-") as folder:
        yield folder
