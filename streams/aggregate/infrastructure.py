"""Infrastructure: which assets are in service, counted as they come and go, and what surveys report beside them."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Any, NamedTuple
from zlib import crc32

from schemas.events import Asset, Survey
from streams.aggregate.fold import Holds, PageId, PlainReplay, holds_nothing
from streams.aggregate.numbers import pack_int, unpack_int
from streams.aggregate.registers import Registers, pack_all, put_latest
from streams.aggregate.surveys import SurveyFold, SurveyRow
from streams.aggregate.views import Assets, Finding, Reported

_PAGES = tuple(f"a{shard}" for shard in range(64))


class AssetRow(NamedTuple):
    """The last word on one asset. A decommissioned one stays known: an earlier commissioning may still come."""

    asset_id: str
    time_us: int
    gone: bool
    asset_type: str
    area: str
    city: str
    unit: str
    capacity: int | None

    @classmethod
    def of(cls, asset: Asset) -> "AssetRow":
        """The row of an event."""
        return cls(
            asset_id=asset.asset_id,
            time_us=asset.time_us,
            gone=not asset.in_service,
            asset_type=asset.asset_type,
            area=asset.area,
            city=asset.city,
            unit=asset.unit,
            capacity=asset.capacity,
        )

    @classmethod
    def unpack(cls, packed: Sequence[Any]) -> "AssetRow":
        """What ``pack`` gave. The few names that all assets share are held once."""
        *first, asset_type, area, city, unit, capacity = packed
        number = None if capacity is None else unpack_int(capacity)
        return cls._make((*first, intern(asset_type), intern(area), intern(city), intern(unit), number))

    def pack(self) -> list[Any]:
        """The row as msgpack can hold it."""
        return [*self[:7], None if self.capacity is None else pack_int(self.capacity)]

    @property
    def key(self) -> str:
        """One register an asset."""
        return self.asset_id

    @property
    def page(self) -> PageId:
        """The page that its asset_id hashes to."""
        return _PAGES[crc32(self.asset_id.encode()) % len(_PAGES)]

    @property
    def rank(self) -> tuple[Any, ...]:
        """The later event time wins, at one time the decommissioning, and then the content decides."""
        return *self[1:7], -1 if self.capacity is None else self.capacity


class InfrastructurePending:
    """Asset and survey events since the last checkpoint of one source partition."""

    def __init__(self) -> None:
        self._assets: dict[Hashable, AssetRow] = {}
        self._surveys: dict[Hashable, SurveyRow] = {}

    def add(self, event: Asset | Survey) -> None:
        """Adds an event."""
        if isinstance(event, Asset):
            put_latest(self._assets, AssetRow.of(event))
        else:
            for row in SurveyRow.of(event):
                put_latest(self._surveys, row)

    def take(self) -> list[list[list[Any]]] | None:
        """The delta, or None when there is nothing; empties what is pending."""
        if not (self._assets or self._surveys):
            return None
        delta = [pack_all(self._assets), pack_all(self._surveys)]
        self._assets, self._surveys = {}, {}
        return delta


@dataclass(slots=True)
class _Group:
    """Assets of one type in one area: how many are known, how many in service, and their capacity."""

    known: int = 0
    count: int = 0
    capacity: dict[str, tuple[int, int]] = field(default_factory=dict)  # unit -> assets that have one, their sum

    def add(self, row: AssetRow, sign: int) -> None:
        """Puts an asset in (sign 1), or takes it out (-1)."""
        self.known += sign
        if row.gone:
            return
        self.count += sign
        if row.capacity is not None:
            assets, total = self.capacity.pop(row.unit, (0, 0))
            if assets + sign:
                self.capacity[row.unit] = assets + sign, total + sign * row.capacity


class InfrastructureFold(PlainReplay):
    """Assets and surveys over all source partitions (see ``Fold``); pages ``a...`` are assets, ``s...`` surveys."""

    def __init__(self) -> None:
        self._assets = Registers(AssetRow.unpack, self._count)
        self._surveys = SurveyFold()
        self._groups: dict[tuple[str, str, str], _Group] = {}

    def assets(self) -> tuple[Assets, ...]:
        """Assets in service by type, area and city; where all have been decommissioned the count is 0."""
        return tuple(
            Assets(
                *place, count=group.count, capacity={unit: total for unit, (_, total) in sorted(group.capacity.items())}
            )
            for place, group in sorted(self._groups.items(), key=lambda item: item[0])
        )

    def reported(self) -> tuple[Reported, ...]:
        """The survey that stands for each type and area."""
        return self._surveys.reported()

    def inconsistencies(self) -> tuple[Finding, ...]:
        """Surveys that contradict others."""
        return self._surveys.inconsistencies()

    def apply(self, partition: int, delta: Any, clock_us: int, holds: Holds = holds_nothing) -> None:
        """Adds a delta: asset rows and survey rows, or nothing."""
        assets, surveys = delta or ((), ())
        self._assets.apply(partition, assets, clock_us, holds)
        self._surveys.apply(partition, surveys, clock_us, holds)

    def dirty(self, partition: int) -> set[PageId]:
        """Pages changed since the last ``clean``."""
        return self._assets.dirty(partition) | self._surveys.dirty(partition)

    def clean(self, partition: int) -> None:
        """All dirty pages have been written."""
        self._assets.clean(partition)
        self._surveys.clean(partition)

    def dump(self, partition: int, page: PageId) -> list[list[Any]] | None:
        """The page's rows, or None when it has none."""
        return self._registers(page).dump(partition, page)

    def prepare(self, partition: int, pages: Mapping[PageId, Any], deltas: Iterable[Any]) -> None:
        """Nothing to learn: rows name things in full."""

    def load(self, partition: int, page: PageId, content: Any) -> None:
        """Puts a page back."""
        self._registers(page).load(partition, page, content)

    def loaded(self, partition: int) -> None:
        """Nothing to do: rows count as they are put."""

    def drop(self, partition: int) -> None:
        """Forgets one partition."""
        self._assets.drop(partition)
        self._surveys.drop(partition)

    def _registers(self, page: PageId) -> Registers[AssetRow] | Registers[SurveyRow]:
        return self._assets if page.startswith("a") else self._surveys

    def _count(self, old: AssetRow | None, new: AssetRow | None) -> None:
        for row, sign in ((new, 1), (old, -1)):
            if row is not None:
                place = row.asset_type, row.area, row.city
                group = self._groups.setdefault(place, _Group())
                group.add(row, sign)
                if not group.known:
                    del self._groups[place]
