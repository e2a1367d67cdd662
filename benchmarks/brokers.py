"""The two brokers that benchmarks run on."""

import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from streams.transport.embedded import EmbeddedBroker
from tests.apache_kafka import ApacheKafka

BROKERS = ("embedded", "apache")


def add_choice(parser: ArgumentParser) -> None:
    """Gives a command ``--apache``."""
    parser.add_argument("--apache", action="store_true", help="Apache Kafka (Java, Maven), not the embedded broker")


def chosen(apache: bool) -> str:
    """The broker's name, one of BROKERS."""
    return BROKERS[apache]


@contextmanager
def broker(name: str) -> Iterator[str]:
    """A broker of its own, without topics; gives its address.

    Args:
        name: one of BROKERS.
    """
    with tempfile.TemporaryDirectory(prefix="citypulse-bench-") as folder:
        started: AbstractContextManager[Any] = EmbeddedBroker() if name == "embedded" else ApacheKafka(Path(folder))
        with started as running:
            yield running.bootstrap
