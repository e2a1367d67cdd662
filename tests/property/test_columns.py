"""Records decoded at once are the records decoded one by one, and values read at once the values read one by one."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.batch import Transactions
from schemas.currencies import EXPONENTS
from schemas.events import Rejection
from schemas.scalars import parse_amount, parse_time
from schemas.topics import CANCELLED, EXECUTED, SOURCES, TRANSACTIONS
from streams.decode import Decoder
from streams.decode.bulk import parse_amounts, parse_times
from tests.property.test_decode import ODD_NUMBERS, ODD_TIMES, mutated
from tests.strategies import NOW_US, decimals, events, times

ENOUGH = 64
"""Records from which on they are decoded as columns."""
CHUNK = 71


class FakeRecord(NamedTuple):
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def plain(number: int, **data: Any) -> bytes:
    """An execution as nearly all are; ``data`` may change its fields, as JSON."""
    fields = {"exchange": '"bidex"', "amount": '"1.50"', "currency": '"CNY"', "cross_border": "false"} | data
    time = fields.pop("time", f'"2023-11-24T09:30:{number % 60:02}.{number % 1000:03}+08:00"')
    members = ",".join(f'"{name}":{value}' for name, value in fields.items())
    return (
        f'{{"specversion":"1.0","id":"{number}","source":"/s","type":"{EXECUTED}","time":{time},'
        f'"data":{{"transaction_id":"t","product_type":"api",{members}}}}}'
    ).encode()


def rows(found: Transactions) -> list[tuple[Any, ...]]:
    """The columns as one tuple for each transaction."""
    keys = [found.series[code] for code in found.codes.tolist()]
    columns = (found.time_us, found.effective_us, found.cancelled, found.amounts)
    return list(zip(found.sources, found.ids, keys, *(column.tolist() for column in columns), strict=True))


def chunks(records: list[FakeRecord]) -> list[list[FakeRecord]]:
    """As a slice gives them, in pieces of no even number."""
    return [records[at : at + CHUNK] for at in range(0, len(records), CHUNK)]


def assert_as_one_by_one(records: list[FakeRecord], now_us: int = NOW_US, topic: str = TRANSACTIONS) -> None:
    decoder = Decoder(topic, max_event_bytes=5_000)
    one_by_one = [decoder(record.value, record.headers, now_us) for record in records]
    batch = decoder.batch(chunks(records), now_us)
    assert len(batch) == len(records)
    assert batch.size == sum(len(record.value or b"") for record in records)
    assert list(batch.refused) == [(at, one) for at, one in enumerate(one_by_one) if isinstance(one, Rejection)]
    wanted: list[Any] = [one for one in one_by_one if not isinstance(one, Rejection)]
    if topic == TRANSACTIONS:
        assert rows(batch.transactions) == rows(Transactions.of(wanted))
    else:
        assert batch.events == wanted


def binary(sent: Any) -> FakeRecord:
    return FakeRecord(*sent.binary())


transactions = events(types=(EXECUTED, CANCELLED))
records = (
    st.builds(FakeRecord, mutated() | transactions.map(lambda sent: sent.structured()), st.just([]))
    | transactions.map(binary)
    | st.builds(FakeRecord, st.integers(0, 999).map(plain), st.sampled_from([[], [("traceparent", b"00")]]))
    | st.builds(FakeRecord, st.sampled_from([None, b"", b"{}", b"[" * 4_000, b" " * 6_000]), st.just([]))
)
odd_data = st.fixed_dictionaries(
    {},
    optional={
        "exchange": st.sampled_from(['"total"', '"Bidex"', '""', '"shanghai"', '"\\u0062idex"', "7"]),
        "amount": st.sampled_from([*(f'"{text}"' for text in ODD_NUMBERS), '"12"', '"1.500"', f'"{"9" * 18}"', "1.5"]),
        "currency": st.sampled_from(['"CNY"', '"JPY"', '"KWD"', '"XXX"', '"cny"', "null"]),
        "cross_border": st.sampled_from(["true", "1", '"true"']),
        "time": st.sampled_from([*(f'"{text}"' for text in ODD_TIMES), '"2031-01-01T00:00:00Z"', "7", '"2023-1"']),
        "buyer_area": st.sampled_from(['"110108"', "null", '"XX"']),
    },
)


@settings(deadline=None)
@given(st.lists(records, min_size=1, max_size=8), st.integers(0, ENOUGH), st.data())
def test_a_batch_is_its_records_one_by_one(some: list[FakeRecord], others: int, data: st.DataObject) -> None:
    """Of many records alike, and of a few among many plain ones."""
    many = some * (ENOUGH // len(some) + 1)
    mixed = [FakeRecord(plain(number), []) for number in range(ENOUGH)]
    mixed[others:others] = some
    assert_as_one_by_one(data.draw(st.sampled_from([many, mixed])))


@settings(deadline=None)
@given(odd_data, st.integers(1, ENOUGH), st.sampled_from([NOW_US, parse_time("2023-11-24T09:25:30+08:00")]))
def test_of_columns_only_what_keeps_every_rule_is_taken(data: dict[str, str], every: int, now_us: int) -> None:
    values = [plain(number, **(data if number % every == 0 else {})) for number in range(ENOUGH)]
    assert_as_one_by_one([FakeRecord(value, []) for value in values], now_us)


@settings(deadline=None, max_examples=20)
@given(st.sampled_from(SOURCES), st.lists(events(), max_size=6))
def test_batches_of_any_topic(topic: str, some: list[Any]) -> None:
    assert_as_one_by_one([FakeRecord(sent.structured(), []) for sent in some] * 12, topic=topic)


def cut(value: bytes, at: int) -> list[bytes]:
    """A value in two, a comma between them left out."""
    return [value[:at], value[at + (value[at : at + 1] == b",") :]]


WHOLE = plain(7)
COMMAS = [at for at, character in enumerate(WHOLE) if character == ord(",")]
TWO = plain(8) + b"," + plain(9)
BRACED = WHOLE.replace(b'"id":"7"', b'"id":"a,{b"')
neighbours = st.lists(
    st.integers(1, len(WHOLE) - 1).map(lambda at: cut(WHOLE, at))
    | st.sampled_from(COMMAS).map(lambda at: cut(WHOLE, at))
    | st.sampled_from(
        [[TWO], [WHOLE + b"]"], [b"[" + WHOLE], [b"{"], [b"}"], [b" " + WHOLE], [WHOLE + b"\n"], [WHOLE]]
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(neighbours, st.integers(0, ENOUGH))
@example([cut(WHOLE, COMMAS[0]), [TWO]], 3)  # as many events as values, and yet no value is one
@example([cut(WHOLE, WHOLE.index(b'"/s"') + 2), [TWO]], 3)
@example([cut(BRACED, BRACED.index(b",{b")), [TWO]], 3)
@example([[WHOLE + b"],[" + WHOLE]], 0)
def test_no_value_reaches_into_its_neighbour(some: list[list[bytes]], at: int) -> None:
    """Values that are no events alone, but might be one with what follows them."""
    records = [FakeRecord(plain(number), []) for number in range(ENOUGH)]
    records[at:at] = [FakeRecord(value, []) for pieces in some for value in pieces]
    assert_as_one_by_one(records)


def test_amounts_beyond_64_bits_stay_exact() -> None:
    texts = [f'"{"9" * 18}"', '"0.01"'] * 32
    batch = Decoder(TRANSACTIONS).batch([[FakeRecord(plain(n, amount=a), []) for n, a in enumerate(texts)]], NOW_US)
    assert batch.transactions.amounts.tolist() == [99_999_999_999_999_999_900, 1] * 32


# -- values at once

digits = st.text("0123456789", min_size=1, max_size=19)
near_times = st.builds(
    lambda text, at, new: text[:at] + new + text[at + len(new) :],
    times(),
    st.integers(0, 31),
    st.text("0123456789-+:.TZ,", min_size=1, max_size=2),
)
near_amounts = (
    st.builds("{}.{}".format, digits, digits) | digits | st.text("0123456789.,-+_ e", max_size=6) | decimals(places=4)
)


def alone(parse: Any, *given: Any) -> int | None:
    try:
        return int(parse(*given))
    except (ValueError, KeyError):
        return None


@given(st.lists(near_times | times(), min_size=1, max_size=4))
@example(["2023-11-24T09:30:00.250+08:0", "02023-11-24T09:30:00.250+08:00"])
@example(["2023-02-29T09:30:00Z"])
@example(["2024-02-29T23:59:59.999999-23:59"])
@example(["1900-01-01T00:00:00Z"])
@example(["9999-12-31T23:59:59Z"])
def test_times_at_once_are_the_times_one_by_one(texts: list[str]) -> None:
    found = parse_times(texts)
    assert found is None or found.tolist() == [alone(parse_time, text) for text in texts]


@pytest.mark.parametrize("fraction", ["", ".250", ".000001", ".999999"])
@pytest.mark.parametrize("zone", ["Z", "+08:00", "-03:30", "+00:00", "-23:59"])
def test_times_that_are_written_alike_are_read_at_once(fraction: str, zone: str) -> None:
    days = ["1901-01-01", "1970-01-01", "2000-02-29", "2023-11-24", "2024-12-31", "2200-12-31"]
    texts = [f"{day}T{clock}{fraction}{zone}" for day in days for clock in ("00:00:00", "23:59:59", "09:30:07")]
    found = parse_times(texts)
    assert found is not None
    assert found.tolist() == [parse_time(text) for text in texts]


@given(st.lists(st.tuples(near_amounts, st.sampled_from(["CNY", "JPY", "KWD", "CLF", "XXX"])), min_size=1, max_size=4))
@example([("1.", "CNY"), ("5.25", "CNY")])
@example([("", "CNY")])
@example([("1,2", "CNY")])
@example([("9" * 18, "CNY")])
@example([("1_0", "JPY")])
def test_amounts_at_once_are_the_amounts_one_by_one(some: list[tuple[str, str]]) -> None:
    exponents = np.array([EXPONENTS.get(currency, -1) for _, currency in some])
    found = parse_amounts([text for text, _ in some], exponents)
    assert found is None or found.tolist() == [alone(parse_amount, *one) for one in some]


def test_plain_amounts_of_any_currency_are_read_at_once() -> None:
    some = [("0.01", "CNY"), ("12", "CNY"), ("1.5", "USD"), ("9" * 18, "JPY"), ("1.2345", "CLF"), ("007.1", "KWD")]
    found = parse_amounts([text for text, _ in some], np.array([EXPONENTS[currency] for _, currency in some]))
    assert found is not None
    assert found.tolist() == [parse_amount(*one) for one in some]
