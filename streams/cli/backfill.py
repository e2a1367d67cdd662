"""``citypulse backfill``: the numbers of the past as OpenMetrics, for blocks of Prometheus."""

import argparse
import asyncio
import sys
from itertools import groupby
from pathlib import Path
from typing import TextIO

from schemas.metrics import METRICS
from schemas.topics import SOURCES
from streams.cli.environment import load_settings
from streams.cli.progress import RecordProgress
from streams.cli.recount import recount, rules_of
from streams.errors import InputError
from streams.exposition.text import label_text
from streams.settings import Settings
from streams.transport.clocks import wall_us
from streams.transport.topic_admin import check_topics
from streams.verify.reference.history import History, samples

SECOND_US = 1_000_000


def run(arguments: argparse.Namespace) -> int:
    """Writes the history.

    Raises:
        CityPulseError: settings or broker are not as needed, there is nothing, or the file cannot be written.
    """
    settings = load_settings()
    step_us = arguments.step
    history = asyncio.run(read(settings, step_us))
    first = history.first if arguments.first is None else history.instant(arguments.first)
    last = history.last if arguments.until is None else arguments.until // step_us
    if first is None or last is None:
        raise InputError("the topics hold no transaction, asset or survey: name --from and --until")
    instants = range(first, last + 1)
    if arguments.output == "-":
        written = write(sys.stdout, history, step_us, instants)
    else:
        try:
            with Path(arguments.output).open("w", encoding="utf-8") as out:
                written = write(out, history, step_us, instants)
        except OSError as error:
            raise InputError(f"cannot write {arguments.output}: {error.strerror}") from error
    print(f"{written:,} samples", file=sys.stderr)
    return 0


async def read(settings: Settings, step_us: int) -> History:
    """The history of all records that are in the source topics now.

    Args:
        settings: those of the workers.
        step_us: between two instants, microseconds.

    Raises:
        CityPulseError: the broker, or topics that are not as the contract has them.
    """
    history = History(step_us, wall_us(), rules_of(settings))
    layout = await check_topics(settings)
    ends = {(topic, partition): None for topic in SOURCES for partition in range(layout.partitions[topic])}
    with RecordProgress(None) as progress:
        await recount(settings, history, ends, future=True, taken=progress.advance)
    return history


def write(out: TextIO, history: History, step_us: int, instants: range) -> int:
    """Writes OpenMetrics, one series after the other; gives how many samples.

    Args:
        out: where to.
        history: of the numbers.
        step_us: between two instants, microseconds.
        instants: those to write.
    """
    timelines = list(history.timelines())
    written = 0
    with RecordProgress(len(timelines)) as progress:
        for metric, family in groupby(timelines, key=lambda timeline: timeline.metric):
            out.write(_head(metric))
            for timeline in family:
                name = metric + label_text(METRICS[metric].labels, timeline.labels)
                for instant, value in samples(timeline.changes, instants):
                    out.write(f"{name} {value!r} {instant * step_us // SECOND_US}\n")
                    written += 1
                progress.advance(1)
    out.write("# EOF\n")
    return written


def _head(metric: str) -> str:
    family, kind = metric.removesuffix("_total"), METRICS[metric].type
    return f"# HELP {family} {METRICS[metric].help}\n# TYPE {family} {kind}\n"
