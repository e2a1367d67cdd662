from io import StringIO
from typing import Any

from rich.console import Console, RenderableType

from streams.cli.tables import completeness, exchanges, inconsistencies, infrastructure


def text(what: RenderableType) -> list[list[str]]:
    """The cells of the rows, as printed."""
    out = StringIO()
    Console(width=200, file=out).print(what)
    rows = [line for line in out.getvalue().splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]


def series(exchange: str, cross_border: bool, amount: str, currency: str = "CNY") -> dict[str, Any]:
    return {
        "exchange": exchange,
        "product_type": "api",
        "currency": currency,
        "cross_border": cross_border,
        "net": amount,
        "executed": 2,
        "cancelled_count": 1,
        "rolling": {"1h": "0.00", "24h": amount},
    }


def test_amounts_are_added_exactly_and_never_across_currencies() -> None:
    rows = text(
        exchanges(
            {
                "series": [
                    series("bidex", False, "9007199254740993.01"),
                    series("bidex", True, "0.02"),
                    series("bidex", False, "5.00", "USD"),
                    series("[red]", False, "-1.00"),
                ]
            }
        )
    )
    big = "9,007,199,254,740,993.03"
    assert rows == [
        ["[red]", "api", "CNY", "2", "1", "0.00", "-1.00", "-1.00"],
        ["bidex", "api", "CNY", "4", "2", "0.00", big, big],
        ["bidex", "api", "USD", "2", "1", "0.00", "5.00", "5.00"],
        ["all", "all", "CNY", "6", "3", "0.00", "9,007,199,254,740,992.03", "9,007,199,254,740,992.03"],
        ["all", "all", "USD", "2", "1", "0.00", "5.00", "5.00"],
    ]


def test_the_top_is_by_the_last_day() -> None:
    answer = {"series": [series("a", False, "1.00"), series("b", False, "3.00"), series("c", False, "2.00")]}
    assert [row[0] for row in text(exchanges(answer, top=2))] == ["b", "c", "all"]


def test_incomplete_says_why() -> None:
    answer = {"complete": False, "reasons": ["a", "b"], "clock": "2023", "partitions": [{"lag": 2}, {"lag": 3}]}
    assert completeness(answer).plain == "INCOMPLETE: a; b   as of 2023   5 events behind"


def test_counts_are_added_by_city_and_reports_stand_beside() -> None:
    assets = [
        {"asset_type": "rack", "area": area, "city": "110000", "count": 2, "capacity": {"kW": "1.5"}}
        for area in ("110105", "110108")
    ]
    reported = {"asset_type": "rack", "area": "110000", "count": 1000, "capacity": "2000.50", "unit": "kW"}
    answer = {"assets": assets, "reported": [reported]}
    assert text(infrastructure(answer)) == [["rack", "110000", "4", "3.0 kW", "1,000", "2,000.5 kW"]]


def test_expected_intervals() -> None:
    finding = {"rule": "r", "indicator": "i", "area": "a", "period": "p", "value": "1000", "hint": "off by 1000?"}
    bounds = [("10.50", "2000.00"), ("1", None), (None, "3"), (None, None)]
    findings = [{**finding, "expected_low": low, "expected_high": high} for low, high in bounds]
    rows = text(inconsistencies({"inconsistencies": findings}))
    assert [row[5] for row in rows] == ["10.5 to 2,000", "at least 1", "at most 3", ""]
    assert rows[0][4:] == ["1,000", "10.5 to 2,000", "off by 1000?"]
