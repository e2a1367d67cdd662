"""What can be wrong with publishing an event."""

from schemas.events import Reason, Rejection
from streams.errors import CityPulseError


class EventRefused(CityPulseError):
    """The event is not within the contract; nothing was sent. A worker would have refused it with the same words.

    Attributes:
        rejection: the verdict.
        reason: its code, one of the contract's.
        field: path of the field at fault, "" if there is none.
        message: one sentence: what was found and what was expected.
    """

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection
        self.reason: Reason = rejection.reason
        self.field = rejection.field

    def __str__(self) -> str:
        return f"{self.reason}{' ' if self.field else ''}{self.field}: {self.message}"


class NotDelivered(CityPulseError):
    """The cluster has not acknowledged an event in time, or has refused it.

    It may have been written all the same. Publishing it again with the same source and id is safe: a second copy is a
    duplicate, and counts nothing.
    """
