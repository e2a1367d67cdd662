"""Indicators and benchmark cities: the published figures, side by side."""

from typing import Final

from grafana import names, queries, variables
from grafana.boards import tables
from grafana.dashboard import dashboard, row, section
from grafana.panels import Json, bars, timeseries

_CURRENT = "Latest period, in it the latest release that breaks no rule."


def _benchmark(slug: str, unit: str) -> Json:
    title = names.INDICATORS[slug]
    description = f"{_CURRENT} Periods may differ between areas: see the tables."
    return bars(title, description, queries.benchmark(slug), unit, names.AREAS)


_CITIES = section(
    "Benchmark cities",
    row(
        7,
        _benchmark("digital_economy_share", "percentunit"),
        _benchmark("core_industries_share", "percentunit"),
        _benchmark("digital_economy_value_added", "short"),
        _benchmark("core_industries_value_added", "short"),
    ),
)
_FIGURES = section(
    "Current figures",
    row(
        10,
        tables.figures("Amounts, yuan", _CURRENT, queries.AMOUNTS, "short"),
        tables.figures("Shares and growth", _CURRENT, queries.RATIOS, "percentunit"),
        tables.figures("Counts", _CURRENT, queries.COUNTS, "locale"),
        widths=(9, 9, 6),
    ),
)
_QUALITY = section(
    "Can they be believed?",
    row(
        8,
        tables.inconsistencies(),
        timeseries(
            "Inconsistent figures by rule",
            "Figures that break a consistency rule, over time.",
            queries.INCONSISTENT_BY_RULE,
            "none",
            noValue="none",
        ),
        bars(
            "Provisional figures by area",
            "Current figures that are provisional, estimated or forecast.",
            queries.PROVISIONAL_BY_AREA,
            "none",
            names.AREAS,
        ),
        bars(
            "Age of the newest figure by area",
            "Time since the end of the newest period of any indicator. A long bar: a publication is overdue.",
            queries.FIGURE_AGE,
            "s",
            names.AREAS,
        ),
    ),
)
BOARD: Final = dashboard(
    "indicators",
    "Indicators and benchmark cities",
    "Published indicators of the city and of the cities it compares itself with.",
    (_CITIES, _FIGURES, _QUALITY),
    (variables.DATASOURCE_CHOICE, variables.JOB_CHOICE, variables.REF_AREA),
)
