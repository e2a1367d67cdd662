"""The API's routes as data: what the application serves and the OpenAPI document describes."""

from dataclasses import dataclass

from schemas.topics import SOURCES
from streams.exposition import models


@dataclass(frozen=True, slots=True)
class Parameter:
    """A filter in the query: an attribute of the rows. ``choices`` is empty where any value may occur."""

    name: str
    description: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """One address under /api/v1."""

    name: str
    summary: str
    answer: type[models.Answer]
    parameters: tuple[Parameter, ...]

    @property
    def path(self) -> str:
        """The address."""
        return f"/api/v1/{self.name}"


_AREA = Parameter("area", "Area code: GB/T 2260, ISO 3166 or X- and a name.")

TOTALS = Route(
    "totals",
    "Exchange totals, exact, in the order of their labels, and the state of the source partitions. Filters apply to "
    "`series`.",
    models.Totals,
    (
        Parameter("exchange", "Exchange."),
        Parameter("product_type", "Product type."),
        Parameter("currency", "ISO 4217 code."),
        Parameter("cross_border", "Cross-border or not.", ("true", "false")),
    ),
)
INFRASTRUCTURE = Route(
    "infrastructure",
    "Assets in service and what authorities report. Filters apply to both; `city` to `assets` only.",
    models.Infrastructure,
    (Parameter("asset_type", "Asset type."), _AREA, Parameter("city", "Code of the city that an area is in.")),
)
INDICATORS = Route(
    "indicators",
    "Current figures, all periods and vintages, inconsistencies and warnings. Filters apply to all four.",
    models.Indicators,
    (Parameter("indicator", "Indicator."), _AREA, Parameter("period", "SDMX period as published.")),
)
THRESHOLDS = Route(
    "thresholds",
    "Thresholds and whether they are breached.",
    models.Thresholds,
    (
        Parameter("threshold", "Name of a threshold."),
        Parameter("severity", "Severity.", ("critical", "warning", "info")),
    ),
)
EVENTS = Route(
    "events",
    "What became of every record consumed, by topic.",
    models.Events,
    (Parameter("topic", "Source topic.", SOURCES),),
)

ROUTES = (TOTALS, INFRASTRUCTURE, INDICATORS, THRESHOLDS, EVENTS)
