"""The story: what was published about Beijing's digital economy up to a press conference of 2023-11-24.

Only published figures. Where a day, a product type or a single trade is not known, the event's ``note`` says what
stands in for it. The press printed 1.406 billion yuan for 1.406 trillion: the story carries the figure as printed, and
the day after its correction. One thing goes beyond: the nation's core industries of 2023, to compare with.
"""

from importlib.resources import files

from streams.publish.routing import Message, route


def story() -> list[Message]:
    """The story's events in the order of their times, the same ones with the same ids each time."""
    lines = files("streams.publish").joinpath("story.ndjson").read_bytes().splitlines()
    return [route(line) for line in lines]
