"""The reference's numbers in the shapes of the HTTP API, so that both can be laid side by side."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from schemas.currencies import exponent
from streams.verify.reference.consistency import falling, growth_mismatches, inconsistent
from streams.verify.reference.decode import Asset, Figure, Record, moment
from streams.verify.reference.totals import EXACT, ReferenceTotals, SeriesTotals, compute

Row = dict[str, Any]


def totals_answer(totals: ReferenceTotals) -> Row:
    """What ``/api/v1/totals`` should say, without what belongs to workers."""
    return {
        "clock": time_text(moment(totals.clock_us)),
        "series": [series_row(key, series) for key, series in sorted(totals.series.items())],
        "events": nested(totals.events),
        "dead_letters": nested(totals.dead_letters),
        "folded": totals.folded,
    }


def series_row(key: tuple[str, str, str, bool], series: SeriesTotals) -> Row:
    """One series; amounts with exactly the currency's decimals."""
    exchange, product_type, currency, cross_border = key
    step = Decimal(1).scaleb(-exponent(currency))

    def text(amount: Decimal) -> str:
        return f"{amount.quantize(step, context=EXACT):f}"

    return {
        "exchange": exchange,
        "product_type": product_type,
        "currency": currency,
        "cross_border": cross_border,
        "gross": text(series.gross),
        "cancelled": text(series.cancelled),
        "net": text(series.net),
        "executed": series.executed,
        "cancelled_count": series.cancelled_count,
        "rolling": {window: text(net) for window, net in series.rolling.items()},
        "to_date": {period: text(net) for period, net in series.to_date.items()},
    }


