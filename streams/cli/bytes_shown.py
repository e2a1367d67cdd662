"""Bytes on a terminal: as text where they are harmless text, else so that every byte can be read off."""

_ROW = 16


def key_text(raw: bytes | None) -> str:
    """A key, or a header's value, on one line: text in quotes, other bytes as hexadecimal digits, ``-`` for none."""
    if raw is None:
        return "-"
    text = _text(raw, "")
    return f"0x{raw.hex()}" if text is None else f'"{text}"'


def value_lines(raw: bytes) -> tuple[str, list[str]]:
    """What the bytes are shown as, ``text`` or ``hex``, and the lines of it."""
    text = _text(raw, "\n\t")
    if text is not None:
        return "text", text.split("\n")
    return "hex", [_hex_line(start, raw[start : start + _ROW]) for start in range(0, len(raw), _ROW)]


def _text(raw: bytes, besides: str) -> str | None:
    """The text, unless a terminal might act on it."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return None
    return text if all(character.isprintable() or character in besides for character in text) else None


def _hex_line(start: int, row: bytes) -> str:
    ascii_ = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
    return f"{start:08x}  {row.hex(' '):<{_ROW * 3 - 1}}  |{ascii_}|"
