import pytest

from schemas.areas import check_area, city_of, is_valid
from schemas.scalars import parse_time

NOW = parse_time("2023-11-24T09:30:00+08:00")
BEIJING = (
    "110101 110102 110105 110106 110107 110108 110109 110111 110112 110113 110114 110115 110116 110117 110118 110119"
)
MUNICIPALITIES = "110000 120000 310000 500000"
CITIES = "440300 440100 330100 520100 320100 510100 420100"
DISTRICTS = "310115 120116 500103 440305 440106 330106 330114 520103"
ELSEWHERE = "SG US US-NY HK MO TW DE-BE X-BDA CN"


@pytest.mark.parametrize("area", " ".join([BEIJING, MUNICIPALITIES, CITIES, DISTRICTS, ELSEWHERE]).split())
def test_areas(area: str) -> None:
    assert is_valid(area, NOW)
    assert check_area(area, NOW) == area


@pytest.mark.parametrize(
    ("area", "says"),
    [
        ("CN-BJ", "GB/T 2260"),
        ("CN-HK", "GB/T 2260"),
        ("X-NOWHERE", "known local"),
        ("999999", "expected"),
        ("", "expected"),
        ("110228", "not in force"),
        ("110103", "not in force"),
        ("330103", "not in force"),
        ("sg", "expected"),
        ("110100", "expected"),
        ("810000", "expected"),
        ("1101080", "expected"),
        ("\u0661\u0661\u0660000", "expected"),
    ],
)
def test_no_areas(area: str, says: str) -> None:
    assert not is_valid(area, NOW)
    with pytest.raises(ValueError, match=says):
        check_area(area, NOW)


@pytest.mark.parametrize(("county", "district"), [("110228", "110118"), ("110229", "110119")])
def test_miyun_and_yanqing_became_districts_at_the_end_of_2015(county: str, district: str) -> None:
    before, after = parse_time("2015-10-01T00:00:00+08:00"), parse_time("2016-01-01T00:00:00+08:00")
    assert is_valid(county, before)
    assert not is_valid(district, before)
    assert is_valid(district, after)
    assert not is_valid(county, after)


def test_days_begin_at_midnight_in_beijing() -> None:
    begin = parse_time("2021-04-01T00:00:00+08:00")
    assert is_valid("330113", begin)
    assert not is_valid("330113", begin - 1)


@pytest.mark.parametrize(
    ("area", "city"),
    [
        ("110108", "110000"),
        ("110228", "110000"),
        ("500233", "500000"),
        ("440305", "440300"),
        ("440300", "440300"),
        ("440000", "440000"),
        ("429004", "429004"),
        ("X-BDA", "110000"),
        ("SG", "SG"),
        ("US-NY", "US-NY"),
        ("CN", "CN"),
    ],
)
def test_cities(area: str, city: str) -> None:
    assert city_of(area) == city
