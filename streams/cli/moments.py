"""Moments as a person writes them in an option."""

import argparse
import re
import time

from schemas.scalars import parse_time

_AGO = re.compile(r"([0-9]{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def moment_us(text: str) -> int:
    """Microseconds since the Unix epoch of an RFC 3339 time, or of so long ago: ``90s``, ``15m``, ``6h``, ``7d``.

    Raises:
        ArgumentTypeError: it is neither.
    """
    if ago := _AGO.fullmatch(text):
        return time.time_ns() // 1_000 - int(ago[1]) * _SECONDS[ago[2]] * 1_000_000
    try:
        return parse_time(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment: {error}, or so long ago: 90s, 15m, 6h, 7d") from None
