"""Infrastructure: what is in service where, and what the authorities report."""

from typing import Final

from grafana import names, queries, variables
from grafana.boards import tables
from grafana.dashboard import dashboard, row, section
from grafana.panels import bars, override, renamed, table, timeseries

_OVER_TIME = timeseries(
    "Assets in service by type",
    "Counted from commissionings and decommissionings, over the chosen areas.",
    queries.ASSETS_BY_TYPE,
    "locale",
)
_OVER_TIME["fieldConfig"]["overrides"] = renamed(names.ASSET_TYPES)
_SURVEYS = table(
    "Surveys",
    "What the latest survey of each area reports.",
    [queries.SURVEYS],
    {"area": "Area", "asset_type": "Asset type", "Value #A": "Reported"},
    unit="locale",
    overrides=[
        override("byName", "Area", mappings=tables.AREA_NAMES),
        override("byName", "Asset type", mappings=tables.TYPE_NAMES),
    ],
)
_COUNTED = section(
    "In service",
    row(
        11,
        bars("Assets by area", "Assets in service of the chosen types.", queries.ASSETS_BY_AREA, "locale", names.AREAS),
        tables.by_area_and_type(
            "Assets by area and type", "Assets in service, counted from the events.", queries.ASSET_CELLS
        ),
        widths=(8, 16),
    ),
    row(8, _OVER_TIME, tables.counted_beside_reported()),
)
_CAPACITY = section(
    "Capacity and surveys",
    row(
        10,
        bars(
            "Computing power by area",
            "Capacity of the computing clusters in service, PFLOPS.",
            queries.COMPUTING_BY_AREA,
            "locale",
            names.AREAS,
        ),
        bars(
            "Rack power by area",
            "Capacity of the racks in service, kW.",
            queries.RACK_POWER_BY_AREA,
            "kwatt",
            names.AREAS,
        ),
        _SURVEYS,
    ),
)
BOARD: Final = dashboard(
    "infrastructure",
    "Infrastructure",
    "Base stations, data centres, racks, computing power and models in service, beside what surveys report.",
    (_COUNTED, _CAPACITY),
    (variables.DATASOURCE_CHOICE, variables.JOB_CHOICE, variables.AREA, variables.ASSET_TYPE),
)
