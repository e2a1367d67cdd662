"""Both ways of alerting come to the same: the same series go to the workers' evaluator and, by promtool, to Prometheus.

Values wander around the limit and cross it at random, with stretches in which the worker is incomplete and shows only
part of the numbers, and others in which all workers are gone and start anew. Compared is which alerts fire, by label,
each minute in which the worker is complete.
"""

import json
import random
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.metrics import METRICS
from schemas.thresholds import Threshold, read_thresholds
from streams.aggregate.measures import MEASURES
from streams.aggregate.views import Assets, Finding, Observation, Reported, Series, Snapshot
from streams.alerts.evaluate import ThresholdEvaluator
from tests.rules.tools import ROOT, RULES, run

THRESHOLDS = {each.name: each for each in read_thresholds(ROOT / "deploy" / "thresholds.yaml")}
MINUTE_US = 60_000_000
DAY = 1440
STEPS = 200


def snapshot(complete: bool, **rows: Any) -> Snapshot:
    empty: dict[str, Any] = dict.fromkeys(
        ("reasons", "partitions", "series", "assets", "reported", "observations", "inconsistencies", "warnings"), ()
    )
    return Snapshot(clock_us=0, complete=complete, events={}, dead_letters={}, folded=0, **(empty | rows))


def figure(threshold: Threshold, value: Decimal, period_end_us: int = 0) -> dict[str, Any]:
    labels = threshold.labels
    made = Observation(
        labels["indicator"], labels.get("ref_area", "110000"), "p", period_end_us, value, "RATIO", "", "A", False, "v",
        "", True, False,
    )  # fmt: skip
    return {"observations": (made,)}


