"""Events as a publisher writes them, from the contract's models."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from schemas.envelope import JSON, SPEC_VERSION
from schemas.events import Rejection
from schemas.fields import Data
from schemas.models import MODELS
from streams.publish.errors import EventRefused

CloudEvent = Mapping[str, Any]
"""A CloudEvents 1.0 event in structured mode, as a mapping."""

_TYPES: Final = {model: type_ for type_, model in MODELS.items()}


def cloudevent(data: Data, *, source: str, id: str, time: datetime | str) -> dict[str, Any]:  # noqa: A002 - the attribute's name
    """The event that carries ``data``; its type is that of the model.

    Args:
        data: a model of ``schemas.models.MODELS``, such as ``schemas.transactions.Executed``.
        source: who publishes, a URI reference such as ``/bidex/settlement``.
        id: unique within the source. The same event sent again has the same id.
        time: when it happened, with an offset.
    """
    return {
        "specversion": SPEC_VERSION,
        "id": id,
        "source": source,
        "type": _TYPES[type(data)],
        "time": time.isoformat() if isinstance(time, datetime) else time,
        "datacontenttype": JSON,
        "data": data.model_dump(exclude_none=True),
    }


def encoded(event: str | bytes | CloudEvent) -> bytes:
    """The event as JSON.

    Raises:
        EventRefused: it is neither JSON nor a mapping, or holds something that JSON does not have.
    """
    if isinstance(event, bytes):
        return event
    try:
        if isinstance(event, str):
            return event.encode()
        return orjson.dumps(dict(_mapping(event)))
    except (TypeError, UnicodeEncodeError) as error:  # orjson's errors are TypeErrors; half a surrogate pair
        message = f"The event cannot be written as JSON: {error}."
        raise EventRefused(Rejection("not_json", "", message)) from error


def _mapping(event: object) -> CloudEvent:
    """What a caller without a type checker gave, when it is a mapping."""
    if isinstance(event, Mapping):
        return event
    message = f"The event is of type {type(event).__name__}: expected a mapping, JSON text or bytes."
    raise EventRefused(Rejection("not_json", "", message))
