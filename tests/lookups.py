"""Look-ups for applications that have no Kafka."""

from collections.abc import Callable

from streams.exposition.lookups import Lookups, Row
from streams.exposition.pipeline import PipelineMetrics


async def _no_trace(source: str, id_: str, since_us: int | None, key: str | None) -> Row:
    raise AssertionError("nobody asks for an event here")


async def _no_letters(since_us: int | None, wanted: Callable[[str, str], bool]) -> list[Row]:
    raise AssertionError("nobody asks for dead letters here")


def no_lookups(pipeline: PipelineMetrics) -> Lookups:
    """For tests that look nothing up."""
    return Lookups(_no_trace, _no_letters, pipeline)
