"""``data`` of the indicator event, and the catalogue of indicators.

The classes of the core industries are those of the Statistical Classification of the Digital Economy and Its Core
Industries (National Bureau of Statistics of China, 2021).
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field

from schemas.fields import Area, Data, Date, Period, SignedDecimal, Slug, Url
from schemas.scalars import FieldError

Unit = Literal["CNY", "PERCENT", "RATIO", "COUNT"]
Status = Literal["A", "P", "E", "F", "B", "I", "M"]
"""SDMX code list CL_OBS_STATUS: normal, provisional, estimated, forecast, break, imputed, missing."""

MAX_MULTIPLIER: Final = 18


@dataclass(frozen=True, slots=True)
class Indicator:
    """One entry of the catalogue. ``units`` are allowed; ``signed``: the value may be negative and carry a sign."""

    slug: str
    title: str
    units: tuple[Unit, ...]
    signed: bool = False


_MONEY: tuple[Unit, ...] = ("CNY",)
_SHARE: tuple[Unit, ...] = ("PERCENT", "RATIO")
_COUNT: tuple[Unit, ...] = ("COUNT",)

CATALOGUE: Final[dict[str, Indicator]] = {
    indicator.slug: indicator
    for indicator in (
        Indicator("gdp", "Gross domestic product", _MONEY),
        Indicator("gdp_growth", "Growth of GDP on the year before, constant prices", _SHARE, signed=True),
        Indicator("digital_economy_value_added", "Value added of the digital economy", _MONEY),
        Indicator("digital_economy_share", "Digital economy's share of GDP", _SHARE),
        Indicator(
            "digital_economy_growth",
            "Growth of the digital economy on the year before, current prices",
            _SHARE,
            signed=True,
        ),
        Indicator("core_industries_value_added", "Value added of the digital economy's core industries", _MONEY),
        Indicator("core_industries_share", "Core industries' share of GDP", _SHARE),
        Indicator(
            "core_industries_growth",
            "Growth of the core industries on the year before, current prices",
            _SHARE,
            signed=True,
        ),
        Indicator("core_class_01_value_added", "Value added of digital product manufacturing", _MONEY),
        Indicator("core_class_02_value_added", "Value added of digital product services", _MONEY),
        Indicator("core_class_03_value_added", "Value added of digital technology application", _MONEY),
        Indicator("core_class_04_value_added", "Value added of digital factor-driven industry", _MONEY),
        Indicator("class_05_value_added", "Value added of digital efficiency improvement", _MONEY),
        Indicator("large_models", "Generative models registered, cumulative", _COUNT),
        Indicator("base_stations_5g", "5G base stations, cumulative", _COUNT),
        Indicator("population", "Resident population", _COUNT),
        Indicator("pue", "Power usage effectiveness of data centres", ("RATIO",)),
        Indicator("rack_utilisation", "Racks in use among the racks built", _SHARE),
    )
}
"""Every known indicator by slug."""


def _catalogue_rule(indicator: Indicator) -> dict[str, Any]:
    fields: dict[str, Any] = {"unit": {"enum": list(indicator.units)}}
    if not indicator.signed:
        fields["value"] = {"pattern": "^[0-9]"}
    return {"if": {"properties": {"indicator": {"const": indicator.slug}}}, "then": {"properties": fields}}


class Observed(Data):
    """A figure: ``value`` in ``unit`` times 10^``unit_multiplier``, for ``period``, released on ``vintage``."""

    # Units and signs of the catalogue, for JSON Schema; which indicators there are beside those is a setting.
    model_config = ConfigDict(json_schema_extra={"allOf": [_catalogue_rule(one) for one in CATALOGUE.values()]})

    indicator: Slug
    area: Area
    period: Period
    value: SignedDecimal
    unit: Unit
    unit_multiplier: Annotated[int, Field(ge=-MAX_MULTIPLIER, le=MAX_MULTIPLIER)] = 0
    status: Status
    vintage: Date
    source_url: Url | None = None


def check_catalogue(slug: str, unit: str, value: str, *, open_: bool) -> None:
    """Checks a figure against the catalogue.

    Args:
        slug: the indicator.
        unit: its unit.
        value: its decimal string.
        open_: take indicators that the catalogue does not know; their values may have a sign.

    Raises:
        FieldError: unknown indicator, a unit that it does not have, or a sign on a value that is never negative.
    """
    indicator = CATALOGUE.get(slug)
    if indicator is None:
        if not open_:
            raise FieldError("indicator", "the catalogue of indicators does not know it")
        return
    if unit not in indicator.units:
        raise FieldError("unit", f"{slug} is in {' or '.join(indicator.units)}")
    if not indicator.signed and not value[0].isdigit():
        raise FieldError("value", f"{slug} is never negative, so it has no sign")
