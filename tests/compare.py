"""See ``streams.verify.compare``."""

from streams.verify.compare import differences

__all__ = ["differences"]
