"""Times as the API shows them."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def time_text(time_us: int) -> str:
    """RFC 3339 in UTC with microseconds."""
    moment = _EPOCH + timedelta(microseconds=time_us)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}Z"


def optional_time_text(time_us: int | None) -> str | None:
    """``time_text``, or None for None."""
    return None if time_us is None else time_text(time_us)
