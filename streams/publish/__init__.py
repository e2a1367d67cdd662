"""Publishing events: a client for upstream systems, files, the story and synthetic traffic."""

from streams.publish.client import Delivered, Delivery, Publisher
from streams.publish.errors import EventRefused, NotDelivered
from streams.publish.events import CloudEvent, cloudevent
from streams.publish.sync import SyncPublisher

__all__ = [
    "CloudEvent",
    "Delivered",
    "Delivery",
    "EventRefused",
    "NotDelivered",
    "Publisher",
    "SyncPublisher",
    "cloudevent",
]
