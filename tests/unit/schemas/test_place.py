import pytest

from schemas.place import Place
from schemas.topics import DEAD_LETTERS, TRANSACTIONS


def test_a_place_is_read_as_it_is_written() -> None:
    place = Place(TRANSACTIONS, 3, 17)
    assert Place.parse(str(place)) == place
    assert place.key == f"{TRANSACTIONS}:3".encode()


@pytest.mark.parametrize(
    "text",
    ["", TRANSACTIONS, f"{TRANSACTIONS}:0", f"{TRANSACTIONS}:0:", f"{TRANSACTIONS}:0:-1", f"{TRANSACTIONS}:٣:1",
     f"{TRANSACTIONS}:0:1:2", f"{DEAD_LETTERS}:0:1", "transactions:0:1"],
)  # fmt: skip
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="is no dead letter"):
        Place.parse(text)
