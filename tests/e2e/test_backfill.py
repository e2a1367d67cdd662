"""``citypulse backfill`` through the real promtool into a real Prometheus, which answers as the reference does."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.metrics import METRICS
from schemas.scalars import format_time
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.conftest import Broker, Cli
from tests.prometheus import Prometheus, tool, until
from tests.reference.decode import EPOCH
from tests.reference.reference import indicators_answer, infrastructure_answer, totals_answer
from tests.reference.totals import HOUR
from tests.traffic import mixed
from tests.unit.reference.test_history import Values, before, dated, exchanges, places
from tests.workers import load_all

END = datetime(2024, 8, 14, 7, 30, 5, tzinfo=UTC)
END_US = (END - EPOCH) // timedelta(microseconds=1)
STEP_US = 12 * HOUR
LAST = -(-END_US // STEP_US)
INSTANTS = range(LAST - 60, LAST + 1)


def answered(prometheus: Prometheus, instant: int) -> Values:
    """Every sample of an instant: metric and label values -> value."""
    found = prometheus.ask("query", query='{__name__=~"citypulse_.+"}', time=str(instant * STEP_US // 1_000_000))
    values: Values = {}
    for sample in found["result"]:
        labels = sample["metric"]
        name = labels.pop("__name__")
        assert set(labels) == set(METRICS[name].labels)
        values[name, *(labels[label] for label in METRICS[name].labels)] = float(sample["value"][1])
    return values


def of(values: Values, *prefixes: str) -> Values:
    return {name: value for name, value in values.items() if name[0].startswith(prefixes)}


@pytest.fixture
async def settings(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    settings = make_settings(broker=fresh_broker.bootstrap)
    await create_topics(settings)
    return settings


def test_blocks_answer_as_the_reference(settings: Settings, cli: Cli, tmp_path: Path) -> None:
    records = list(mixed(41, 3_000, end=END))
    events = dated(records)
    load_all(settings.broker, records)
    path = tmp_path / "history.om"
    times = [format_time(instant * STEP_US) for instant in (INSTANTS[0], INSTANTS[-1])]
    done = cli(
        *("backfill", "--step", "12h", "--from", times[0], "--until", times[1], "--output", str(path)),
        env={"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": settings.app_id},
    )
    assert done.returncode == 0, done.stderr
    command = [tool("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=720h"]
    made = subprocess.run([*command, path, tmp_path / "tsdb"], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    with Prometheus(tmp_path, {}, "--storage.tsdb.retention.time=100y") as prometheus:
        until("Prometheus is ready", prometheus.ready)
        found: Values = {}
        for instant in (INSTANTS[0], INSTANTS[31], INSTANTS[-2], INSTANTS[-1]):
            wanted = before(events, instant * STEP_US)
            found = answered(prometheus, instant)
            assert of(found, "citypulse_exchange_") == exchanges(totals_answer(wanted))
            counted = of(found, "citypulse_infrastructure_assets", "citypulse_infrastructure_capacity")
            reported = of(found, "citypulse_infrastructure_assets_reported")
            assert {name: counted[name] for name in counted if name not in reported} == places(
                infrastructure_answer(wanted)
            )
        shown = indicators_answer(before(events, END_US))["current"]
        ended = [row for row in shown if row["period_end"] <= times[1]]
        value = "citypulse_indicator_value"
        assert ended
        assert (
            of(found, value).items()
            >= {(value, row["indicator"], row["area"], row["unit"]): float(row["value"]) for row in ended}.items()
        )
