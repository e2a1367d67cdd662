"""What an event may allocate between its bytes and a checkpoint: counted and not timed, as in test_hot_path.py.

A change that allocates more or less for each event must be seen in ``ALLOCATED``. ``python benchmarks/allocations.py``
gives the figures anew.
"""

import pytest

from benchmarks.allocations import Allocated, allocated

ALLOCATED = {
    "decode": Allocated(2.0, 165, 488),
    "add": Allocated(0.0, 50, 153),
    "take": Allocated(1.1, 53, 177),
    "fold": Allocated(0.4, 49, 95),
}
BAND = 0.1
"""Python 3.11 and 3.13 differ by 9 % where they differ most: bytes that decoding keeps. The figures stand between."""
FEW = Allocated(0.1, 4, 8)
"""Per event, and no sign of anything: lists that grow, the slice's own objects."""


@pytest.fixture(scope="module")
def found() -> dict[str, Allocated]:
    return allocated()


@pytest.mark.parametrize("stage", ALLOCATED)
def test_allocations_per_event_stay_within_their_band(found: dict[str, Allocated], stage: str) -> None:
    for name, wanted, few in zip(Allocated._fields, ALLOCATED[stage], FEW, strict=True):
        assert getattr(found[stage], name) == pytest.approx(wanted, rel=BAND, abs=few), f"{stage}: {found[stage]}"


def test_no_stage_is_forgotten(found: dict[str, Allocated]) -> None:
    assert found.keys() == ALLOCATED.keys()
