"""What the reader of a dashboard can choose."""

from typing import Final

from grafana.panels import DATASOURCE, Json
from grafana.promql import JOB, select
from schemas.thresholds import WINDOWS

_ON_TIME_CHANGE: Final = 2
_ALPHABETICAL: Final = 1
_ALL: Final = {"selected": True, "text": ["All"], "value": ["$__all"]}

DATASOURCE_CHOICE: Final[Json] = {
    "type": "datasource",
    "name": "datasource",
    "label": "Data source",
    "description": "The Prometheus that scrapes the workers.",
    "query": "prometheus",
    "refresh": 1,
    "regex": "",
    "multi": False,
    "includeAll": False,
}


def _query(name: str, label: str, description: str, source: str, of: str) -> Json:
    """The values of a label of a series, as a choice of one."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "description": description,
        "datasource": DATASOURCE,
        "query": f"label_values({source}, {of})",
        "refresh": _ON_TIME_CHANGE,
        "sort": _ALPHABETICAL,
        "multi": False,
        "includeAll": False,
    }


_MANY: Final[Json] = {"multi": True, "includeAll": True, "allValue": ".+", "current": _ALL}

JOB_CHOICE: Final = _query(
    "job", "Job", "The scrape jobs of one CityPulse; more than one only if they share its workers.",
    "citypulse_complete", "job",
) | {"multi": True, "allValue": ".+"}  # fmt: skip
INSTANCE: Final = (
    _query(
        "instance",
        "Instance",
        "The workers whose own measurements are shown.",
        f"citypulse_complete{{{JOB}}}",
        "instance",
    )
    | _MANY
)
_NET: Final = select("citypulse_exchange_amount_net")
EXCHANGE: Final = _query("exchange", "Exchange", "Data exchanges.", _NET, "exchange") | _MANY
PRODUCT: Final = _query("product", "Product", "Types of product.", _NET, "product_type") | _MANY
CURRENCY: Final = _query("currency", "Currency", "One: currencies are never added to each other.", _NET, "currency") | {
    "current": {"selected": True, "text": "CNY", "value": "CNY"}
}
AREA: Final = (
    _query("area", "Area", "Districts and other areas, by code.", select("citypulse_infrastructure_assets"), "area")
    | _MANY
)
ASSET_TYPE: Final = (
    _query(
        "asset_type", "Asset type", "What is counted by area.", select("citypulse_infrastructure_assets"), "asset_type"
    )
    | _MANY
)
REF_AREA: Final = (
    _query("area", "Area", "Cities and provinces, by code.", select("citypulse_indicator_value"), "ref_area") | _MANY
)
TOPIC: Final = _query("topic", "Topic", "Source topics.", select("citypulse_events_total"), "topic") | _MANY

_DEFAULT_WINDOW: Final = "24h"
WINDOW: Final[Json] = {
    "type": "custom",
    "name": "window",
    "label": "Window",
    "description": "Length of the rolling window, by event time.",
    "query": ",".join(WINDOWS),
    "current": {"selected": True, "text": _DEFAULT_WINDOW, "value": _DEFAULT_WINDOW},
    "options": [{"selected": value == _DEFAULT_WINDOW, "text": value, "value": value} for value in WINDOWS],
    "multi": False,
    "includeAll": False,
}
