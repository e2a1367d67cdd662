from decimal import Decimal
from pathlib import Path

import pytest

from schemas.thresholds import WINDOWS, ThresholdError, parse_thresholds, read_thresholds
from streams.aggregate.windows import WINDOWS as STREAM_WINDOWS

GOOD = """\
thresholds:
  - name: PueAboveLimit
    metric: citypulse_indicator_value
    labels: {indicator: pue, ref_area: 110000}
    op: ">"
    limit: 1.30
    for: 1h30m
    severity: warning
    summary: PUE of new data centres is above the limit.
    description: What they take above what they compute with.
    runbook: docs/runbooks/pue.md
  - name: CrossBorderVolume
    metric: citypulse_exchange_amount_rolling
    labels:
      window: 24h
      cross_border: true
    op: ">="
    limit: "12345678901234567890123456789.01"
    severity: info
    summary: Cross-border volume is high.
"""


def test_a_good_file() -> None:
    pue, volume = parse_thresholds(GOOD)
    assert pue.labels == {"indicator": "pue", "ref_area": "110000"}
    assert pue.for_us == 5_400_000_000
    assert volume.labels == {"window": "24h", "cross_border": "true"}
    assert (volume.op, volume.severity, volume.duration, volume.for_us) == (">=", "info", "0s", 0)
    assert (volume.description, volume.runbook) == ("", "")


def test_a_limit_is_taken_as_written() -> None:
    pue, volume = parse_thresholds(GOOD)
    assert str(pue.limit) == "1.30"
    assert volume.limit == Decimal("12345678901234567890123456789.01")


@pytest.mark.parametrize(
    ("text", "us"),
    [("0s", 0), ("30s", 30_000_000), ("5m", 300_000_000), ("1d2h", 93_600_000_000), ("1w", 604_800_000_000)],
)
def test_durations(text: str, us: int) -> None:
    assert parse_thresholds(GOOD.replace("1h30m", text))[0].for_us == us


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("metric: citypulse_indicator_value", "metric: citypulse_gdp",
         "t.yaml:3: thresholds[0].metric: 'citypulse_gdp' is no metric"),
        ("metric: citypulse_indicator_value", "metric: citypulse_complete",
         "t.yaml:3: thresholds[0].metric: 'citypulse_complete' is not a metric of the city"),
        ("indicator: pue", "window: 1h",
         "t.yaml:4: thresholds[0].labels: citypulse_indicator_value has no label 'window'"),
        ("window: 24h", "window: 2h", "t.yaml:15: thresholds[1].labels: window is one of 1m, 5m, 1h, 24h, 7d, 30d"),
        ("cross_border: true", "cross_border: yes",
         "t.yaml:15: thresholds[1].labels: cross_border is one of true, false"),
        ('op: ">"', 'op: "=>"', "t.yaml:5: thresholds[0].op: "),
        ("limit: 1.30", "limit: 1e9", "t.yaml:6: thresholds[0].limit: '1e9' is no plain decimal number"),
        ("limit: 1.30", "limit: .nan", "t.yaml:6: thresholds[0].limit: '.nan' is no plain decimal number"),
        ("for: 1h30m", "for: 90", "t.yaml:7: thresholds[0].for: '90' is no duration"),
        ("for: 1h30m", "for: 30m1h", "t.yaml:7: thresholds[0].for: '30m1h' is no duration"),
        ("for: 1h30m", "for: ''", "t.yaml:7: thresholds[0].for: '' is no duration"),
        ("summary: PUE of", "summary: PUE {{ of", "t.yaml:9: thresholds[0].summary: holds {{, which Prometheus"),
        ("description: What", "description: '{{ $value }}'\n#", "t.yaml:10: thresholds[0].description: holds {{"),
        ("severity: warning", "severity: page", "t.yaml:8: thresholds[0].severity: "),
        ("    severity: warning\n", "", "t.yaml:2: thresholds[0].severity: Field required"),
        ("severity: info", "severety: info", "t.yaml:19: thresholds[1].severety: Extra inputs are not permitted"),
        ("for: 1h30m", "duration: 1h", "t.yaml:7: thresholds[0].duration: Extra inputs are not permitted"),
        ("name: PueAboveLimit", "name: 'PUE above'", "t.yaml:2: thresholds[0].name: "),
        ("name: CrossBorderVolume", "name: PueAboveLimit",
         "t.yaml:12: thresholds[1].name: 'PueAboveLimit' is there twice"),
        ("op: \">\"\n", "op: \">\"\n    op: \"<\"\n", "t.yaml:6: thresholds[0].op: is there twice"),
        ("{indicator: pue, ref_area: 110000}", "[pue]", "t.yaml:4: thresholds[0].labels: "),
        ("thresholds:", "alerts:", "t.yaml:1: the file is one key, thresholds, with a list"),
        (GOOD, "", "t.yaml:1: the file is one key, thresholds, with a list"),
        (GOOD, "thresholds: [a]", "t.yaml:1: thresholds[0]: is not a mapping"),
        (GOOD, "thresholds: [&x [], *x]", "t.yaml:1: thresholds[1]: anchors and aliases are not supported"),
        ("limit: 1.30", "limit: [1.30", "t.yaml:7: "),
    ],
)  # fmt: skip
def test_a_bad_file_is_explained_by_line_and_field(old: str, new: str, problem: str) -> None:
    assert old in GOOD
    with pytest.raises(ThresholdError) as caught:
        parse_thresholds(GOOD.replace(old, new, 1), "t.yaml")
    assert [line for line in caught.value.problems if line.startswith(problem)], caught.value.problems


def test_all_problems_are_reported_at_once() -> None:
    text = GOOD.replace("severity: warning", "severity: page").replace("severity: info", "severity: none")
    with pytest.raises(ThresholdError) as caught:
        parse_thresholds(text)
    assert [line.split(": ")[0] for line in caught.value.problems] == ["thresholds.yaml:8", "thresholds.yaml:19"]


def test_an_empty_list_is_fine() -> None:
    assert parse_thresholds("thresholds: []") == ()


def test_windows_are_those_of_the_engine() -> None:
    assert tuple(window.name for window in STREAM_WINDOWS) == WINDOWS


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.yaml"
    with pytest.raises(ThresholdError, match="cannot be read: No such file"):
        read_thresholds(path)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ThresholdError, match="cannot be read: not UTF-8"):
        read_thresholds(path)
    path.write_text(GOOD, encoding="utf-8")
    assert len(read_thresholds(path)) == 2
