"""Integers of any size in msgpack, which itself ends at 64 bits."""

_LOW, _HIGH = -(1 << 63), (1 << 64) - 1


def pack_int(value: int) -> int | str:
    """The integer itself, or its decimal digits when msgpack cannot hold it."""
    return value if _LOW <= value <= _HIGH else str(value)


def unpack_int(value: int | str) -> int:
    """What ``pack_int`` was given."""
    return int(value)
