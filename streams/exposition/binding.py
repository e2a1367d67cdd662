"""CloudEvents over HTTP: structured, binary and batch mode, as a request's headers and body say.

Sources: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md and
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md, section 4.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import unquote_to_bytes

import msgspec
from multidict import CIMultiDictProxy

from schemas.envelope import (
    ATTRIBUTE_HEADER_PREFIX,
    BATCH,
    CONTENT_TYPE_HEADER,
    JSON,
    STRUCTURED,
    STRUCTURED_HEADERS,
    is_json,
)
from schemas.events import Rejection
from streams.exposition.verdicts import Incoming

HTTP_PREFIX: Final = "ce-"
VERSION_HEADER: Final = f"{HTTP_PREFIX}specversion"

MAX_BATCH: Final = 1_000
"""Events of a batch."""

Mode = Literal["structured", "binary", "batch"]

_STRUCTURED_FAMILY: Final = "application/cloudevents"
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\Z')
_NAME: Final = re.compile(r"[a-z0-9]+\Z")
"""CloudEvents' names of attributes."""

_events = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Unreadable(Exception):
    """The request as a whole cannot be read: the answer's status and a sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def mode_of(headers: CIMultiDictProxy[str]) -> Mode:
    """The mode of a request, from its headers alone.

    Raises:
        Unreadable: 415, for a content type, a character set or an encoding that is not taken.
    """
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding != "identity":
        raise Unreadable(415, "The body must come as it is, without Content-Encoding.")
    content_type = headers.get("Content-Type", "")
    media_type, parameters = _media_type(content_type)
    if parameters.get("charset", "utf-8") not in {"utf-8", "us-ascii"}:
        raise Unreadable(415, "The body must be in UTF-8.")
    if media_type == STRUCTURED:
        return "structured"
    if media_type == BATCH:
        return "batch"
    binary = VERSION_HEADER in headers and not media_type.startswith(_STRUCTURED_FAMILY)
    if binary and (not media_type or is_json(content_type)):
        return "binary"
    expected = f"{STRUCTURED}, {BATCH}, or {JSON} with the attributes in {HTTP_PREFIX}* headers"
    raise Unreadable(415, f"The content type is not one that is taken: expected {expected}.")


def events_of(mode: Mode, headers: CIMultiDictProxy[str], body: bytes) -> list[Incoming | Rejection]:
    """The events of a request, not yet judged; one that cannot even be handed on is rejected here.

    Raises:
        Unreadable: 400 when a batch is no JSON array, 413 when it has too many events.
    """
    if mode == "structured":
        return [Incoming(body, STRUCTURED_HEADERS)]
    if mode == "binary":
        kafka_headers = _kafka_headers(headers)
        return [kafka_headers if isinstance(kafka_headers, Rejection) else Incoming(body, kafka_headers)]
    try:
        raw = _events(body)
    except (msgspec.DecodeError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Unreadable(400, f"The batch is no JSON array of events: {said}.") from None
    if len(raw) > MAX_BATCH:
        raise Unreadable(413, f"The batch has {len(raw)} events; at most {MAX_BATCH} are taken.")
    return [Incoming(bytes(event), STRUCTURED_HEADERS) for event in raw]


def _media_type(content_type: str) -> tuple[str, Mapping[str, str]]:
    name, *rest = (part.strip().lower() for part in content_type.split(";"))
    pairs = (part.partition("=") for part in rest)
    return name, {key.strip(): value.strip().strip('"') for key, _, value in pairs}


def _kafka_headers(headers: CIMultiDictProxy[str]) -> list[tuple[str, bytes]] | Rejection:
    """The attributes as Kafka's binary mode has them. A header that comes twice would mean whatever a reader likes."""
    found: dict[str, bytes] = {}
    if content_type := headers.get("Content-Type"):
        found[CONTENT_TYPE_HEADER] = _bytes(content_type)
    for header, value in headers.items():
        name = header.lower()
        if not name.startswith(HTTP_PREFIX):
            continue
        attribute = name.removeprefix(HTTP_PREFIX)
        if not _NAME.match(attribute):
            return Rejection("not_cloudevent", "", f"A header {HTTP_PREFIX}* does not name an attribute.")
        kafka_name = f"{ATTRIBUTE_HEADER_PREFIX}{attribute}"
        if kafka_name in found:
            shown = attribute[:80]
            return Rejection("not_cloudevent", shown, f"The header {HTTP_PREFIX}{shown} is there twice.")
        found[kafka_name] = _value(value)
    return list(found.items())


def _value(text: str) -> bytes:
    """An attribute's value: quotes taken off, then percent-decoded once (HTTP binding, section 3.1.3.2)."""
    if quoted := _QUOTED.match(text):
        text = re.sub(r"\\(.)", r"\1", quoted[1])
    return unquote_to_bytes(_bytes(text))


def _bytes(text: str) -> bytes:
    """The bytes of a header; aiohttp reads what is no UTF-8 as surrogates."""
    return text.encode("utf-8", "surrogateescape")
