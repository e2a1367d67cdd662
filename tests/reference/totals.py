"""See ``streams.verify.reference.totals``."""

from streams.verify.reference.totals import *  # noqa: F403
