"""City overview: the city's digital economy in ten seconds, and whether to trust the numbers."""

from typing import Final

from grafana import names, queries, variables
from grafana.boards import tables
from grafana.dashboard import dashboard, row, section
from grafana.panels import bars, stat, timeseries

_VOLUME = section(
    "Data exchanges",
    row(
        5,
        stat(
            "Volume, $currency, last $window",
            "Net amount of the transactions of the window: executed less cancelled.",
            queries.CITY_VOLUME,
            "short",
        ),
        stat(
            "Cross-border share, last $window",
            "Share of the volume that crosses the border, in the chosen currency.",
            queries.CITY_CROSS_BORDER,
            "percentunit",
            decimals=1,
        ),
        bars(
            "Volume to date, $currency",
            "Net amount since the calendar day, month, quarter and year began.",
            queries.CITY_TO_DATE,
            "short",
            {"day": "Today", "month": "This month", "quarter": "This quarter", "year": "This year"},
        ),
        widths=(6, 6, 12),
    ),
    row(
        8,
        timeseries(
            "Rolling volume by product, $currency",
            "Net amount of the rolling window, by type of product.",
            queries.CITY_VOLUME_BY_PRODUCT,
            "short",
            stacked=True,
        ),
        timeseries(
            "Rolling volume by exchange, $currency",
            "Net amount of the rolling window, by data exchange. Synthetic exchanges say so in their name.",
            queries.CITY_VOLUME_BY_EXCHANGE,
            "short",
            stacked=True,
        ),
        timeseries(
            "Cross-border share by exchange",
            "Share of each exchange's rolling volume that crosses the border.",
            queries.CITY_CROSS_BORDER_BY_EXCHANGE,
            "percentunit",
            min=0,
            max=1,
        ),
    ),
)
_INFRASTRUCTURE = section(
    "Infrastructure",
    row(
        10,
        bars(
            "5G base stations by district",
            "Stations in service by the events.",
            queries.CITY_STATIONS_BY_AREA,
            "locale",
            names.AREAS,
        ),
        tables.counted_beside_reported(),
        bars(
            "Capacity in service",
            "Capacity of the assets in service, each in its own unit: computing in PFLOPS, racks in kW.",
            queries.CITY_CAPACITY,
            "locale",
        ),
        widths=(8, 10, 6),
    ),
)
_INDICATORS = section(
    "Published indicators",
    row(
        9,
        tables.figures(
            "Amounts, yuan", "Latest period, in it the latest release that breaks no rule.", queries.AMOUNTS, "short"
        ),
        tables.figures(
            "Shares and growth",
            "Latest period, in it the latest release that breaks no rule.",
            queries.RATIOS,
            "percentunit",
        ),
        tables.inconsistencies(),
        widths=(9, 9, 6),
    ),
)
BOARD: Final = dashboard(
    "city",
    "City overview",
    "The city's digital economy now: volume, infrastructure, indicators, and whether the numbers can be trusted.",
    (_VOLUME, _INFRASTRUCTURE, _INDICATORS),
    (variables.DATASOURCE_CHOICE, variables.JOB_CHOICE, variables.CURRENCY, variables.WINDOW, variables.REF_AREA),
)
