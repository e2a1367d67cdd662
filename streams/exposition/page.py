"""The page at /: whether to trust the numbers, the totals by currency, and where the rest is."""

from collections import defaultdict
from html import escape

from streams.aggregate.exact import decimal_text
from streams.aggregate.views import Snapshot
from streams.exposition.routes import ROUTES
from streams.exposition.times import time_text

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
"""Content-Security-Policy of the page: it loads nothing and runs nothing."""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid #8886; text-align: right; }
th:first-child, td:first-child { text-align: left; } .no { color: #b00020; font-weight: bold; }
"""


def page(snapshot: Snapshot) -> str:
    """The page as HTML."""
    links = " ".join(
        f'<a href="{path}">{path}</a>' for path in ("/metrics", *(r.path for r in ROUTES), "/openapi.json")
    )
    rows = "".join(_row(cells, "td") for cells in _totals(snapshot))
    head = _row(("currency", "gross", "cancelled", "net", "executed", "cancelled"), "th")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>CityPulse</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body><h1>CityPulse</h1>'
        f"<p>{_trust(snapshot)} at {time_text(snapshot.clock_us)}</p>"
        f"<h2>Exchange totals, all time</h2><table><thead>{head}</thead><tbody>{rows}</tbody></table>"
        f"<p>{links}</p></body></html>\n"
    )


def _trust(snapshot: Snapshot) -> str:
    if snapshot.complete:
        return "Complete"
    reasons = escape("; ".join(snapshot.reasons))
    return f'<span class="no">Incomplete</span> (last known numbers; {reasons})'


def _totals(snapshot: Snapshot) -> list[tuple[str, ...]]:
    """Gross, cancelled and net amount and the two counts, by currency: currencies are never added up."""
    sums: defaultdict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for series in snapshot.series:
        total = sums[series.currency, series.exponent]
        total[0] += series.gross
        total[1] += series.cancelled
        total[2] += series.executed_count
        total[3] += series.cancelled_count
    return [
        (
            currency,
            *(decimal_text(amount, places) for amount in (gross, cancelled, gross - cancelled)),
            str(executed),
            str(taken_back),
        )
        for (currency, places), (gross, cancelled, executed, taken_back) in sorted(sums.items())
    ]


def _row(cells: tuple[str, ...], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
