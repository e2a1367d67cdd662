"""Times as the API shows them."""

from schemas.times import time_text

__all__ = ["optional_time_text", "time_text"]


def optional_time_text(time_us: int | None) -> str | None:
    """``time_text``, or None for None."""
    return None if time_us is None else time_text(time_us)
