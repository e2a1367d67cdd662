"""The API's answers as models: the OpenAPI document comes from them, and tests hold every answer against them.

Answers are encoded from plain dicts, not through these models: 5,000 series would cost too much otherwise.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.events import Reason
from streams.aggregate.views import OTHERS

Exact = Annotated[
    str,
    Field(pattern=r"^-?\d+(\.\d+)?$", description="Exact decimal number in plain notation.", examples=["2650000.00"]),
]
Time = Annotated[
    str,
    Field(
        pattern=r"^\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$",
        description="RFC 3339, UTC, microseconds.",
        examples=["2023-11-24T01:30:00.250000Z"],
    ),
]
Outcomes = dict[str, dict[str, int]]


class Answer(BaseModel):
    """A JSON object with exactly these fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Problem(Answer):
    """What was wrong with a request (RFC 9457)."""

    type: str = Field(description="about:blank: the status says what kind of problem it is.")
    title: str
    status: int
    detail: str


class Readiness(Answer):
    """Whether this worker shows complete numbers, and most records can be counted."""

    ready: bool
    reasons: list[str]


class SnapshotAnswer(Answer):
    """At which clock, and whether to trust it."""

    clock: Time
    complete: bool = Field(description="False: the numbers are the last known ones, some state is not read yet.")
    reasons: list[str] = Field(description="Why not complete, one phrase each.")


class PartitionState(Answer):
    """One source partition, as the last checkpoint describes it."""

    topic: str
    partition: int
    next_offset: int = Field(description="First source offset that is not in the numbers yet.")
    end_offset: int
    lag: int = Field(description="Records behind the end of the partition.")
    watermark: Time | None = Field(description="Highest event time seen.")
    owner: str = Field(description="Worker whose checkpoints count; empty before the first.")
    owner_live: bool


class ExchangeSeries(Answer):
    """One exchange series, amounts in the currency's major unit with all of its decimals."""

    exchange: str
    product_type: str
    currency: str
    cross_border: bool
    gross: Exact
    cancelled: Exact
    net: Exact
    executed: int = Field(description="Executed transactions.")
    cancelled_count: int = Field(description="Cancelled transactions.")
    rolling: dict[str, Exact] = Field(description="Net by rolling window.")
    to_date: dict[str, Exact] = Field(description="Net by calendar period.")


class Totals(SnapshotAnswer):
    """Exchange totals over all partitions and workers."""

    partitions: list[PartitionState]
    series: list[ExchangeSeries]
    events: Outcomes = Field(description="Records by topic and outcome.")
    dead_letters: Outcomes = Field(description="Rejected records by topic and reason.")
    folded: int = Field(description="Transactions counted under `other` because the series budget was spent.")


class AssetsState(Answer):
    """Assets in service of one type in one area."""

    asset_type: str
    area: str
    city: str = Field(description="City of the area; empty if it has none.")
    count: int
    capacity: dict[str, Exact] = Field(description="Capacity by unit.")


class ReportedState(Answer):
    """What an authority reports, beside what is counted."""

    asset_type: str
    area: str
    count: int | None
    count_time: Time | None
    capacity: Exact | None
    capacity_time: Time | None
    unit: str = Field(description="Unit of the capacity; empty without one.")


class Infrastructure(SnapshotAnswer):
    """Infrastructure counts and surveys."""

    assets: list[AssetsState]
    reported: list[ReportedState]


class FigureState(Answer):
    """One published figure."""

    indicator: str
    area: str
    period: str = Field(description="SDMX, as published.")
    period_end: Time
    value: Exact = Field(description="In the base unit.")
    unit: str = Field(description="Base unit: CNY, RATIO or COUNT.")
    printed: str = Field(description="Value, multiplier and unit as published.")
    status: str = Field(description="SDMX observation status.")
    provisional: bool
    vintage: str = Field(description="Date of release.")
    source_url: str
    current: bool
    inconsistent: bool


class FindingState(Answer):
    """A figure that breaks a rule, or for a warning only looks wrong."""

    rule: str
    indicator: str
    area: str
    period: str
    vintage: str
    value: Exact
    expected_low: Exact | None = Field(description="Base units; null: no bound on that side.")
    expected_high: Exact | None
    hint: str
    message: str


class Indicators(SnapshotAnswer):
    """Current figures, all figures, and what does not fit together."""

    current: list[FigureState]
    figures: list[FigureState]
    inconsistencies: list[FindingState]
    warnings: list[FindingState]


class BeyondAnswer(Answer):
    """A series that is beyond the limit of a threshold."""

    labels: dict[str, str]
    value: Exact


class ThresholdAnswer(Answer):
    """One threshold. Of several matching series: the one that crossed the limit first, or the one nearest to it."""

    threshold: str
    severity: Literal["critical", "warning", "info"]
    breached: bool
    labels: dict[str, str]
    value: Exact | None = Field(description="null: no series matches, or nothing complete was seen yet.")
    limit: Exact
    since: Time | None = Field(description="Since when the condition holds; null: it does not.")
    op: Literal[">", ">=", "<", "<=", "==", "!="] = Field(description="Crossed when the value is op the limit.")
    compare: Literal["value", "age", "day_ratio"] = Field(
        description="What the value is: the number itself, its age in seconds, or its ratio to that of a day before."
    )
    summary: str
    summary_zh: str = Field(description="The summary in Chinese; empty: the thresholds file has none.")
    runbook: str = Field(description="Address of the runbook, relative to this worker if it has it; empty: none.")
    beyond: int = Field(
        description="How many series are breached if the threshold is; if it waits, how many wait. This one included."
    )
    others: list[BeyondAnswer] = Field(description=f"The worst of them beside this one, at most {OTHERS}.")


class Thresholds(SnapshotAnswer):
    """All thresholds of this worker."""

    thresholds: list[ThresholdAnswer]


class TopicEvents(Answer):
    """What became of one topic's records: the outcomes add up to ``consumed``."""

    topic: str
    outcomes: dict[str, int]
    dead_letters: dict[str, int] = Field(description="Rejected records by reason.")
    consumed: int = Field(description="Sum of the outcomes.")
    next_offsets: dict[str, int] = Field(
        description="By partition: first offset not consumed yet. Their sum is `consumed` if no record ever expired."
    )


class Events(SnapshotAnswer):
    """The account of every record consumed."""

    topics: list[TopicEvents]


class AcceptedEvent(Answer):
    """Kafka has the event, on all replicas in sync."""

    verdict: Literal["accepted"]
    topic: str
    partition: int
    offset: int


class RejectedEvent(Answer):
    """The event is not within the contract, and was not written."""

    verdict: Literal["rejected"]
    reason: Reason
    field: str = Field(description="Path of the field at fault, empty if there is none.", examples=["data.amount"])
    message: str = Field(description="What was found, and what was expected.")


class FailedEvent(Answer):
    """Kafka has not acknowledged the event in time; it may be written all the same. Sending it again is safe."""

    verdict: Literal["failed"]
    message: str


EventVerdict = Annotated[AcceptedEvent | RejectedEvent | FailedEvent, Field(discriminator="verdict")]


class Ingested(Answer):
    """A verdict for each event of the request, in their order."""

    accepted: int
    rejected: int
    failed: int
    events: list[EventVerdict]


class NotIngested(Problem):
    """What was wrong with a request that wrote nothing, or not all; with a verdict for each event, if it had any."""

    accepted: int
    rejected: int
    failed: int
    events: list[EventVerdict]
