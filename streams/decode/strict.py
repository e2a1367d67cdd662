"""The strict path: the authority on what an event is, and on what is wrong with one that is none.

The checks go from the outside in, and the first that fails names the reason: JSON, CloudEvents envelope, type, topic,
time, ``data`` by its pydantic model, rules that need the event's time, and the clock. Where an object says a key twice,
the last one counts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from schemas import topics
from schemas.envelope import SPEC_VERSION, is_json
from schemas.events import Event, Reason, Rejection
from schemas.indicators import Observed, check_catalogue
from schemas.models import MODELS
from schemas.scalars import FieldError, check_identifier, parse_time
from streams.decode.attributes import binary_attributes
from streams.decode.build import BUILDERS
from streams.decode.parsing import parse_json
from streams.decode.wording import kind, printable, sentence, short, shown, validation_failure

_ABSENT: Final = object()


class _Refused(Exception):
    """Carries a rejection out of the checks."""

    def __init__(self, reason: Reason, field: str, message: str) -> None:
        super().__init__(message)
        self.rejection = Rejection(reason, printable(short(field)), printable(message))


class StrictPath:
    """Judges the records of one topic.

    Args:
        topic: a source topic.
        open_indicators: take indicators that the catalogue does not know.
    """

    def __init__(self, topic: str, open_indicators: bool) -> None:
        self._topic = topic
        self._open_indicators = open_indicators

    def __call__(self, value: bytes, headers: Sequence[tuple[str, bytes | None]], latest_us: int) -> Event | Rejection:
        """The event, or the first thing that is wrong with it.

        Args:
            value: a record's value.
            headers: its headers.
            latest_us: the latest time that an event may have, microseconds since the Unix epoch.
        """
        try:
            return self._event(_attributes(value, headers), latest_us)
        except _Refused as refused:
            return refused.rejection

    def _event(self, attributes: Mapping[str, Any], latest_us: int) -> Event:
        source, id_, type_ = _identity(attributes)
        if type_ not in MODELS:
            raise _Refused("unknown_type", "type", f"The type is {shown(type_)}, which no source topic takes.")
        topic = topics.TOPIC_OF[type_]
        if topic != self._topic:
            raise _Refused("wrong_topic", "type", f"Events of type {type_} belong on {topic}, not on {self._topic}.")
        time_us = _time(attributes)
        try:
            data = MODELS[type_].model_validate(_data(attributes, type_))
        except ValidationError as error:
            raise _Refused("invalid_field", *validation_failure(error, type_)) from None
        try:
            if isinstance(data, Observed):
                check_catalogue(data.indicator, data.unit, data.value, open_=self._open_indicators)
            event = BUILDERS[type_](source, id_, time_us, data)
        except FieldError as error:
            field = f"data.{error.field}"
            message = sentence(field, getattr(data, error.field), str(error))
            raise _Refused("invalid_field", field, message) from None
        if time_us > latest_us:
            ahead = "The event's time is more than 5 minutes ahead of the clock"
            raise _Refused("from_the_future", "time", f"{ahead}: it is {shown(attributes['time'])}.")
        return event


def _attributes(value: bytes, headers: Sequence[tuple[str, bytes | None]]) -> Mapping[str, Any]:
    try:
        document = parse_json(value)
    except ValueError as error:
        raise _Refused("not_json", "", f"The value is not JSON in UTF-8: {error}.") from None
    try:
        attributes = binary_attributes(headers)
    except FieldError as error:
        raise _Refused("not_cloudevent", error.field, f"The header ce_{short(error.field)} {error}.") from None
    if attributes is not None:
        return {**attributes, "data": document}
    if not isinstance(document, dict):
        raise _Refused("not_cloudevent", "", f"The value is {kind(document)}; expected a JSON object.")
    return document


def _identity(attributes: Mapping[str, Any]) -> tuple[str, str, str]:
    """Source, id and type of what is a CloudEvent with JSON data, as far as CloudEvents goes."""
    version = _attribute(attributes, "specversion")
    if version != SPEC_VERSION:
        raise _Refused("not_cloudevent", "specversion", sentence("specversion", version, f"expected {SPEC_VERSION}"))
    id_ = _attribute(attributes, "id")
    source = _attribute(attributes, "source")
    type_ = _attribute(attributes, "type")
    content_type = attributes.get("datacontenttype")
    if content_type is not None and not (isinstance(content_type, str) and is_json(content_type)):
        message = sentence("datacontenttype", content_type, "expected application/json")
        raise _Refused("not_cloudevent", "datacontenttype", message)
    return source, id_, type_


def _attribute(attributes: Mapping[str, Any], name: str) -> str:
    text = _string(attributes, name, "not_cloudevent", "a string")
    try:
        return check_identifier(text)
    except ValueError as error:
        raise _Refused("not_cloudevent", name, sentence(name, text, str(error))) from None


def _string(attributes: Mapping[str, Any], name: str, reason: Reason, expected: str) -> str:
    text = attributes.get(name)
    if text is None:
        raise _Refused(reason, name, f"{name} is missing: expected {expected}.")
    if not isinstance(text, str):
        raise _Refused(reason, name, sentence(name, text, f"expected {expected}"))
    return text


def _time(attributes: Mapping[str, Any]) -> int:
    time = _string(attributes, "time", "invalid_field", "a string with an RFC 3339 time")
    try:
        return parse_time(time)
    except ValueError as error:
        raise _Refused("invalid_field", "time", sentence("time", time, str(error))) from None


def _data(attributes: Mapping[str, Any], type_: str) -> dict[str, Any]:
    if attributes.get("data_base64") is not None:
        raise _Refused("invalid_field", "data_base64", f"data_base64 is there; {type_} has its data in data, as JSON.")
    data = attributes.get("data", _ABSENT)
    if data is _ABSENT:
        raise _Refused("invalid_field", "data", f"data is missing; {type_} has one.")
    if not isinstance(data, dict):
        raise _Refused("invalid_field", "data", sentence("data", data, "expected a JSON object"))
    return data
