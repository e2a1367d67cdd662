import json

import pytest

from streams.publish.files import BadTable, read_events


def table(*lines: str) -> list[tuple[int, dict[str, object]]]:
    return [(number, json.loads(value)) for number, value in read_events([f"{x}\n".encode() for x in lines], "csv")]


def test_ndjson_counts_blank_lines_and_leaves_them_out() -> None:
    assert list(read_events([b"a\r\n", b"\n", b" b"], "ndjson")) == [(1, b"a"), (3, b"b")]


def test_attributes_and_data_are_told_apart() -> None:
    ((number, event),) = table("id,source,type,time,asset_type,count,unit_multiplier", "1,/s,t,now,rack,12,-3")
    assert number == 2
    assert event == {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": "t",
        "time": "now",
        "data": {"asset_type": "rack", "count": 12, "unit_multiplier": -3},
    }


def test_amounts_stay_text_and_empty_cells_are_absent() -> None:
    ((_, event),) = table("id,source,type,time,amount,buyer_area,cross_border", "1,/s,t,now,1.10,,true")
    assert event["data"] == {"amount": "1.10", "cross_border": True}


@pytest.mark.parametrize("cell", ["1.5", "many", "٣", "9" * 19, "TRUE"])
def test_what_does_not_fit_stays_text_for_the_contract_to_name(cell: str) -> None:
    ((_, event),) = table("id,source,type,time,count,cross_border", f"1,/s,t,now,{cell},{cell}")
    assert event["data"] == {"count": cell, "cross_border": cell}


def test_cells_beyond_the_header_are_not_dropped() -> None:
    ((_, event),) = table("id,source,type,time", "1,/s,t,now,more")
    assert event["data"] == {"column_5": "more"}


def test_a_quoted_cell_over_two_lines_ends_on_the_second() -> None:
    assert [number for number, _ in table("id,source,type,time,note", '1,/s,t,now,"a', 'b"', "2,/s,t,now,c")] == [3, 4]


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    ((_, event),) = table("\ufeffid,source,type,time", "1,/s,t,now")
    assert event["id"] == "1"


@pytest.mark.parametrize("header", ["", "id,source", "id,source,type,time,id"])
def test_a_header_that_cannot_be_used(header: str) -> None:
    with pytest.raises(BadTable):
        table(header, "1,/s,t,now")
