"""Settings from the environment: loading them, saying what is wrong with them, and ``.env.example``.

``python -m streams.cli.environment > .env.example`` writes that file anew.
"""

import difflib
import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from streams.errors import SettingsError
from streams.settings import Settings

PREFIX = "CITYPULSE_"
TEXT = "a text"


def load_settings(**overrides: object) -> Settings:
    """The settings of this process.

    Args:
        overrides: settings given on the command line; None leaves one to the environment.

    Raises:
        SettingsError: one problem for each setting that is not valid.
    """
    misspelt = list(_misspelt(os.environ))
    if misspelt:
        raise SettingsError(misspelt)
    given: dict[str, Any] = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError([_problem(details) for details in error.errors()]) from error


def _misspelt(environment: Mapping[str, str]) -> Iterator[str]:
    """Variables that are nearly, but not quite, a setting. Others with our prefix may have other users."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for variable in sorted(environment):
        if variable.startswith(PREFIX) and variable not in known:
            meant = difflib.get_close_matches(variable, known, n=1, cutoff=0.9)
            if meant:
                yield f"{variable} is no setting; did you mean {meant[0]}?"


def _problem(details: ErrorDetails) -> str:
    name = str(details["loc"][0])
    info = Settings.model_fields[name]
    value = "(hidden)" if info.repr is False else repr(details["input"])
    own_words = details["type"] == "value_error"  # a validator's
    said = str(details["ctx"]["error"]) if own_words else f"it is {allowed(info)}"
    return f"{PREFIX}{name.upper()}={value} is not valid: {said}"


def allowed(info: FieldInfo) -> str:
    """Which values a setting takes, as the end of a sentence."""
    if get_origin(info.annotation) is Literal:
        return "one of " + ", ".join(get_args(info.annotation))
    if info.annotation is bool:
        return "true or false"
    if info.annotation in (int, float):
        what = "a whole number" if info.annotation is int else "a number"
        return " ".join([what, *_bounds(info)])
    for constraint in info.metadata:
        if pattern := getattr(constraint, "pattern", None):
            return f"a text that matches {pattern}"
    return TEXT


def _bounds(info: FieldInfo) -> Iterator[str]:
    for constraint in info.metadata:
        match constraint:
            case annotated_types.Ge(ge=bound):
                yield f"from {bound}"
            case annotated_types.Gt(gt=bound):
                yield f"above {bound}"
            case annotated_types.Le(le=bound):
                yield f"up to {bound}"


def env_example() -> str:
    """The text of ``.env.example``: every setting with its meaning, what it takes and its default."""
    parts = ["# CityPulse's settings. Every line is optional; what stands here is the default.\n"]
    for name, info in Settings.model_fields.items():
        default = info.default
        shown = str(default).lower() if isinstance(default, bool) else default
        takes = "" if allowed(info) == TEXT else f"# Takes {allowed(info)}.\n"
        parts.append(f"\n# {info.title}. {info.description}\n{takes}#{PREFIX}{name.upper()}={shown}\n")
    return "".join(parts)


if __name__ == "__main__":
    print(env_example(), end="")