def nested(counts: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Counts by two names, one within the other."""
    return {topic: {name: n for (of, name), n in counts.items() if of == topic} for topic, _ in counts}


def infrastructure_answer(totals: ReferenceTotals) -> Row:
    """What ``/api/v1/infrastructure`` should say. Where all assets are out of service the count is 0."""
    places: dict[tuple[str, str, str], list[Asset]] = {}
    for asset in totals.assets.values():
        places.setdefault((asset.asset_type, asset.area, asset.city), []).append(asset)
    return {
        "assets": [assets_row(*place, assets) for place, assets in sorted(places.items())],
        "reported": reported_rows(totals),
    }


def assets_row(asset_type: str, area: str, city: str, assets: list[Asset]) -> Row:
    """Assets of one type in one area. A unit is there when an asset in service has a capacity in it."""
    in_service = [asset for asset in assets if not asset.gone]
    capacity: dict[str, Decimal] = {}
    for asset in in_service:
        if asset.capacity is not None:
            capacity[asset.unit] = EXACT.add(capacity.get(asset.unit, Decimal(0)), asset.capacity)
    return {
        "asset_type": asset_type,
        "area": area,
        "city": city,
        "count": len(in_service),
        "capacity": {unit: f"{total:f}" for unit, total in capacity.items()},
    }


def reports(totals: ReferenceTotals) -> dict[tuple[str, str, str], tuple[list[tuple[int, Decimal]], set[int]]]:
    """Asset type, area, unit ("" for a count) -> the reports (time, value), earliest first, and which contradict."""
    series: dict[tuple[str, str, str], list[tuple[int, Decimal]]] = {}
    for (asset_type, area, unit, time_us), value in sorted(totals.surveys.items()):
        series.setdefault((asset_type, area, unit), []).append((time_us, value))
    return {key: (rows, falling([Fraction(value) for _, value in rows])) for key, rows in series.items()}


def reported_rows(totals: ReferenceTotals) -> list[Row]:
    """The latest count and the latest capacity that contradict no other report."""
    best: dict[tuple[str, str], list[tuple[int, str, Decimal]]] = {}
    for (asset_type, area, unit), (rows, broken) in reports(totals).items():
        good = [row for place, row in enumerate(rows) if place not in broken]
        if good:
            best.setdefault((asset_type, area), []).append((good[-1][0], unit, good[-1][1]))
    answer = []
    for (asset_type, area), found in sorted(best.items()):
        count = next((one for one in found if one[1] == ""), None)
        capacity = max((one for one in found if one[1] != ""), default=None)
        row: Row = {"asset_type": asset_type, "area": area, "unit": capacity[1] if capacity else ""}
        row |= {"count": int(count[2]) if count else None, "capacity": f"{capacity[2]:f}" if capacity else None}
        row["count_time"] = time_text(moment(count[0])) if count else None
        row["capacity_time"] = time_text(moment(capacity[0])) if capacity else None
        answer.append(row)
    return answer


def indicators_answer(totals: ReferenceTotals) -> Row:
    """What ``/api/v1/indicators`` should say, findings without their expected interval and message."""
    answer: dict[str, list[Row]] = {"current": [], "figures": [], "inconsistencies": [], "warnings": []}
    for area in sorted({figure.area for figure in totals.figures.values()}):
        figures = [figure for figure in totals.figures.values() if figure.area == area]
        broken = inconsistent(figures)
        good = sorted((one for one in figures if one not in broken and one.status != "M"), key=Figure.version)
        current = {figure.indicator: figure for figure in sorted(good, key=recency)}
        best = {figure.slot(): figure for figure in good}
        for figure in figures:
            row = figure_row(figure, current.get(figure.indicator) is figure, figure in broken)
            answer["figures"].append(row)
            if row["current"]:
                answer["current"].append(row)
        answer["inconsistencies"] += [finding_row(rule, hint, figure) for figure, (rule, hint) in broken.items()]
        answer["warnings"] += [finding_row("growth_mismatch", "", figure) for figure in growth_mismatches(best)]
    answer["inconsistencies"] += fallen_surveys(totals)
    return answer


def recency(figure: Figure) -> tuple[Any, ...]:
    """The latest end, in it the longer period, in it the latest version."""
    days = (date.fromisoformat(figure.end) - date.fromisoformat(figure.start)).days
    return figure.end, days, figure.version()


def base_value(figure: Figure) -> str:
    """The value in yuan, as a ratio or a count, in plain notation."""
    return f"{Decimal(figure.value).scaleb(figure.unit_multiplier - (2 if figure.unit == 'PERCENT' else 0)):f}"


def figure_row(figure: Figure, current: bool, broken: bool) -> Row:
    """One figure."""
    scale = f"10^{figure.unit_multiplier} " if figure.unit_multiplier else ""
    return {
        "indicator": figure.indicator,
        "area": figure.area,
        "period": figure.period,
        "period_end": f"{figure.end}T00:00:00.000000Z",
        "value": base_value(figure),
        "unit": "RATIO" if figure.unit == "PERCENT" else figure.unit,
        "printed": f"{figure.value} {scale}{figure.unit}",
        "status": figure.status,
        "provisional": figure.status == "P",
        "vintage": figure.vintage,
        "source_url": figure.source_url,
        "current": current,
        "inconsistent": broken,
    }


def finding_row(rule: str, hint: str, figure: Figure) -> Row:
    """One figure that breaks a rule."""
    return {
        "rule": rule,
        "indicator": figure.indicator,
        "area": figure.area,
        "period": figure.period,
        "vintage": figure.vintage,
        "value": base_value(figure),
        "hint": hint,
    }


def fallen_surveys(totals: ReferenceTotals) -> list[Row]:
    """Reports that contradict others; their period is the time of the survey."""
    return [
        {
            "rule": "stock_falls",
            "indicator": asset_type,
            "area": area,
            "period": moment(rows[place][0]).isoformat().replace("+00:00", "Z"),
            "vintage": "",
            "value": f"{rows[place][1]:f}",
            "hint": "",
        }
        for (asset_type, area, _), (rows, broken) in reports(totals).items()
        for place in broken
    ]


def time_text(time: datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


__all__ = [
    "Record",
    "ReferenceTotals",
    "compute",
    "indicators_answer",
    "infrastructure_answer",
    "totals_answer",
]
