"""See ``streams.verify.reference.consistency``."""

from streams.verify.reference.consistency import *  # noqa: F403
