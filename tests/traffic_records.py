"""Events of the synthetic traffic as Kafka records."""

from typing import NamedTuple
from zlib import crc32

from tests.reference.decode import Record

STRUCTURED = b"application/cloudevents+json; charset=UTF-8"


class Event(NamedTuple):
    """``data`` is JSON text; ``extras`` are further attributes as JSON text with a comma in front."""

    topic: str
    key: str
    source: str
    id: str
    type: str
    time: str
    data: str
    extras: str = ""


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that a key belongs to."""
    return crc32(key) % partitions


def record_of(event: Event, partitions: int, *, binary: bool = False) -> Record:
    """The record of an event; in structured mode the content type is left out where the extras are empty."""
    key = event.key.encode()
    headers: list[tuple[str, bytes]] = []
    if binary:
        headers = [
            ("ce_specversion", b"1.0"),
            ("ce_id", event.id.encode()),
            ("ce_source", event.source.encode()),
            ("ce_type", event.type.encode()),
            ("ce_time", event.time.encode()),
            ("content-type", b"application/json"),
        ]
        value = event.data
    else:
        if event.extras:
            headers = [("content-type", STRUCTURED)]
        value = (
            f'{{"specversion":"1.0","id":"{event.id}","source":"{event.source}","type":"{event.type}",'
            f'"time":"{event.time}","datacontenttype":"application/json"{event.extras},"data":{event.data}}}'
        )
    return Record(event.topic, crc32(key) % partitions, key, value.encode(), headers)
