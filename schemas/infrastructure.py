"""``data`` of the infrastructure events."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

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

    asset_type: AssetType
    area: Area
    count: Annotated[int, Field(ge=0, le=MAX_COUNT)] | None = None
    capacity: Decimal | None = None
    unit: CapacityUnit | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        check_survey(self.asset_type, self.count, self.capacity, self.unit)
        return self