def volume(threshold: Threshold, values: list[int], step: int) -> dict[str, Any]:
    """Two products whose sum is the value, one inside the country, in two exchanges of which one stands still."""
    cross_border = threshold.labels.get("cross_border") == "true"
    made = []
    for exchange, fen in (("szdex", values[step]), ("still", 1000)):
        before = values[step - DAY] if exchange == "szdex" and step >= DAY else 1000 if step >= DAY else 0
        for product, part, part_before in (
            ("api", fen // 3, before // 3),
            ("model", fen - fen // 3, before - before // 3),
        ):
            made.append(Series(exchange, product, "CNY", cross_border, 2, 0, 0, 0, 0, {"24h": part}, {}, part_before))
    return {"series": tuple(made)}


def inconsistent(count: int) -> dict[str, Any]:
    finding = Finding("unit_slip", "gdp", "110000", "p", "v", Decimal(1), None, None, "", "")
    return {"inconsistencies": (finding,) * count}


def assets(petaflops: int) -> dict[str, Any]:
    def cluster(area: str, city: str, capacity: int) -> Assets:
        return Assets("computing_cluster", area, city, 1, {"PFLOPS": capacity * 10**18})

    return {"assets": (cluster("110108", "110000", 20_000), cluster("X-BDA", "110000", petaflops - 20_000),
                       cluster("120101", "120000", 5))}  # fmt: skip


def wander(draw: random.Random, low: int, high: int, steps: int, stay: int = 20) -> list[int]:
    """A value that stays for a while, at most for ``stay`` steps, then jumps; often exactly to an end."""
    values: list[int] = []
    while len(values) < steps:
        values += [draw.choice([low, high, draw.randint(low, high)])] * draw.randint(1, stay)
    return values[:steps]


def maker(  # noqa: PLR0911 - one for each kind of number
    threshold: Threshold, draw: random.Random, steps: int
) -> Callable[[int], dict[str, Any]]:
    """Gives the rows of a snapshot at each step: values from below the limit to above it, and the limit itself."""
    stay = 20 + 2 * threshold.for_us // MINUTE_US
    match threshold.metric, threshold.compare:
        case _, "day_ratio":
            values = [1_000_000] * DAY + wander(draw, 499_999, 500_001, steps - DAY, stay)
            return lambda step: volume(threshold, values, step)
        case "citypulse_exchange_amount_rolling", _:
            fen = int(threshold.limit * 100)
            values = wander(draw, fen - 1, fen + 1, steps, stay)
            return lambda step: volume(threshold, values, step)
        case "citypulse_infrastructure_assets_reported", _:
            counts = wander(draw, int(threshold.limit) - 1, int(threshold.limit) + 1, steps, stay)
            return lambda step: {"reported": (Reported("base_station_5g", "110000", counts[step], 0, None, None, ""),)}
        case "citypulse_infrastructure_capacity", _:
            capacities = wander(draw, int(threshold.limit) - 1, int(threshold.limit) + 1, steps, stay)
            return lambda step: assets(capacities[step])
        case "citypulse_indicator_inconsistencies", _:
            found = wander(draw, 0, 2, steps, stay)
            return lambda step: inconsistent(found[step])
        case _, "age":
            ages = wander(draw, int(threshold.limit) - 60, int(threshold.limit) + 60, steps, stay)
            return lambda step: figure(threshold, Decimal(1), step * MINUTE_US - ages[step] * 1_000_000)
        case _:
            thousandths = wander(draw, int(threshold.limit * 1000) - 1, int(threshold.limit * 1000) + 1, steps, stay)
            return lambda step: figure(threshold, Decimal(thousandths[step]) / 1000)


def timeline(threshold: Threshold, seed: int) -> list[Snapshot | None]:
    """What the worker shows at each step; None while all workers are gone, for some minutes."""
    draw = random.Random(seed)
    steps = STEPS + DAY + STEPS if threshold.compare == "day_ratio" else STEPS
    rows = maker(threshold, draw, steps)
    complete, gone = wander(draw, 0, 4, steps), wander(draw, 0, 9, steps, stay=5)
    shown: list[Snapshot | None] = []
    for step in range(steps):
        whole = snapshot(True, **rows(step))
        # Incomplete: one series in two, as a board that is being read from its start.
        partial = snapshot(False, series=whole.series[::2])
        shown.append(None if not gone[step] else whole if complete[step] else partial)
    return shown


def prometheus_series(threshold: Threshold, shown: list[Snapshot | None]) -> list[dict[str, str]]:
    """What Prometheus scrapes, in promtool's notation; a series that is gone is marked stale, as a scrape does."""
    names = METRICS[threshold.metric].labels
    found: dict[tuple[str, ...], list[str]] = {}
    for step, each in enumerate(shown):
        for labels, value in MEASURES[threshold.metric](each, {}) if each else ():
            found.setdefault(labels, ["stale"] * step).append(repr(float(value)))
        for values in found.values():
            values.extend(["stale"] * (step + 1 - len(values)))
    worker = {"job": "citypulse", "instance": "a"}
    made = [
        {
            "series": selector(threshold.metric, worker | dict(zip(names, labels, strict=True))),
            "values": " ".join(values),
        }
        for labels, values in found.items()
    ]
    made.append({"series": selector("up", worker), "values": " ".join("1" if each else "0" for each in shown)})
    complete = " ".join(str(int(each.complete)) if each else "stale" for each in shown)
    return [*made, {"series": selector("citypulse_complete", worker), "values": complete}]


def selector(metric: str, labels: dict[str, str]) -> str:
    return metric + "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def expectations(threshold: Threshold, shown: list[Snapshot | None]) -> list[dict[str, Any]]:
    """What the workers' evaluator says, as promtool is to find it. After each step without workers it is a new one,
    which finds what the last one noted.
    """
    evaluator = ThresholdEvaluator([threshold])
    expected = []
    names = sorted(threshold.by or METRICS[threshold.metric].labels)
    fires = f'count by ({", ".join(names)}) (ALERTS{{alertname="{threshold.name}", alertstate="firing"}})'
    for step, each in enumerate(shown):
        if each is None:
            note = evaluator.note()
            evaluator = ThresholdEvaluator([threshold], lambda note=note: note)  # type: ignore[misc]
            continue
        judgement = evaluator.judge(each, step * MINUTE_US)
        if judgement is not None:
            samples = [
                {"labels": selector("", crossing.labels), "value": 1}
                for crossing in judgement.crossings
                if crossing.breached
            ]
            expected.append({"expr": fires, "eval_time": f"{step}m", "exp_samples": samples})
    return expected


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", THRESHOLDS)
def test_workers_and_prometheus_agree(name: str, seed: int, tmp_path: Path) -> None:
    threshold = THRESHOLDS[name]
    shown = timeline(threshold, seed)
    assert None in shown
    expected = expectations(threshold, shown)
    firing = [bool(look["exp_samples"]) for look in expected[-2 * STEPS :]]
    assert any(firing)
    assert not all(firing)
    document = {
        "rule_files": [str(path) for path in RULES],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": prometheus_series(threshold, shown),
                "promql_expr_test": expected[-2 * STEPS :],
            }
        ],
    }
    path = tmp_path / "test.yml"
    path.write_text(json.dumps(document))
    run("promtool", "test", "rules", path)
