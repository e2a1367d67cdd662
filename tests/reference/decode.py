"""See ``streams.verify.reference.decode``."""

from streams.verify.reference.decode import *  # noqa: F403
