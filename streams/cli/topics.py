"""``citypulse topics create`` and ``check``."""

import argparse
import asyncio
import json

from streams.cli.environment import load_settings
from streams.errors import TopicLayoutError
from streams.transport.topic_admin import Layout, check_topics, create_topics


def run(arguments: argparse.Namespace) -> int:
    """Creates the topics, or compares them with the contract, and lists them.

    Returns:
        0; with ``--json`` 1 when the topics are not as the contract has them, and the document says in what.

    Raises:
        BrokerUnreachable: nobody answers.
        TopicLayoutError: what differs from the contract, without ``--json``.
    """
    settings = load_settings()
    work = create_topics if arguments.action == "create" else check_topics
    try:
        layout = asyncio.run(work(settings))
    except TopicLayoutError as error:
        if not arguments.json:
            raise
        print(_document(Layout({}), list(error.lines())))
        return error.exit_code
    if arguments.json:
        print(_document(layout, []))
    else:
        show(layout)
    return 0


def _document(layout: Layout, problems: list[str]) -> str:
    topics = [
        {"topic": topic, "partitions": partitions, "created": topic in layout.created}
        for topic, partitions in layout.partitions.items()
    ]
    answer = {"ok": not problems, "topics": topics, "notes": list(layout.notices), "problems": problems}
    return json.dumps(answer, ensure_ascii=False, indent=2)


def show(layout: Layout) -> None:
    """Prints one line a topic."""
    width = max(map(len, layout.partitions))
    for topic, partitions in layout.partitions.items():
        state = "created" if topic in layout.created else "ok"
        print(f"{topic:<{width}}  {partitions:>4} partition{'s' if partitions > 1 else ' '}  {state}")
    for notice in layout.notices:
        print(f"note: {notice}")
