"""Exchange: volume and transactions of the chosen exchanges and products."""

from typing import Final

from grafana import queries, variables
from grafana.dashboard import dashboard, row, section
from grafana.panels import bars, matrix, override, stat, timeseries

_NOW = section(
    "Now",
    row(
        6,
        stat("Volume, last $window", "Net amount of the window, in the chosen currency.", queries.VOLUME, "short"),
        stat(
            "Cross-border share",
            "Share of the window's volume that crosses the border.",
            queries.CROSS_BORDER,
            "percentunit",
            decimals=1,
        ),
        stat(
            "Volume of all time",
            "Amount executed less amount cancelled, in the chosen currency.",
            queries.NET_ALL_TIME,
            "short",
        ),
        bars("Volume by window, $currency", "Net amount of every rolling window.", queries.BY_WINDOW, "short"),
        bars(
            "Volume to date, $currency",
            "Net amount since the calendar day, month, quarter and year began.",
            queries.BY_PERIOD,
            "short",
            {"day": "Today", "month": "This month", "quarter": "This quarter", "year": "This year"},
        ),
        widths=(4, 4, 4, 6, 6),
    ),
)
_VOLUME = section(
    "Volume",
    row(
        8,
        timeseries(
            "Rolling volume by exchange, $currency",
            "Net amount of the window of $window.",
            queries.VOLUME_BY_EXCHANGE,
            "short",
            stacked=True,
        ),
        timeseries(
            "Rolling volume by product, $currency",
            "Net amount of the window of $window.",
            queries.VOLUME_BY_PRODUCT,
            "short",
            stacked=True,
        ),
    ),
    row(
        8,
        matrix(
            "Volume by exchange and product, $currency",
            "Net amount of the window of $window, now.",
            queries.VOLUME_CELLS,
            "exchange",
            "product_type",
            unit="short",
            names=[override("byName", "exchange\\product_type", displayName="Exchange")],
        ),
        timeseries(
            "Cross-border share by exchange",
            "Share of each exchange's rolling volume that crosses the border.",
            queries.CROSS_BORDER_BY_EXCHANGE,
            "percentunit",
            min=0,
            max=1,
        ),
    ),
)
_TRANSACTIONS = section(
    "Transactions",
    row(
        8,
        timeseries(
            "Transactions a second",
            "Executed and cancelled transactions of the chosen currency.",
            queries.TRADES_BY_KIND,
            "ops",
        ),
        timeseries(
            "Amount a second, $currency",
            "Amount of executed and of cancelled transactions. The difference is the net amount.",
            (queries.EXECUTED_AMOUNT, queries.CANCELLED_AMOUNT),
            "short",
        ),
        timeseries(
            "Cancelled to executed",
            "Cancelled transactions for each executed one, by exchange.",
            queries.CANCELLED_SHARE,
            "percentunit",
            min=0,
        ),
    ),
)
BOARD: Final = dashboard(
    "exchange",
    "Exchange",
    "Volume and transactions of the city's data exchanges, by product, window and currency.",
    (_NOW, _VOLUME, _TRANSACTIONS),
    (
        variables.DATASOURCE_CHOICE,
        variables.JOB_CHOICE,
        variables.EXCHANGE,
        variables.PRODUCT,
        variables.CURRENCY,
        variables.WINDOW,
    ),
)
