"""What a rejection says: one sentence, what was found and what was expected, with little of the input in it."""

from typing import Any, Final

from pydantic import ValidationError

from schemas.scalars import FieldError

MAX_SHOWN: Final = 80
"""Characters of input that a message repeats at most."""


def printable(text: str) -> str:
    """The text with everything that a terminal or a log might act on replaced by a question mark."""
    return "".join(character if character.isprintable() else "?" for character in text)


def short(text: str) -> str:
    """The text, cut to 80 characters."""
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def kind(value: Any) -> str:
    """What sort of JSON value it is: ``an array``."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, bool) or value is None:
        return shown(value)
    return "a number"


def shown(value: Any) -> str:
    """A JSON value in a sentence: strings in quotes and cut to 80 characters, the rest as JSON or by its kind."""
    if isinstance(value, str):
        return f'"{short(value)}"'
    if isinstance(value, dict | list):
        return kind(value)
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else f"the number {short(str(value))}"


def sentence(field: str, found: Any, expected: str) -> str:
    """One sentence: ``<field> is <found>: <expected>``."""
    return f"{field} is {shown(found)}: {expected}."


def validation_failure(error: ValidationError, type_: str) -> tuple[str, str]:
    """Field path and message of the first thing that pydantic found wrong with ``data`` of ``type_``."""
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, FieldError):
        field = f"data.{cause.field}"
        found = first["input"].get(cause.field)
        return field, f"{field} is missing: {cause}." if found is None else sentence(field, found, str(cause))
    field = printable(short(".".join(["data", *map(str, first["loc"])])))
    if first["type"] == "missing":
        return field, f"{field} is missing; {type_} has one."
    if first["type"] == "extra_forbidden":
        return field, f"{field} is not a field of {type_}."
    expected = str(cause) if cause else first["msg"].replace("Input should be", "expected")
    return field, sentence(field, first["input"], expected)
