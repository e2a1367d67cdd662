"""``citypulse topics create`` and ``check``."""

import argparse
import asyncio

from streams.cli.environment import load_settings
from streams.transport.topic_admin import Layout, check_topics, create_topics


def run(arguments: argparse.Namespace) -> int:
    """Creates the topics, or compares them with the contract, and lists them.

    Raises:
        BrokerUnreachable: nobody answers.
        TopicLayoutError: what differs from the contract.
    """
    settings = load_settings()
    work = create_topics if arguments.action == "create" else check_topics
    show(asyncio.run(work(settings)))
    return 0


def show(layout: Layout) -> None:
    """Prints one line a topic."""
    width = max(map(len, layout.partitions))
    for topic, partitions in layout.partitions.items():
        state = "created" if topic in layout.created else "ok"
        print(f"{topic:<{width}}  {partitions:>4} partition{'s' if partitions > 1 else ' '}  {state}")
    for notice in layout.notices:
        print(f"note: {notice}")
