"""The metrics as a Prometheus collector: families built from the snapshot at the moment of the scrape."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import product
from math import inf

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from schemas.metrics import METRICS
from schemas.topics import SOURCES
from streams.aggregate.measures import EXCHANGE, MEASURES
from streams.aggregate.views import Snapshot, ThresholdState
from streams.exposition.operations import OPERATIONS, REASONS
from streams.exposition.pipeline import Histogram, PipelineMetrics

TakeSnapshot = Callable[[], Snapshot]
JudgeThresholds = Callable[[Snapshot], tuple[ThresholdState, ...]]

_EXCHANGE_NAMES = frozenset(metric.name for metric in EXCHANGE)


class BoardCollector(Collector):
    """Every metric of the catalogue, each with the catalogue's name, type, labels and help.

    While the snapshot is incomplete the last known numbers are shown and ``citypulse_complete`` is 0.

    Args:
        snapshot: gives the board's snapshot; called once a scrape.
        pipeline: this worker's own measurements.
        thresholds: judges a snapshot.
        info: labels of ``citypulse_build_info``, at least those of the catalogue.
    """

    def __init__(
        self,
        snapshot: TakeSnapshot,
        pipeline: PipelineMetrics,
        thresholds: JudgeThresholds,
        info: Mapping[str, str],
    ) -> None:
        self._snapshot = snapshot
        self._pipeline = pipeline
        self._thresholds = thresholds
        self._info = {label: info[label] for label in METRICS["citypulse_build_info"].labels}

    def describe(self) -> Iterable[Metric]:
        """All families without samples: what is exposed, known without asking the board."""
        return [_family(name) for name in METRICS]

    def collect(self) -> Iterable[Metric]:
        """All families with their samples, from one snapshot."""
        snapshot = self._snapshot()
        yield from self.exchange_families(snapshot)
        yield from self.other_families(snapshot)

    def exchange_families(self, snapshot: Snapshot) -> Iterator[Metric]:
        """The families that grow with the number of exchange series."""
        for metric in EXCHANGE:
            yield _snapshot_family(metric.name, snapshot)

    def other_families(self, snapshot: Snapshot) -> Iterator[Metric]:
        """All other families."""
        for name in METRICS:
            if name in _EXCHANGE_NAMES:
                continue
            if name in MEASURES or name in OPERATIONS:
                yield _snapshot_family(name, snapshot)
            else:
                yield self._own_family(name, snapshot)

    def _own_family(self, name: str, snapshot: Snapshot) -> Metric:
        """A family whose numbers are not in the snapshot."""
        family = _family(name)
        match name:
            case "citypulse_threshold_breached":
                for state in self._thresholds(snapshot):
                    _add(family, (state.threshold, state.severity), float(state.breached))
            case "citypulse_dead_letter_share":
                _add_by_label(family, self._pipeline.dead_letter_shares)
            case "citypulse_dead_letters_waiting":
                _add_waiting(family, self._pipeline.letters_waiting)
            case "citypulse_ingested_events_total":
                _add_by_label(family, self._pipeline.verdicts)
            case "citypulse_event_visible_seconds":
                _add_histograms(family, self._pipeline.visible)
            case "citypulse_batch_duration_seconds":
                _add_histograms(family, self._pipeline.batches)
            case "citypulse_recovery_duration_seconds":
                _add_histogram(family, (), self._pipeline.recoveries)
            case "citypulse_rebalances_total":
                _add(family, (), float(self._pipeline.rebalances))
            case "citypulse_build_info":
                assert isinstance(family, InfoMetricFamily)
                family.add_metric([], self._info)
            case _:
                raise LookupError(f"nothing gives the numbers of {name}")
        return family


def _family(name: str) -> Metric:
    """An empty family as the catalogue describes it. An info metric is a gauge in the classic format only."""
    metric = METRICS[name]
    if name.endswith("_info"):
        return InfoMetricFamily(name.removesuffix("_info"), metric.help)
    match metric.type:
        case "counter":
            return CounterMetricFamily(name, metric.help, labels=metric.labels)
        case "gauge":
            return GaugeMetricFamily(name, metric.help, labels=metric.labels)
        case "histogram":
            return HistogramMetricFamily(name, metric.help, labels=metric.labels)


def _snapshot_family(name: str, snapshot: Snapshot) -> Metric:
    family = _family(name)
    numbers = MEASURES[name](snapshot, {}) if name in MEASURES else OPERATIONS[name](snapshot)
    for labels, number in numbers:
        _add(family, labels, float(number))  # the only float: Decimal to float64 rounds to nearest
    return family


def _add(family: Metric, labels: Iterable[str], value: float) -> None:
    assert isinstance(family, CounterMetricFamily | GaugeMetricFamily)
    family.add_metric(list(labels), value)


def _add_by_label(family: Metric, numbers: Mapping[str, float]) -> None:
    for label, number in numbers.items():
        _add(family, (label,), float(number))


def _add_waiting(family: Metric, waiting: Mapping[tuple[str, str], int] | None) -> None:
    """Each topic and reason has a sample as soon as the numbers are known."""
    if waiting is not None:
        for labels in product(SOURCES, REASONS):
            _add(family, labels, float(waiting.get(labels, 0)))


def _add_histograms(family: Metric, histograms: Mapping[str, Histogram]) -> None:
    for topic, histogram in histograms.items():
        _add_histogram(family, (topic,), histogram)


def _add_histogram(family: Metric, labels: Iterable[str], histogram: Histogram) -> None:
    assert isinstance(family, HistogramMetricFamily)
    buckets = [(_bound_text(bound), float(count)) for bound, count in histogram.cumulative()]
    family.add_metric(list(labels), buckets, histogram.sum)


def _bound_text(bound: float) -> str:
    return "+Inf" if bound == inf else repr(bound)
