"""See ``streams.verify.reference.reference``."""

from streams.verify.reference.reference import *  # noqa: F403
