"""Thresholds files that sum and compare, their rules, and the command for both."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.currencies import exponent
from schemas.thresholds import ThresholdError, parse_thresholds
from streams.aggregate.transactions_fold import TransactionsFold
from streams.aggregate.windows import DAY, HOUR, PANE_LENGTHS, Calendar
from streams.alerts.rules import rules_text
from streams.cli import main
from tests.conftest import ROOT

SHIPPED = ROOT / "deploy" / "thresholds.yaml"
RULES = ROOT / "deploy" / "prometheus" / "rules" / "thresholds.yml"


def entry(**fields: Any) -> str:
    given = {
        "name": "X", "metric": "citypulse_exchange_amount_rolling", "labels": {"window": "24h"}, "op": ">",
        "limit": "1", "severity": "info", "summary": "X.",
    }  # fmt: skip
    text: str = yaml.safe_dump({"thresholds": [given | fields]}, sort_keys=False)
    return text


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"by": ["exchange"]}, "a sum over different values of currency makes no sense"),
        ({"by": ["exchange", "currency"], "labels": {}}, "a sum over different values of window makes no sense"),
        ({"by": ["area"]}, "has no label 'area'"),
        ({"by": ["ref_area"], "metric": "citypulse_indicator_value", "labels": {}}, "figures are not added"),
        ({"compare": "age"}, "_timestamp_seconds"),
        ({"compare": "day_ratio", "labels": {"window": "1h"}}, "window: 24h"),
        ({"compare": "day_ratio", "metric": "citypulse_indicator_value", "labels": {}}, "day_ratio needs"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ThresholdError, match=problem):
        parse_thresholds(entry(**fields))


def test_values_in_selectors_are_quoted() -> None:
    text = rules_text(parse_thresholds(entry(labels={"window": "24h", "exchange": 'a"b\\c'})))
    record = yaml.safe_load(text)["groups"][0]["rules"][0]
    assert 'exchange="a\\"b\\\\c"' in record["expr"]


def test_shipped_rules_are_those_of_the_shipped_thresholds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["thresholds", "build", str(SHIPPED), "--output", str(RULES), "--check"]) == 0
    assert "up to date" in capsys.readouterr().out


def test_build_writes_and_check_notices_a_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = tmp_path / "thresholds.yaml", tmp_path / "rules.yml"
    source.write_text(entry())
    command = ["thresholds", "build", str(source), "--output", str(output)]
    assert main([*command, "--check"]) == 1
    assert main(command) == 0
    assert main([*command, "--check"]) == 0
    source.write_text(entry(limit="2"))
    assert main([*command, "--check"]) == 1
    assert "run: make rules" in capsys.readouterr().err
    assert main([*command[:-1], str(tmp_path / "missing" / "rules.yml")]) == 2


def test_check_lists_thresholds_or_their_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["thresholds", "check", str(SHIPPED)]) == 0
    assert "CityPulseExchangeVolumeDrop: day_ratio of" in capsys.readouterr().out
    source = tmp_path / "thresholds.yaml"
    source.write_text(entry(op="~", limit="1e3"))
    assert main(["thresholds", "check", str(source)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all(line.startswith(f"citypulse: {source}:") for line in said)


def test_the_day_before_is_24_hours_in_whole_hours() -> None:
    now = 20_000 * DAY + 5 * HOUR + 30 * 60_000_000
    fold = TransactionsFold(Calendar("Asia/Shanghai"), exponent)
    fold.advance(now)

    def trade(amount: int, time_us: int) -> list[Any]:
        return [0, [("bidex", "api", "CNY", False)], [], [time_us // PANE_LENGTHS[0], [0, amount]], [], 0]

    hour = now // HOUR * HOUR
    for amount, time_us in [
        (1, hour - 2 * DAY + HOUR - 1),  # before
        (10, hour - 2 * DAY + HOUR),
        (100, hour - DAY + HOUR - 1),
        (1000, hour - DAY + HOUR),  # after
    ]:
        fold.apply(0, trade(amount, time_us), now)
    assert fold.view()[0].day_before == 110
    fold.advance(now + HOUR)
    assert fold.view()[0].day_before == 1100
