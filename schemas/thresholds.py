"""Thresholds: the file ``thresholds.yaml``, checked against the metric catalogue.

A threshold compares each matching series of a metric, or their sum by some labels, with a limit, as a Prometheus rule
``metric{labels} > limit`` does. Durations are Prometheus's, https://prometheus.io/docs/prometheus/latest/querying/basics/.
"""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from schemas.metrics import KINDS, METRICS, PERIODS

Operator = Literal[">", ">=", "<", "<=", "==", "!="]
Severity = Literal["critical", "warning", "info"]
Compare = Literal["value", "age", "day_ratio"]
"""What is held against the limit: the value; the seconds since the value, a Unix time; or the value divided by the
value of a day before."""

DAY_RATIO_METRIC: Final = "citypulse_exchange_amount_rolling"
DAY_RATIO_WINDOW: Final = "24h"
"""The only numbers that are known of a day before, too."""

WINDOWS: Final = ("1m", "5m", "1h", "24h", "7d", "30d")
"""Values of the label ``window``."""

_CITY_PREFIXES = ("citypulse_exchange_", "citypulse_infrastructure_", "citypulse_indicator_")

CITY_METRICS: Final = tuple(name for name in METRICS if name.startswith(_CITY_PREFIXES))
"""Metrics that a threshold may be on: the city's numbers. The platform's own health is for Prometheus rules."""

_CLOSED: Final = {"window": WINDOWS, "period": PERIODS, "kind": KINDS, "cross_border": ("true", "false")}
"""Labels with few values: a slip there would make a threshold that never matches."""

_UNIT_US: Final = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_PLAIN_NUMBER = re.compile(r"-?\d{1,38}(\.\d{1,18})?")


_NEVER_ADDED: Final = ("currency", "window", "period", "kind", "asset_type", "unit")
"""Labels whose values may not be added to each other: a sum must hold one value of each."""


