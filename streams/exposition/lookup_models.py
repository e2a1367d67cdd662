"""The answers of look-ups as models; see ``streams.exposition.models``."""

from typing import Literal

from pydantic import Field

from streams.exposition.models import Answer, Outcomes, Time


class TracedRecord(Answer):
    """One record of the event, and what became of it."""

    place: str = Field(description="topic:partition:offset.")
    topic: str
    partition: int
    offset: int
    time: Time | None = Field(description="The record's timestamp.")
    outcome: Literal["applied", "late", "duplicate", "rejected", "pending"] = Field(
        description="pending: it is there, and not counted yet. late is judged by the record's timestamp."
    )
    reason: str | None = Field(description="Of a rejection.")
    field: str | None
    message: str | None
    duplicate_of: str | None = Field(description="Place of the record before it.")
    replayed_to: str | None = Field(description="Where a dead letter's mended event went.")


class Scanned(Answer):
    """What was looked at."""

    records: int
    partitions: int
    since: Time | None
    to_the_end: bool = Field(description="False: there was more than a worker reads for one request.")


class Trace(Answer):
    """What became of one event."""

    source: str
    id: str
    outcome: Literal["applied", "late", "pending", "rejected", "duplicate", "unknown"] = Field(
        description="Of its records, the first of these that one has; unknown: no record was found."
    )
    records: list[TracedRecord]
    scanned: Scanned
    notes: list[str] = Field(description="What the records alone do not tell.")


class Replay(Answer):
    """Where the event that was sent for a letter went."""

    to: str
    source: str
    id: str


class WaitingLetter(Answer):
    """A dead letter."""

    letter: str = Field(description="Its name: topic:partition:offset of the refused record.")
    topic: str
    partition: int
    offset: int
    refused: Time
    reason: str
    field: str
    message: str
    source: str = Field(description="As far as it could be read; empty otherwise, as id and type.")
    id: str
    type: str
    replayed: Replay | None


class DeadLetters(Answer):
    """What waits to be mended."""

    waiting: Outcomes | None = Field(description="All that wait, by topic and reason; null while they are counted.")
    letters: list[WaitingLetter] = Field(description="The newest of them, newest first.")
