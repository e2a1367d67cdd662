"""JSON, strictly, and the same verdict on every machine and at every depth of the call stack."""

import re
from typing import Any, Final

import msgspec

MAX_DEPTH: Final = 64
"""Nesting of objects and arrays that is read; an event needs two levels."""

_decode = msgspec.json.Decoder().decode
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_OPENING = b"[{"


def parse_json(value: bytes) -> Any:
    """The document in ``value``. Where an object says a key twice, the last one counts.

    Raises:
        ValueError: not UTF-8, not JSON by RFC 8259 (NaN and Infinity are not), nested deeper than 64 levels, or with a
            number beyond a float's range. The message is half a sentence.
    """
    if not value.strip(b" \t\r\n"):
        raise ValueError("it is empty")
    if value.startswith(b"\xef\xbb\xbf"):
        raise ValueError("it begins with a byte order mark")
    try:
        value.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is no UTF-8") from None
    if _too_deep(value):
        raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")
    try:
        return _decode(value)
    except msgspec.DecodeError as error:
        raise ValueError(str(error).removeprefix("JSON is malformed: ").partition(" - at ")[0].lower()) from None


def _too_deep(value: bytes) -> bool:
    if value.count(b"[") + value.count(b"{") <= MAX_DEPTH:
        return False
    depth = 0
    for byte in _STRING.sub(b"", value):
        if byte in _OPENING:
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif byte in b"]}":
            depth -= 1
    return False
