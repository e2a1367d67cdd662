"""Panels as plain dicts, in the words of the Grafana that docker-compose.yml pins.

Field names and schema version are those of Grafana's public kinds
(https://github.com/grafana/grafana-foundation-sdk, jsonschema of 2025-06-13 and 2025-07-31: the releases before and
after Grafana 12.1.0, which agree).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from grafana.promql import Query

Json = dict[str, Any]

GRAFANA_VERSION: Final = "12.1.0"
SCHEMA_VERSION: Final = 41
DATASOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}

GREEN, AMBER, RED, BLUE = "green", "orange", "red", "blue"
INCOMPLETE: Final = "no complete worker"
"""Shown instead of a number that cannot be trusted."""

_REDUCE: Final[Json] = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def steps(*bounds: tuple[float | None, str]) -> Json:
    """Colours by value: each from its bound up, the first from anywhere."""
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in bounds]}


def mapped(texts: Mapping[str, str], colors: Mapping[str, str] | None = None) -> list[Json]:
    """A value mapping: what is shown for a value, and optionally its colour."""
    colors = colors or {}
    options = {
        value: {"text": text, "index": index} | ({"color": colors[value]} if value in colors else {})
        for index, (value, text) in enumerate(texts.items())
    }
    return [{"type": "value", "options": options}]


def override(matcher: Literal["byName", "byRegexp"], field: str, **properties: object) -> Json:
    """What differs for a field: ``unit``, ``displayName``, ``mappings``; ``custom_x`` is ``custom.x``."""
    return {
        "matcher": {"id": matcher, "options": field},
        "properties": [
            {"id": name.replace("custom_", "custom."), "value": value} for name, value in properties.items()
        ],
    }


def renamed(names: Mapping[str, str]) -> list[Json]:
    """Series by name -> the name that is shown."""
    return [override("byName", name, displayName=shown) for name, shown in names.items()]


def _target(index: int, query: Query) -> Json:
    return {
        "refId": chr(ord("A") + index),
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend,
        "range": query.shape == "range",
        "instant": query.shape != "range",
        "format": "table" if query.shape == "table" else "time_series",
    }


def _panel(kind: str, title: str, description: str, queries: Sequence[Query], defaults: Json, options: Json) -> Json:
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": DATASOURCE,
        "pluginVersion": GRAFANA_VERSION,
        "targets": [_target(index, query) for index, query in enumerate(queries)],
        "fieldConfig": {"defaults": {"noValue": INCOMPLETE} | defaults, "overrides": []},
        "options": options,
    }


def stat(title: str, description: str, query: Query, unit: str, *, spark: bool = True, **defaults: Any) -> Json:
    """One number; ``spark`` draws its course behind it."""
    colors = {"thresholds": steps((None, BLUE)), "color": {"mode": "thresholds"}}
    options: Json = {
        "reduceOptions": _REDUCE,
        "colorMode": "value",
        "graphMode": "area" if spark else "none",
        "textMode": "value",
        "justifyMode": "auto",
        "orientation": "auto",
        "wideLayout": True,
        "showPercentChange": False,
        "percentChangeColorMode": "standard",
    }
    return _panel("stat", title, description, [query], colors | {"unit": unit} | defaults, options)


def timeseries(
    title: str, description: str, queries: Sequence[Query] | Query, unit: str, *, stacked: bool = False, **defaults: Any
) -> Json:
    """Lines over time, or areas upon each other."""
    queries = [queries] if isinstance(queries, Query) else queries
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 40 if stacked else 10,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    options = {
        "legend": {"displayMode": "table", "placement": "right", "showLegend": True, "calcs": ["lastNotNull"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    base = {"unit": unit, "color": {"mode": "palette-classic-by-name"}, "custom": custom}
    return _panel("timeseries", title, description, queries, base | defaults, options)


def bars(title: str, description: str, query: Query, unit: str, names: Mapping[str, str] | None = None) -> Json:
    """One bar a series, now."""
    options = {
        "displayMode": "basic",
        "valueMode": "text",
        "namePlacement": "left",
        "showUnfilled": False,
        "sizing": "auto",
        "minVizWidth": 8,
        "minVizHeight": 16,
        "maxVizHeight": 300,
        "orientation": "horizontal",
        "reduceOptions": _REDUCE,
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
    }
    defaults = {"unit": unit, "min": 0, "thresholds": steps((None, BLUE)), "color": {"mode": "thresholds"}}
    panel = _panel("bargauge", title, description, [query], defaults, options)
    panel["fieldConfig"]["overrides"] = renamed(names or {})
    return panel


def states(title: str, description: str, query: Query, mappings: list[Json]) -> Json:
    """One band a series, coloured by its state."""
    options = {
        "showValue": "never",
        "rowHeight": 0.8,
        "mergeValues": True,
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    defaults = {
        "unit": "none",
        "mappings": mappings,
        "color": {"mode": "thresholds"},
        "thresholds": steps((None, GREEN)),
        "custom": {"lineWidth": 0, "fillOpacity": 80},
    }
    return _panel("state-timeline", title, description, [query], defaults, options)


def table(
    title: str,
    description: str,
    queries: Sequence[Query],
    columns: Mapping[str, str],
    *,
    unit: str = "none",
    sort: str = "",
    overrides: Sequence[Json] = (),
) -> Json:
    """Rows of now, in the order of the heading ``sort``.

    ``columns``: label or ``Value #A`` -> heading, in their order; other columns are left out.
    """
    # Grafana calls the only column of values "Value", also when the other queries find nothing.
    shown = dict(columns) | ({"Value": columns["Value #A"]} if "Value #A" in columns else {})
    panel = _panel(
        "table",
        title,
        description,
        queries,
        {"unit": unit, "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False}},
        {
            "showHeader": True,
            "cellHeight": "sm",
            "frameIndex": 0,
            "sortBy": [{"displayName": sort, "desc": False}] if sort else [],
        },
    )
    panel["fieldConfig"]["overrides"] = list(overrides)
    panel["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": list(shown)}}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: index for index, name in enumerate(shown)},
                "renameByName": shown,
            },
        },
    ]
    return panel


def matrix(
    title: str, description: str, query: Query, row: str, column: str, *, unit: str, names: Sequence[Json]
) -> Json:
    """One row and one column for each value of two labels."""
    panel = table(title, description, [query], {}, unit=unit, overrides=names)
    options = {"rowField": row, "columnField": column, "valueField": "Value", "emptyValue": "null"}
    panel["transformations"] = [{"id": "groupingToMatrix", "options": options}]
    return panel