class ThresholdError(ValueError):
    """A thresholds file that cannot be used. ``problems`` has one line each, with file, line and field."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Threshold(BaseModel):
    """One threshold. ``limit`` is in the metric's unit: yuan, a ratio of 0..1, a count."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,99}$", description="Unique; the alert's name.")
    metric: str = Field(description="A metric of the catalogue.")
    labels: dict[str, str] = Field(default_factory=dict, description="Label values that a series must have.")
    by: tuple[str, ...] = Field((), description="Sum the series by these labels; empty: each series by itself.")
    compare: Compare = Field("value", description="What is held against the limit.")
    op: Operator
    limit: Decimal = Field(description="Plain decimal notation, as a string or a number.")
    duration: Annotated[str, Field(alias="for", description="How long it must hold: 30s, 5m, 1h30m.")] = "0s"
    severity: Severity
    summary: str = Field(min_length=1, description="One line, the same for every alert of this threshold.")
    summary_zh: str = Field("", description="The summary in Chinese, for the page; without it that shows the summary.")
    description: str = Field("", description="What it means and what to look at.")
    runbook: str = Field("", description="Address or path of the runbook.")

    @property
    def for_us(self) -> int:
        """How long the condition must hold, microseconds."""
        return duration_us(self.duration)

    @property
    def runbook_page(self) -> str:
        """The runbook's address, or where it is none the name of its page in docs/runbooks."""
        return self.runbook.removeprefix("docs/runbooks/") or f"{self.name}.md"

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str) -> str:
        if value not in CITY_METRICS:
            reason = "is not a metric of the city" if value in METRICS else "is no metric"
            raise ValueError(f"{value!r} {reason}; there are {', '.join(CITY_METRICS)}")
        return value

    @field_validator("limit", mode="before")
    @classmethod
    def _plain(cls, value: object) -> object:
        text = str(value)
        if not _PLAIN_NUMBER.fullmatch(text):
            raise ValueError(f"{text!r} is no plain decimal number like 0.443 or -5")
        return text

    @field_validator("duration")
    @classmethod
    def _valid_duration(cls, value: str) -> str:
        duration_us(value)
        return value

    @field_validator("summary", "summary_zh", "description", "runbook")
    @classmethod
    def _no_template(cls, value: str) -> str:
        if "{{" in value:
            raise ValueError("holds {{, which Prometheus takes for a template: one that is wrong stops all rules")
        return value

    @field_validator("labels")
    @classmethod
    def _known_labels(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        metric = info.data.get("metric")
        if metric is None:  # wrong itself, and said so
            return value
        known = METRICS[metric].labels
        for label, wanted in value.items():
            if label not in known:
                raise ValueError(f"{metric} has no label {label!r}; it has {', '.join(known)}")
            if label in _CLOSED and wanted not in _CLOSED[label]:
                raise ValueError(f"{label} is one of {', '.join(_CLOSED[label])}, not {wanted!r}")
        return value

    @field_validator("by")
    @classmethod
    def _sums_make_sense(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        metric, labels = info.data.get("metric"), info.data.get("labels")
        if not value or metric is None or labels is None:
            return value
        known = METRICS[metric].labels
        if metric.startswith("citypulse_indicator_"):
            raise ValueError("figures are not added to each other")
        unknown = [label for label in value if label not in known]
        if unknown:
            raise ValueError(f"{metric} has no label {unknown[0]!r}; it has {', '.join(known)}")
        mixed = [label for label in _NEVER_ADDED if label in known and label not in value and label not in labels]
        if mixed:
            raise ValueError(f"a sum over different values of {mixed[0]} makes no sense: name it in by or in labels")
        return value

    @model_validator(mode="after")
    def _can_be_compared(self) -> Self:
        if self.compare == "age" and not self.metric.endswith("_timestamp_seconds"):
            raise ValueError("compare: age needs a metric that ends in _timestamp_seconds")
        known_before = self.metric == DAY_RATIO_METRIC and self.labels.get("window") == DAY_RATIO_WINDOW
        if self.compare == "day_ratio" and not known_before:
            raise ValueError(f"compare: day_ratio needs {DAY_RATIO_METRIC} with window: {DAY_RATIO_WINDOW}")
        return self


def read_thresholds(path: Path) -> tuple[Threshold, ...]:
    """The thresholds of a file.

    Raises:
        ThresholdError: the file is not there, is no YAML, or a threshold in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ThresholdError([f"{path}: cannot be read: {reason}"]) from error
    return parse_thresholds(text, str(path))


def parse_thresholds(text: str, source: str = "thresholds.yaml") -> tuple[Threshold, ...]:
    """The thresholds of a document: ``thresholds:`` and a list.

    Args:
        text: YAML. Numbers are taken as written, so that a limit is exact.
        source: the name to use in errors.

    Raises:
        ThresholdError: with every problem found, each with its line and field.
    """
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise ThresholdError([f"{source}:{line}: {getattr(error, 'problem', None) or error}"]) from error
    reader = _Reader(source)
    document = reader.value(root, ()) if root is not None else {}
    entries = document.get("thresholds") if isinstance(document, dict) else None
    if not isinstance(entries, list) or set(document) != {"thresholds"}:
        reader.problem((), "the file is one key, thresholds, with a list")
        raise ThresholdError(reader.problems)
    thresholds = [threshold for index, entry in enumerate(entries) if (threshold := reader.threshold(index, entry))]
    if reader.problems:
        raise ThresholdError(reader.problems)
    return tuple(thresholds)


class _Reader:
    """YAML nodes to values, remembering lines and collecting problems."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lines: dict[tuple[str | int, ...], int] = {}
        self._seen: set[int] = set()
        self._names: set[str] = set()
        self.problems: list[str] = []

    def value(self, node: yaml.Node, path: tuple[str | int, ...]) -> Any:
        """Strings, lists and dicts. An alias is refused: a file of them can stand for any size."""
        self._lines[path] = node.start_mark.line + 1
        if id(node) in self._seen:
            self.problem(path, "anchors and aliases are not supported")
            return ""
        self._seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return node.value

    def _mapping(self, node: yaml.MappingNode, path: tuple[str | int, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, child in node.value:
            name = str(key.value)
            if name in values:
                self._lines[(*path, name)] = key.start_mark.line + 1
                self.problem((*path, name), "is there twice")
                continue
            values[name] = self.value(child, (*path, name))
        return values

    def threshold(self, index: int, entry: Any) -> Threshold | None:
        """The threshold of one entry, or None with its problems noted."""
        path = ("thresholds", index)
        if not isinstance(entry, dict):
            self.problem(path, "is not a mapping")
            return None
        try:
            threshold = Threshold.model_validate(entry, by_alias=True, by_name=False)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                self.problem((*path, *detail["loc"]), detail["msg"].removeprefix("Value error, "))
            return None
        if threshold.name in self._names:
            self.problem((*path, "name"), f"{threshold.name!r} is there twice")
        self._names.add(threshold.name)
        return threshold

    def problem(self, path: tuple[str | int, ...], message: str) -> None:
        """Notes a problem at the line of the path, or of what is nearest above it."""
        known = path
        while known and known not in self._lines:
            known = known[:-1]
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
        self.problems.append(f"{self._source}:{self._lines.get(known, 1)}: {field}{': ' if field else ''}{message}")


def duration_us(text: str) -> int:
    """A duration as Prometheus writes it, in microseconds.

    Raises:
        ValueError: not such a duration.
    """
    match = _DURATION.fullmatch(text)
    if not text or not match:
        raise ValueError(f"{text!r} is no duration like 30s, 5m or 1h30m")
    counts = (int(count or 0) for count in match.groups())
    return sum(count * unit for count, unit in zip(counts, _UNIT_US.values(), strict=True)) * 1_000_000
