"""Which exact numbers of a snapshot the city's metrics show. The collector, the text and the thresholds read this."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from schemas.events import CAPACITY_SCALE
from schemas.metrics import KINDS, METRICS
from schemas.thresholds import DAY_RATIO_METRIC, DAY_RATIO_WINDOW
from streams.aggregate.exact import exact, shortest_text
from streams.aggregate.views import Series, Snapshot
from streams.aggregate.windows import PERIODS, WINDOWS

WINDOW_NAMES: Final = tuple(window.name for window in WINDOWS)

Number = tuple[tuple[str, ...], Decimal]
"""Label values in the catalogue's order, and the exact value."""

Read = Callable[[Snapshot, Mapping[str, str]], Iterator[Number]]


@dataclass(frozen=True, slots=True)
class ExchangeMetric:
    """How one exchange metric is read from a series.

    ``values`` are those of the metric's own label ("" where it has none); ``numbers`` gives one integer for each, in
    minor units if ``money``.
    """

    name: str
    values: tuple[str, ...]
    numbers: Callable[[Series], list[int]]
    money: bool = True


EXCHANGE: Final = (
    ExchangeMetric("citypulse_exchange_amount_gross_total", ("",), lambda s: [s.gross]),
    ExchangeMetric("citypulse_exchange_amount_cancelled_total", ("",), lambda s: [s.cancelled]),
    ExchangeMetric(
        "citypulse_exchange_transactions_total", KINDS, lambda s: [s.executed_count, s.cancelled_count], money=False
    ),
    ExchangeMetric("citypulse_exchange_amount_net", ("",), lambda s: [s.net]),
    ExchangeMetric(
        "citypulse_exchange_amount_rolling", WINDOW_NAMES, lambda s: [s.rolling.get(w, 0) for w in WINDOW_NAMES]
    ),
    ExchangeMetric("citypulse_exchange_amount_to_date", PERIODS, lambda s: [s.to_date.get(p, 0) for p in PERIODS]),
)


def truth(value: bool) -> str:
    """A boolean as a label value."""
    return "true" if value else "false"


def series_labels(series: Series) -> tuple[str, str, str, str]:
    """Values of the labels that all exchange metrics share."""
    return series.exchange, series.product_type, series.currency, truth(series.cross_border)


def _exchange(metric: ExchangeMetric) -> Read:
    *shared, own = METRICS[metric.name].labels if metric.values != ("",) else (*METRICS[metric.name].labels, "")

    def read(snapshot: Snapshot, wanted: Mapping[str, str]) -> Iterator[Number]:
        positions = [(shared.index(label), value) for label, value in wanted.items() if label != own]
        columns = [at for at, value in enumerate(metric.values) if wanted.get(own, value) == value]
        for series in snapshot.series:
            labels = series_labels(series)
            if any(labels[position] != value for position, value in positions):
                continue
            numbers, places = metric.numbers(series), series.exponent if metric.money else 0
            for at in columns:
                yield (*labels, metric.values[at]) if own else labels, exact(numbers[at], places)

    return read


def _filtered(metric: str, all_numbers: Callable[[Snapshot], Iterator[Number]]) -> Read:
    names = METRICS[metric].labels

    def read(snapshot: Snapshot, wanted: Mapping[str, str]) -> Iterator[Number]:
        positions = [(names.index(label), value) for label, value in wanted.items()]
        for labels, number in all_numbers(snapshot):
            if all(labels[position] == value for position, value in positions):
                yield labels, number

    return read


def _assets(snapshot: Snapshot) -> Iterator[Number]:
    for assets in snapshot.assets:
        yield (assets.asset_type, assets.area, assets.city), Decimal(assets.count)


def _capacity(snapshot: Snapshot) -> Iterator[Number]:
    for assets in snapshot.assets:
        for unit, capacity in assets.capacity.items():
            yield (assets.asset_type, assets.area, assets.city, unit), Decimal(shortest_text(capacity, CAPACITY_SCALE))


def _reported(snapshot: Snapshot) -> Iterator[Number]:
    for reported in snapshot.reported:
        if reported.count is not None:
            yield (reported.asset_type, reported.area), Decimal(reported.count)


def _indicator_value(snapshot: Snapshot) -> Iterator[Number]:
    for figure in snapshot.observations:
        if figure.current:
            yield (figure.indicator, figure.area, figure.unit), figure.value


def _indicator_period_end(snapshot: Snapshot) -> Iterator[Number]:
    for figure in snapshot.observations:
        if figure.current:
            yield (figure.indicator, figure.area), exact(figure.period_end_us, 6)


def _indicator_provisional(snapshot: Snapshot) -> Iterator[Number]:
    for figure in snapshot.observations:
        if figure.current:
            yield (figure.indicator, figure.area), Decimal(figure.provisional)


def _inconsistencies(snapshot: Snapshot) -> Iterator[Number]:
    found = Counter((finding.rule, finding.area) for finding in snapshot.inconsistencies)
    for labels, count in sorted(found.items()):
        yield labels, Decimal(count)


_FEW: Final[dict[str, Callable[[Snapshot], Iterator[Number]]]] = {
    "citypulse_infrastructure_assets": _assets,
    "citypulse_infrastructure_capacity": _capacity,
    "citypulse_infrastructure_assets_reported": _reported,
    "citypulse_indicator_value": _indicator_value,
    "citypulse_indicator_period_end_timestamp_seconds": _indicator_period_end,
    "citypulse_indicator_provisional": _indicator_provisional,
    "citypulse_indicator_inconsistencies": _inconsistencies,
}

MEASURES: Final[dict[str, Read]] = {
    **{metric.name: _exchange(metric) for metric in EXCHANGE},
    **{metric: _filtered(metric, numbers) for metric, numbers in _FEW.items()},
}
"""Metric of the city -> how its numbers are read: from a snapshot, those that have the given label values."""

day_before: Final = _exchange(ExchangeMetric(DAY_RATIO_METRIC, (DAY_RATIO_WINDOW,), lambda s: [s.day_before]))
"""How the rolling amounts of 24 h were a day before."""
