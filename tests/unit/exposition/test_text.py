"""The fast text against prometheus_client's own text of the same collector."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import generate_latest as classic_text
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics_text
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from streams.aggregate.views import Series, Snapshot, ThresholdState
from streams.exposition.collector import BoardCollector
from streams.exposition.negotiate import accepts_gzip, text_format
from streams.exposition.pipeline import PipelineMetrics
from streams.exposition.text import CLASSIC, OPENMETRICS, Format, TextRenderer


async def fast(collector: BoardCollector, renderer: TextRenderer, snapshot: Snapshot, fmt: Format) -> str:
    return b"".join([piece async for piece in renderer.render(snapshot, fmt)]).decode()


def parsed(families: Iterable[Metric]) -> list[tuple[object, ...]]:
    return [
        (
            family.name,
            family.type,
            family.documentation,
            [(s.name, sorted(s.labels.items()), s.value) for s in family.samples],
        )
        for family in families
    ]


def assert_same(text: str, collector: BoardCollector, fmt: Format) -> None:
    registry = CollectorRegistry()
    registry.register(collector)
    if fmt is OPENMETRICS:
        expected = openmetrics_text(registry).decode()  # type: ignore[no-untyped-call]
        assert text.endswith("# EOF\n")
        assert text.count("# EOF") == 1
        assert parsed(parse_openmetrics(text)) == parsed(parse_openmetrics(expected))  # type: ignore[no-untyped-call]
    else:
        expected = classic_text(registry).decode()
        assert "# EOF" not in text
        assert parsed(parse_classic(text)) == parsed(parse_classic(expected))


def collector_of(snapshot: Snapshot, pipeline: PipelineMetrics, states: tuple[ThresholdState, ...]) -> BoardCollector:
    return BoardCollector(lambda: snapshot, pipeline, lambda _: states, {"version": "0.1.0", "python": "3.11.7"})


@pytest.mark.parametrize("fmt", [CLASSIC, OPENMETRICS], ids=["classic", "openmetrics"])
async def test_it_says_what_prometheus_client_says(
    fmt: Format, snapshot: Snapshot, pipeline: PipelineMetrics, states: tuple[ThresholdState, ...]
) -> None:
    collector = collector_of(snapshot, pipeline, states)
    assert_same(await fast(collector, TextRenderer(collector), snapshot, fmt), collector, fmt)


@pytest.mark.parametrize("fmt", [CLASSIC, OPENMETRICS], ids=["classic", "openmetrics"])
async def test_many_series_over_several_slices_and_scrapes(
    fmt: Format, vary: Callable[..., Snapshot], pipeline: PipelineMetrics
) -> None:
    first = vary().series[0]
    many = tuple(
        replace(first, exchange=f"exchange-{n}", gross=n * 10**n % 10**25, exponent=n % 5) for n in range(1201)
    )
    old = vary(series=many[::2])
    renderer = TextRenderer(collector_of(old, pipeline, ()))
    for snapshot in (old, vary(series=many), vary(series=many[::-1]), vary(series=())):
        collector = collector_of(snapshot, pipeline, ())
        assert_same(await fast(collector, renderer, snapshot, fmt), collector, fmt)


PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
"""The Accept header of Prometheus 3."""

labels = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12)


@settings(max_examples=50, deadline=None)
@given(labels, labels, st.integers(0, 10**30), st.integers(-(10**30), 10**30), st.integers(0, 4))
async def test_any_label_and_any_amount(exchange: str, product: str, gross: int, net: int, exponent: int) -> None:
    series = Series(exchange, product, "CNY", True, exponent, gross, 0, 1, 0, {"1h": net}, {"year": -net})
    snapshot = Snapshot(0, True, (), (), (series,), (), (), (), (), (), {}, {}, 0)
    collector = collector_of(snapshot, PipelineMetrics(()), ())
    assert_same(await fast(collector, TextRenderer(collector), snapshot, OPENMETRICS), collector, OPENMETRICS)


@pytest.mark.parametrize(
    ("accept", "fmt"),
    [
        ("", CLASSIC),
        ("*/*", CLASSIC),
        ("text/plain;version=0.0.4", CLASSIC),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text; version=1.0.0", OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", CLASSIC),
        ("application/openmetrics-text;version=1.0.0;q=0", CLASSIC),
        ("application/openmetrics-text;q=0.2,text/plain;version=0.0.4;q=0.5", CLASSIC),
        ("application/openmetrics-text;q=none", CLASSIC),
        (PROMETHEUS_3, OPENMETRICS),
    ],
)
def test_the_format_is_negotiated(accept: str, fmt: Format) -> None:
    assert text_format(accept) is fmt


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", False),
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("br", False),
        ("identity", False),
    ],
)
def test_gzip_is_negotiated(header: str, *, wanted: bool) -> None:
    assert accepts_gzip(header) is wanted
