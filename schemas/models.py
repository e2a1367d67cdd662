"""Which model the ``data`` of each source type follows."""

from typing import Final

from schemas import topics
from schemas.fields import Data
from schemas.indicators import Observed
from schemas.infrastructure import Commissioned, Decommissioned, Surveyed
from schemas.transactions import Cancelled, Executed

MODELS: Final[dict[str, type[Data]]] = {
    topics.EXECUTED: Executed,
    topics.CANCELLED: Cancelled,
    topics.COMMISSIONED: Commissioned,
    topics.DECOMMISSIONED: Decommissioned,
    topics.SURVEYED: Surveyed,
    topics.OBSERVED: Observed,
}
"""Event type -> model of its ``data``, for every type of ``topics.SOURCE_TYPES``."""
