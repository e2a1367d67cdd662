import argparse
import time

import pytest

from schemas.scalars import parse_time
from streams.cli.moments import moment_us


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("6h", 21_600), ("7d", 604_800), ("0s", 0)])
def test_so_long_ago(text: str, seconds: int) -> None:
    before = time.time_ns() // 1_000
    moment = moment_us(text) + seconds * 1_000_000
    assert before <= moment <= time.time_ns() // 1_000


def test_a_time() -> None:
    assert moment_us("2023-11-24T09:30:00+08:00") == parse_time("2023-11-24T01:30:00Z")


@pytest.mark.parametrize("text", ["", "7", "7w", "-7d", "1.5h", "2023-11-24", "2023-11-24T09:30:00", "٣d"])
def test_neither(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no moment"):
        moment_us(text)
