from datetime import UTC, datetime, timedelta

import pytest

from schemas import scalars
from schemas.scalars import parse_amount, parse_capacity, parse_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2023-11-24T09:30:00.250+08:00", "2023-11-24T01:30:00.250000+00:00"),
        ("2023-11-24T09:30:00.25+08:00", "2023-11-24T01:30:00.250000+00:00"),
        ("2023-11-24t09:30:00z", "2023-11-24T09:30:00+00:00"),
        ("2023-11-24T09:30:59-00:30", "2023-11-24T10:00:59+00:00"),
        ("2023-11-24T09:30:00.1234569Z", "2023-11-24T09:30:00.123456+00:00"),
        ("2023-11-24T09:30:00.123456Z", "2023-11-24T09:30:00.123456+00:00"),
        ("2024-02-29T00:00:00+14:00", "2024-02-28T10:00:00+00:00"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00"),
    ],
)
def test_times(text: str, same: str) -> None:
    expected = (datetime.fromisoformat(same) - EPOCH) // timedelta(microseconds=1)
    assert parse_time(text) == expected
    assert parse_time(text) == expected  # again, with its pieces remembered


NO_TIMES = [
    "", "2023-11-24", "2023-11-24T09:30:00", "2023-11-24 09:30:00Z", "2023-11-24T09:30Z", "2023-11-24T09:30:60Z",
    "2023-02-29T00:00:00Z", "2023-11-24T24:00:00Z", "2023-11-24T09:60:00Z", "2023-11-24T09:30:00+24:00",
    "2023-11-24T09:30:00+08:60", "2023-11-24T09:30:00+0800", "2023-11-24T09:30:00.Z", "2023-11-24T09:30:00,5Z",
    "2023-11-24T09:30:00.123456.250Z", "2023-11-24T09:30:00x123456Z", "2023-11-24T09:30:00.12345\u0661Z",
    "2023-11-24T09:30:00.250Z\n", "\u0662023-11-24T09:30:00Z", "1899-12-31T23:59:59Z", "1900-01-01T00:00:00+08:00",
    "9999-12-31T23:59:59-08:00", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_TIMES)
def test_no_times(text: str) -> None:
    # Pieces of valid times, remembered, must not let an invalid one pass.
    for valid in ("2023-11-24T09:30:00.250Z", "2023-11-24T09:30:00Z", "2023-11-24T09:30:00+08:00"):
        parse_time(valid)
    with pytest.raises(ValueError, match=r"expected|no such|seconds|offset"):
        parse_time(text)


def test_what_is_remembered_of_times_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scalars, "_REMEMBERED", 2)
    times = [f"2023-11-24T09:3{minute}:00.25{minute}+0{minute}:00" for minute in range(6)]
    first = [parse_time(time) for time in times]
    assert len(scalars._MINUTES) <= 2
    assert [parse_time(time) for time in times] == first


@pytest.mark.parametrize(
    ("time_us", "text"),
    [(0, "1970-01-01T00:00:00Z"), (250_000, "1970-01-01T00:00:00.250Z"), (-1, "1969-12-31T23:59:59.999999Z")],
)
def test_times_are_written_as_short_as_is_exact(time_us: int, text: str) -> None:
    assert scalars.format_time(time_us) == text
    assert parse_time(text) == time_us


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("2650000.00", "CNY", 265_000_000),
        ("2650000", "CNY", 265_000_000),
        ("0.1", "CNY", 10),
        ("007", "JPY", 7),
        ("0.001", "KWD", 1),
        ("0.0001", "CLF", 1),
        ("9" * 18, "CNY", 10**20 - 100),
    ],
)
def test_amounts(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        (text, "CNY")
        for text in ("", ".", "1.", ".5", "+1", "-1", "1e3", "1,000", "1_000", " 1", "1 ", "1.2.3", "\u0661")
    ]
    + [
        ("0", "CNY"),
        ("0.00", "CNY"),
        ("0.001", "CNY"),
        ("1.0", "JPY"),
        ("1" * 19, "CNY"),
        ("\u00b2", "CNY"),
        ("1\n", "CNY"),
    ],
)
def test_no_amounts(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"expected|decimals"):
        parse_amount(text, currency)


def test_an_amount_needs_a_currency() -> None:
    with pytest.raises(KeyError):
        parse_amount("1", "XXX")


def test_capacities_are_exact() -> None:
    assert parse_capacity("0") == 0
    assert parse_capacity("0.00000000000000001") == 10
    assert parse_capacity("12.5") == 12_500_000_000_000_000_000


@pytest.mark.parametrize(("text", "expected"), [("-4.4", (-44, 1)), ("+4.4", (44, 1)), ("4", (4, 0)), ("-0.0", (0, 1))])
def test_signed_decimals(text: str, expected: tuple[int, int]) -> None:
    assert scalars.parse_signed_decimal(text) == expected


@pytest.mark.parametrize("text", ["", "-", "--1", "+-1", "- 1", "1-"])
def test_no_signed_decimals(text: str) -> None:
    with pytest.raises(ValueError, match="expected digits"):
        scalars.parse_signed_decimal(text)


@pytest.mark.parametrize("text", ["bidex", "a", "0", "a_b-c", "a" * 64])
def test_slugs(text: str) -> None:
    assert scalars.check_slug(text) == text


@pytest.mark.parametrize("text", ["", "total", "Bidex", "-a", "_a", "a b", "a" * 65, "a\n", "交易"])
def test_no_slugs(text: str) -> None:
    with pytest.raises(ValueError, match="expected 1 to 64"):
        scalars.check_slug(text)


@pytest.mark.parametrize("text", ["", "a" * 257, "a\n", "\x7f", "\x85", "\x00"])
def test_no_identifiers(text: str) -> None:
    with pytest.raises(ValueError, match="expected 1 to 256"):
        scalars.check_identifier(text)


@pytest.mark.parametrize("text", ["2023-02-29", "1899-12-31", "20231124", "2023-W01-1", "2023-1-1", "2023-11-24\n"])
def test_no_dates(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|no such"):
        scalars.check_date(text)


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "https://", "https:///x", "ftp://a", "http://a b", "http://a\n"]
)
def test_no_urls(text: str) -> None:
    with pytest.raises(ValueError, match="expected an http"):
        scalars.check_url(text)


def test_what_is_well_formed_is_given_back() -> None:
    assert scalars.check_identifier("a" * 256) == "a" * 256
    assert scalars.check_date("2024-02-29") == "2024-02-29"
    assert scalars.check_url("https://example.org/") == "https://example.org/"
