"""Tables that more than one dashboard shows."""

from collections.abc import Sequence
from typing import Final

from grafana import names, queries
from grafana.panels import AMBER, GREEN, RED, Json, mapped, matrix, override, table
from grafana.promql import Query

AREA_NAMES: Final = mapped(names.AREAS)
TYPE_NAMES: Final = mapped(names.ASSET_TYPES)
_INDICATOR_NAMES: Final = mapped(names.INDICATORS)
_STATUS: Final = mapped({"0": "final", "1": "provisional"}, {"0": GREEN, "1": AMBER})
_COLORED: Final = {"type": "color-text"}


def figures(title: str, description: str, of: Sequence[Query], unit: str) -> Json:
    """Current figures with the end of their period and whether they are provisional."""
    columns = {
        "indicator": "Indicator",
        "ref_area": "Area",
        "Value #A": "Figure",
        "Value #B": "Period ends before",
        "Value #C": "Status",
    }
    overrides = [
        override("byName", "Indicator", mappings=_INDICATOR_NAMES, custom_minWidth=320),
        override("byName", "Area", mappings=AREA_NAMES),
        override("byName", "Period ends before", unit="dateTimeAsIso"),
        override("byName", "Status", unit="none", mappings=_STATUS, custom_cellOptions=_COLORED),
    ]
    return table(title, description, of, columns, unit=unit, sort="Area", overrides=overrides)


def inconsistencies() -> Json:
    """Which rules are broken, where."""
    overrides = [
        override("byName", "Area", mappings=AREA_NAMES),
        override("byName", "Figures", color={"mode": "fixed", "fixedColor": RED}, custom_cellOptions=_COLORED),
    ]
    panel = table(
        "Inconsistent figures",
        "Figures that break a consistency rule, by rule. The API lists each with what was expected and a hint.",
        [queries.INCONSISTENCIES],
        {"rule": "Rule", "ref_area": "Area", "Value #A": "Figures"},
        overrides=overrides,
    )
    panel["fieldConfig"]["defaults"]["noValue"] = "none"
    return panel


def counted_beside_reported() -> Json:
    """What the events add up to, and what the latest survey says."""
    return table(
        "Counted beside reported",
        "Assets in service by the events, beside what the latest survey of the city reports. Never mixed: a gap says "
        "that one of the two is behind.",
        [queries.COUNTED, queries.REPORTED],
        {"city": "City", "asset_type": "Asset type", "Value #A": "Counted", "Value #B": "Reported"},
        unit="locale",
        overrides=[
            override("byName", "City", mappings=AREA_NAMES),
            override("byName", "Asset type", mappings=TYPE_NAMES),
        ],
    )


def by_area_and_type(title: str, description: str, query: Query) -> Json:
    """One row an area, one column an asset type."""
    corner = override("byName", "area\\asset_type", displayName="Area", mappings=AREA_NAMES)
    headings = [override("byName", slug, displayName=name) for slug, name in names.ASSET_TYPES.items()]
    return matrix(title, description, query, "area", "asset_type", unit="locale", names=[corner, *headings])
