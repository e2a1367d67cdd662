"""``data`` of the infrastructure events."""

from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import ConfigDict, Field, model_validator

from schemas.fields import Area, Data, Decimal, Identifier
from schemas.scalars import FieldError

AssetType = Literal["base_station_5g", "data_center", "rack", "computing_cluster", "large_model", "spatial_node"]
CapacityUnit = Literal["PFLOPS", "kW"]

MAX_COUNT: Final = 2**53 - 1
"""Largest integer that every JSON reader keeps exact (RFC 7493, section 2.2)."""

UNITS: Final[dict[str, tuple[str, ...]]] = {
    "computing_cluster": ("PFLOPS",),
    "data_center": ("PFLOPS", "kW"),
    "rack": ("kW",),
}
"""Asset type -> units its capacity may have; the others have no capacity. A data centre houses both."""

_NO_CAPACITY: Final[dict[str, Any]] = {"properties": {"capacity": {"type": "null"}, "unit": {"type": "null"}}}


def _capacity_in(units: tuple[str, ...]) -> dict[str, Any]:
    both = {"capacity": {"type": "string"}, "unit": {"enum": list(units)}}
    return {"anyOf": [_NO_CAPACITY, {"required": ["capacity", "unit"], "properties": both}]}


_CAPACITY: Final[list[dict[str, Any]]] = [
    {
        "if": {"properties": {"asset_type": {"const": asset_type}}},
        "then": _capacity_in(UNITS[asset_type]) if asset_type in UNITS else _NO_CAPACITY,
    }
    for asset_type in get_args(AssetType)
]
"""What ``check_capacity`` says, for JSON Schema."""

_SAYS_SOMETHING: Final[list[dict[str, Any]]] = [
    {"required": ["count"], "properties": {"count": {"type": "integer"}}},
    {"required": ["capacity"], "properties": {"capacity": {"type": "string"}}},
]
"""What ``check_survey`` says beside that."""


def check_capacity(asset_type: str, capacity: str | None, unit: str | None) -> None:
    """Checks that a capacity comes with a unit, and with one that suits the asset type.

    Raises:
        FieldError: it does not.
    """
    if capacity is None:
        if unit is not None:
            raise FieldError("unit", "a unit needs a capacity")
        return
    units = UNITS.get(asset_type, ())
    if not units:
        raise FieldError("capacity", f"{asset_type} has no capacity")
    if unit not in units:
        raise FieldError("unit", f"the capacity of {asset_type} is in {' or '.join(units)}")


def check_survey(asset_type: str, count: int | None, capacity: str | None, unit: str | None) -> None:
    """Checks that a survey says something, and its capacity as ``check_capacity`` does.

    Raises:
        FieldError: it does not.
    """
    check_capacity(asset_type, capacity, unit)
    if count is None and capacity is None:
        raise FieldError("count", "a survey needs a count, a capacity or both")


class Commissioned(Data):
    """An asset goes into service."""

    model_config = ConfigDict(json_schema_extra={"allOf": [*_CAPACITY]})

    asset_id: Identifier
    asset_type: AssetType
    area: Area
    capacity: Decimal | None = None
    unit: CapacityUnit | None = None

    @model_validator(mode="after")
    def _unit_suits(self) -> Self:
        check_capacity(self.asset_type, self.capacity, self.unit)
        return self


class Decommissioned(Data):
    """An asset goes out of service."""

    asset_id: Identifier
    asset_type: AssetType
    area: Area


class Surveyed(Data):
    """What an authority reports of an asset type in an area."""

    model_config = ConfigDict(json_schema_extra={"allOf": [*_CAPACITY], "anyOf": [*_SAYS_SOMETHING]})

    asset_type: AssetType
    area: Area
    count: Annotated[int, Field(ge=0, le=MAX_COUNT)] | None = None
    capacity: Decimal | None = None
    unit: CapacityUnit | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        check_survey(self.asset_type, self.count, self.capacity, self.unit)
        return self
