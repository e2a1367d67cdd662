"""Whether what workers show is what was published, when that is too much to be kept record by record."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.faults.ledger import Ledger, Offsets, Place, offsets_of
from tests.soak.traffic import AREAS, SERIES


class Unrecorded(Ledger):
    """A ledger that knows how much has been published, not what: answers are judged by offsets, and at the end."""

    acknowledged: Mapping[Place, int] = {}

    def ends(self) -> dict[Place, int]:
        """What follows the last record of each partition, as of the last second."""
        return dict(self.acknowledged)

    def covers(self, offsets: Offsets) -> bool:
        """Nothing is known of any record, so that nothing is to be waited for."""
        return True

    def differences(self, offsets: Offsets, answer: Mapping[str, Any]) -> list[str]:
        """None can be told."""
        return []


def differences(
    expected: Mapping[str, Any], ends: Offsets, totals: Mapping[str, Any], infrastructure: Mapping[str, Any]
) -> list[str]:
    """What answers of a worker say otherwise than the program that made the events.

    Args:
        expected: see ``tests.soak.traffic.Expected``; each count as pairs.
        ends: what follows the last record of each partition.
        totals: answer of ``/api/v1/totals``.
        infrastructure: answer of ``/api/v1/infrastructure``.
    """
    sums = {name: dict(expected[name]) for name in ("gross", "cancelled", "executions", "cancellations")}
    wanted_series = {
        (*SERIES[number], "CNY"): (
            Decimal(gross).scaleb(-2),
            Decimal(sums["cancelled"].get(number, 0)).scaleb(-2),
            sums["executions"][number],
            sums["cancellations"].get(number, 0),
        )
        for number, gross in sums["gross"].items()
    }
    shown_series = {
        (row["exchange"], row["product_type"], row["currency"]): (
            Decimal(row["gross"]),
            Decimal(row["cancelled"]),
            row["executed"],
            row["cancelled_count"],
        )
        for row in totals["series"]
    }
    outcomes = {(topic, name): n for topic, row in totals["events"].items() for name, n in row.items() if n}
    assets = {row["area"]: row["count"] for row in infrastructure["assets"]}
    offsets = {place: offset for place, offset in offsets_of(totals).items() if offset}
    return [
        *_unlike("series", wanted_series, shown_series),
        *_unlike("outcome", {(topic, name): n for (topic, name), n in expected["outcomes"]}, outcomes),
        *_unlike("offset", ends, offsets),
        *_unlike("assets", Counter(AREAS[at % len(AREAS)] for at, stands in expected["in_service"] if stands), assets),
    ]


def _unlike(what: str, wanted: Mapping[Any, Any], shown: Mapping[Any, Any]) -> list[str]:
    return [
        f"{what} {key}: expected {wanted.get(key)}, got {shown.get(key)}"
        for key in wanted.keys() | shown.keys()
        if wanted.get(key) != shown.get(key)
    ]
