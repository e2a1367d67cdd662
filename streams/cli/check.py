"""``citypulse check``: whether a worker with these settings would find everything as it needs it."""

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from schemas.thresholds import ThresholdError, read_thresholds
from streams.cli.environment import load_settings
from streams.errors import CityPulseError, NotAllowed
from streams.exposition.tokens import tokens_of
from streams.settings import Settings
from streams.state.records import FORMAT
from streams.transport.probe import look_at_cluster, look_at_state
from streams.transport.rights import Right, lacking, worker_rights
from streams.transport.topic_admin import check_topics, connected_admin

Status = Literal["ok", "warning", "failed"]

SKEW_S = 5.0
"""Seconds that a worker's clock may be ahead of this machine's. An event counts as from the future after 300."""

LIVE_S = 15.0
"""Seconds since the last checkpoint within which a worker is at work; idle ones write one a second."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer."""

    name: str
    status: Status
    detail: str
    advice: str = ""

    def line(self) -> str:
        """For people."""
        return f"{self.status:<8} {self.name:<9} {self.detail}{f'; {self.advice}' if self.advice else ''}"


def run(arguments: argparse.Namespace) -> int:
    """Checks one thing after the other; what cannot be checked after a failure is left out.

    Returns:
        0, or 1 when something failed. Warnings alone are 0.

    Raises:
        SettingsError: the settings are not valid.
    """
    findings = asyncio.run(_all(load_settings(), told=not arguments.json))
    failed = any(finding.status == "failed" for finding in findings)
    if arguments.json:
        print(json.dumps({"ok": not failed, "checks": [asdict(finding) for finding in findings]}, indent=2))
    return 1 if failed else 0


async def _all(settings: Settings, *, told: bool) -> list[Finding]:
    """Every finding, printed as it comes when it is for people."""
    findings = []
    async for finding in _findings(settings):
        findings.append(finding)
        if told:
            print(finding.line(), flush=True)
    return findings


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    yield _settings(settings)
    try:
        async with connected_admin(settings) as admin:
            cluster = await look_at_cluster(admin)
            brokers = f"{cluster.brokers} broker{'' if cluster.brokers == 1 else 's'}"
            detail = f"{settings.broker} answers: cluster {cluster.cluster_id}, {brokers}, Kafka {cluster.era}"
            yield Finding("broker", "ok", detail)
            missing = await lacking(admin, worker_rights(settings))
    except CityPulseError as error:
        yield _failed("broker", error)
        return
    yield _rights(missing)
    try:
        layout = await check_topics(settings)
    except CityPulseError as error:
        yield _failed("topics", error)
        return
    if layout.notices:
        yield Finding("topics", "warning", "; ".join(layout.notices), "let an operator run: citypulse topics check")
    else:
        yield Finding("topics", "ok", f"{len(layout.partitions)} topics as the contract has them")
    try:
        sight = await look_at_state(settings, layout.partitions[settings.state_topic])
    except NotAllowed as error:
        yield Finding("clock", "warning", f"not checked: {error.message}", error.hint)
        return
    except CityPulseError as error:
        yield _failed("state", error)
        return
    yield Finding("state", "ok", _state(settings, sight.format))
    yield judge_clock(sight.newest_ms, time.time(), writes=sight.writes)


def _settings(settings: Settings) -> Finding:
    """That they are valid is known by now; that files they name can be read is not."""
    by_password = settings.security_protocol.startswith("SASL")
    user = f" as {settings.sasl_username}" if by_password and settings.sasl_username else ""
    detail = f"citypulse {version('citypulse')}, app {settings.app_id}, {settings.security_protocol}{user}"
    if settings.thresholds_file:
        try:
            detail += f", {len(read_thresholds(Path(settings.thresholds_file)))} thresholds"
        except ThresholdError as error:
            return Finding("settings", "failed", f"CITYPULSE_THRESHOLDS_FILE: {error.problems[0]}")
    try:
        tokens_of(settings.ingest_tokens_file)
    except CityPulseError as error:
        return _failed("settings", error)
    unused = [f"CITYPULSE_{name.upper()}" for name in _unused(settings)]
    if unused:
        advice = f"CITYPULSE_SECURITY_PROTOCOL={settings.security_protocol} makes no use of {', '.join(unused)}"
        return Finding("settings", "warning", detail, advice)
    return Finding("settings", "ok", detail)


def _unused(settings: Settings) -> list[str]:
    """Settings of a secure connection that are given, while the protocol has no place for them."""
    tls = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")
    protocol = settings.security_protocol
    names = (*(() if protocol.endswith("SSL") else tls), *(() if protocol.startswith("SASL") else ("sasl_username",)))
    return [name for name in names if getattr(settings, name)]


def _rights(missing: list[Right] | None) -> Finding:
    if missing is None:
        advice = "what is not allowed will show as an error later"
        return Finding("rights", "warning", "not checked: the broker does not tell them", advice)
    if missing:
        return _failed("rights", NotAllowed([str(right) for right in missing]))
    return Finding("rights", "ok", "all that a worker needs is allowed")


def _state(settings: Settings, found: int) -> str:
    if not found:
        return f"{settings.state_topic} is empty: a worker begins at the first event"
    return f"{settings.state_topic} has format {found}, this version reads up to {FORMAT}"


def judge_clock(newest_ms: int | None, now: float, *, writes: bool) -> Finding:
    """This machine's clock against the workers', whose checkpoints carry the time.

    Kafka tells nobody its own time, short of writing a record into a topic that keeps the time of appending; so what
    is compared is what matters here, the clocks of workers. A checkpoint from later than now proves that two of them
    differ; and so does one from before, while checkpoints come.

    Args:
        newest_ms: of the newest checkpoint, milliseconds since the epoch; None: there is none.
        now: this machine's clock, seconds since the epoch.
        writes: a worker writes checkpoints now.
    """
    age = None if newest_ms is None else now - newest_ms / 1000
    if age is None or (age > LIVE_S and not writes):
        return Finding("clock", "ok", "nothing to compare it with: no worker writes now")
    if age < -SKEW_S or (writes and age > LIVE_S):
        advice = "have both keep time by NTP: events more than 5 minutes ahead are rejected"
        side = "ahead of" if age < 0 else "behind"
        return Finding("clock", "warning", f"a worker's clock is {abs(age):.0f} s {side} this machine's", advice)
    return Finding("clock", "ok", f"the newest checkpoint is from {max(age, 0.0):.1f} s ago by this machine's clock")


def _failed(name: str, error: CityPulseError) -> Finding:
    return Finding(name, "failed", error.message, error.hint)
