"""The exposition text, fast: prometheus_client takes some 600 ms for 5,000 exchange series, this some 35 ms.

Only the exchange families, which grow with the series, are written here; their label text is kept between scrapes and
only values are formatted. All other families go through prometheus_client. The collector stays the authority: tests
hold this text against what prometheus_client writes for it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import orjson
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.exposition import generate_latest as classic_text
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_text
from prometheus_client.registry import Collector

from schemas.metrics import METRICS
from streams.aggregate.measures import EXCHANGE, ExchangeMetric, series_labels
from streams.aggregate.views import Series, Snapshot
from streams.exposition.collector import BoardCollector

_SAMPLES_A_SLICE = 3_000
"""Lines written between two turns of the event loop: about 1 ms."""

_NEW_SERIES_A_SLICE = 100
"""Series whose label text is made between two turns: about 2 ms when all are new, as in the first scrape."""

_EOF = b"# EOF\n"


@dataclass(frozen=True, slots=True)
class Format:
    """One of the two text formats."""

    content_type: str
    openmetrics: bool


CLASSIC = Format(CONTENT_TYPE_PLAIN_0_0_4, openmetrics=False)
OPENMETRICS = Format("application/openmetrics-text; version=1.0.0; charset=utf-8", openmetrics=True)


class TextRenderer:
    """Writes the exposition text of a snapshot, slice by slice.

    Args:
        collector: what to write.
    """

    def __init__(self, collector: BoardCollector) -> None:
        self._collector = collector
        self._templates: dict[tuple[str, ...], tuple[str, ...]] = {}
        families = {_exposed_name(family): family for family in collector.describe()}
        self._headers = {
            fmt: [_text([families[metric.name]], fmt).removesuffix(_EOF) for metric in EXCHANGE]
            for fmt in (CLASSIC, OPENMETRICS)
        }

    async def render(self, snapshot: Snapshot, fmt: Format) -> AsyncIterator[bytes]:
        """The text in pieces. Gives the event loop a turn after each: the stream must not wait for a scrape."""
        templates = []
        for start in range(0, len(snapshot.series), _NEW_SERIES_A_SLICE):
            templates += [self._templates_of(series) for series in snapshot.series[start : start + _NEW_SERIES_A_SLICE]]
            await asyncio.sleep(0)
        for index, (metric, header) in enumerate(zip(EXCHANGE, self._headers[fmt], strict=True)):
            yield header
            step = _SAMPLES_A_SLICE // len(metric.values)
            for start in range(0, len(snapshot.series), step):
                stop = start + step
                template = "".join([texts[index] for texts in templates[start:stop]])
                yield _fill(template, metric, snapshot.series[start:stop])
                await asyncio.sleep(0)
        yield _text(self._collector.other_families(snapshot), fmt)

    def _templates_of(self, series: Series) -> tuple[str, ...]:
        """The series' lines of every exchange metric, with %s for the values. The series budget bounds how many."""
        labels = series_labels(series)
        found = self._templates.get(labels)
        if found is None:
            found = self._templates[labels] = tuple(_template(metric, labels) for metric in EXCHANGE)
        return found


def _fill(template: str, metric: ExchangeMetric, series: Sequence[Series]) -> bytes:
    """Puts the values in. Dividing integers rounds to the nearest float64, and orjson writes it as repr would."""
    values: list[float] = []
    for one in series:
        if metric.money and one.exponent:
            scale = 10**one.exponent
            values += [number / scale for number in metric.numbers(one)]
        else:
            values += [float(number) for number in metric.numbers(one)]
    return (template % tuple(orjson.dumps(values).decode()[1:-1].split(","))).encode()


def _template(metric: ExchangeMetric, labels: tuple[str, ...]) -> str:
    names = METRICS[metric.name].labels
    lines = []
    for value in metric.values:
        values = (*labels, value) if value else labels
        lines.append(f"{metric.name}{label_text(names, values)} ".replace("%", "%%") + "%s\n")
    return "".join(lines)


def label_text(names: Sequence[str], values: Sequence[str]) -> str:
    """The labels of a sample as both formats want them, in braces."""
    escaped = (value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"") for value in values)
    return "{" + ",".join(f'{name}="{value}"' for name, value in zip(names, escaped, strict=True)) + "}"


class _Families(Collector):
    """Given families as a collector."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _text(families: Iterable[Metric], fmt: Format) -> bytes:
    collector = _Families(families)
    if not fmt.openmetrics:
        return classic_text(collector)
    text: bytes = openmetrics_text(collector)  # type: ignore[no-untyped-call]
    return text


def _exposed_name(family: Metric) -> str:
    """The catalogue's name of a family: prometheus_client takes ``_total`` and ``_info`` off."""
    return {"counter": f"{family.name}_total", "info": f"{family.name}_info"}.get(family.type, family.name)
