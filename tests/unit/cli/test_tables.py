from io import StringIO
from typing import Any

import pytest
from rich.console import Console, RenderableType

from streams.cli.tables import breaches, completeness, exchanges, inconsistencies, indicators, infrastructure, outcomes


def text(what: RenderableType) -> list[list[str]]:
    """The cells of the rows, as printed, without the heading."""
    out = StringIO()
    Console(width=200, file=out).print(what)
    _, *rows = [line for line in out.getvalue().splitlines() if line.startswith("│")]
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


FIGURE = {"indicator": "core_industries_value_added", "area": "110000", "period": "2023-01-01/P12M", "status": "A",
          "vintage": "2023-11-24", "printed": "31723.1 10^8 CNY"}  # fmt: skip
FINDING = {"rule": "unit_slip", "indicator": "digital_economy_value_added", "area": "110000",
           "period": "2023-01-01/P9M", "value": "1406000000", "expected_low": "1403744962500",
           "expected_high": "1406921702500", "hint": "off by 1000?"}  # fmt: skip
TOPIC = {"topic": "citypulse.infrastructure.v1", "consumed": 1_010_000,
         "dead_letters": {"invalid_field": 7, "not_json": 0},
         "outcomes": {"applied": 1_000_000, "late": 0, "duplicate": 9_993, "rejected": 7}}  # fmt: skip
ASSETS = {"asset_type": "computing_cluster", "area": "110108", "city": "110000", "count": 120,
          "capacity": {"PFLOPS": "3000"}}  # fmt: skip
REPORTED = {"asset_type": "computing_cluster", "area": "110000", "count": None, "capacity": "20000", "unit": "PFLOPS"}
BIG = "2000000000.00"
TABLES = {
    "exchanges": (exchanges({"series": [series("shanghai-synthetic", False, BIG)]}),
                  ["2,000,000,000.00", "shanghai-synthetic"]),
    "infrastructure": (infrastructure({"assets": [ASSETS], "reported": [REPORTED]}),
                       ["computing_cluster", "3,000 PFLOPS", "20,000 PFLOPS", "120"]),
    "indicators": (indicators({"current": [FIGURE]}), ["core_industries_value_added", "31723.1 10^8 CNY"]),
    "inconsistencies": (inconsistencies({"inconsistencies": [FINDING]}), ["1,406,000,000", "1,403,744,962,500 to"]),
    "outcomes": (outcomes({"topics": [TOPIC]}), ["1,000,000", "9,993", "invalid_field 7"]),
}  # fmt: skip


@pytest.mark.parametrize("width", [80, 100, 140, 200])
@pytest.mark.parametrize("name", TABLES)
def test_nothing_is_cut_or_broken_on_any_terminal(name: str, width: int) -> None:
    table, whole = TABLES[name]
    out = StringIO()
    Console(width=width, file=out).print(table)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in out.getvalue()
    assert [text for text in whole if not any(text in line for line in lines)] == []
    assert len([line for line in lines if line.startswith("│")]) in ({0, 2} if name != "exchanges" else {3})


def test_a_wider_terminal_shows_more() -> None:
    shown = []
    for width in (80, 140):
        out = StringIO()
        Console(width=width, file=out).print(TABLES["exchanges"][0])
        shown.append("cancelled" in out.getvalue())
    assert shown == [False, True]


def state(**changes: Any) -> dict[str, Any]:
    return {"severity": "critical", "summary": "Too much.", "breached": True, "op": ">", "value": "90000000.00",
            "labels": {"exchange": "[b]", "currency": "CNY"}, "limit": "80210000",
            "since": "2023-11-24T01:29:00.250000Z", "beyond": 1, "others": []} | changes  # fmt: skip


OTHERS = [{"labels": {"exchange": name, "currency": "CNY"}, "value": "90000001.00"} for name in ("c", "[d]")]


@pytest.mark.parametrize(
    ("states", "says"),
    [
        ([state(), state(breached=False, summary="Fine.")], "✕ critical Too much. [b], CNY: 90,000,000 > 80,210,000"),
        (
            [state(beyond=3, others=OTHERS)],
            "✕ critical Too much. [b], CNY: 90,000,000 > 80,210,000, and 2 more: c 90,000,001, [d] 90,000,001",
        ),
        (
            [state(beyond=1_235, others=OTHERS)],
            "✕ critical Too much. [b], CNY: 90,000,000 > 80,210,000, and 1,234 more: c 90,000,001, [d] 90,000,001, …",
        ),
        ([state(breached=False, since=None)], "✓ none of 1 thresholds is breached"),
        (
            [state(breached=False), state(breached=False, since=None, value=None), state(breached=False, since=None)],
            "… none of 3 thresholds is breached (beyond the limit and waiting: 1, no value yet: 1)",
        ),
        ([], "no thresholds are set"),
    ],
)
def test_breaches(states: list[dict[str, Any]], says: str) -> None:
    out = StringIO()
    Console(width=200, file=out).print(breaches({"thresholds": states}))
    assert out.getvalue().strip() == says
