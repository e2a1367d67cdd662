"""CityPulse and its peers at the same job, in turns, on the embedded broker and on Apache Kafka: one table each.

``python benchmarks/side_by_side.py [--events 1000000] [--rounds 3] [--broker embedded|apache|both] [--only NAME]
[--json FILE] [--document]`` (``make bench-peers`` makes what the peers need first)

The job: read the contract's transactions from 4 partitions, validate every field, count duplicates once, keep exact
totals per (exchange, product_type, currency, cross_border) in minutes, survive a restart. One event in a hundred is
there twice, one in a thousand is broken. Slow peers read the first part of the same events, from a topic of its own.

A figure is over the time from a fifth of the events until all of them, start-up apart; CPU time is the process's, of
all its threads. Totals are compared with a plain sum, minute by minute, in every run; a wrong one voids the figure and
makes the exit code 1.
"""

import argparse
import asyncio
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.brokers import BROKERS, broker
from benchmarks.document import put
from benchmarks.load import mixed, preload, reference
from benchmarks.machine import circumstances
from benchmarks.peers.job import Order
from benchmarks.peers.lineup import PEERS, Peer, build
from benchmarks.peers.run import Figures, RunFailed, Sums, run_citypulse, run_peer, scratch
from benchmarks.peers.table import Results, markdown
from schemas.currencies import EXPONENTS
from schemas.topics import TRANSACTIONS
from streams.settings import Settings
from streams.transport.topic_admin import create_topics

US = "CityPulse"
PARTITIONS = 4
KEPT = {"retention.ms": "-1", "cleanup.policy": "delete"}
"""Said outright: Quix Streams wants to read it of a topic, and the embedded broker tells only what it was told."""


def topic(share: int) -> str:
    """The topic with one in so many of the events: the contract's own has all."""
    return TRANSACTIONS if share == 1 else f"part-{share}"


async def load(address: str, name: str, events: int) -> None:
    """Creates a topic and fills it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        if name not in await admin.list_topics():
            await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=KEPT)])
    finally:
        await admin.close()
    await preload(address, name, PARTITIONS, events, lambda index: mixed(index, PARTITIONS))


class Stage:
    """One broker with its events.

    Args:
        name: of the broker.
        address: of the broker.
        sums: share -> what that part of the events adds up to.
        events: of the whole.
    """

    def __init__(self, name: str, address: str, sums: dict[int, Sums], events: int) -> None:
        self._name, self._address, self._sums, self._events = name, address, sums, events

    async def prepare(self) -> None:
        """Loads every part once."""
        await create_topics(self._settings("citypulse"))
        for share in self._sums:
            await load(self._address, topic(share), self._events // share)

    def run(self, peer: Peer | None, number: int) -> Figures | str:
        """One run: figures, or why there are none. None: CityPulse."""
        if peer is not None and peer.apache_only and self._name == "embedded":
            return f"does not run: {peer.apache_only}"
        share = peer.share if peer else 1
        sums = self._sums[share]
        name = f"run-{number}"
        counted = sum(count for count, _ in sums.values())
        records = self._events // share
        with scratch() as folder:
            order = Order(
                self._address,
                topic(share),
                PARTITIONS,
                records,
                counted,
                name,
                folder,
                EXPONENTS,
            )
            try:
                if peer is not None:
                    return run_peer(peer, order, sums)
                asyncio.run(create_topics(self._settings(name)))
                return run_citypulse(order, sums)
            except RunFailed as failed:
                return f"failed: {failed}"

    def _settings(self, app_id: str) -> Settings:
        return Settings(broker=self._address, partitions=PARTITIONS, app_id=app_id)


def compare(brokers: list[str], events: int, rounds: int, peers: list[Peer]) -> Results:
    """Runs everything."""
    print("summing up what is right", file=sys.stderr)
    shares = sorted({1, *(peer.share for peer in peers)})
    sums: dict[int, Sums] = {share: reference(events // share, PARTITIONS) for share in shares}
    results: Results = {}
    number = 0
    for name in brokers:
        with broker(name) as address:
            stage = Stage(name, address, sums, events)
            print(f"{name}: loading {events:,} events", file=sys.stderr)
            asyncio.run(stage.prepare())
            runs = results[name] = {US: [], **{peer.name: [] for peer in peers}}
            for turn in range(rounds):
                for peer in (None, *peers):
                    number += 1
                    who = peer.name if peer else US
                    result = stage.run(peer, number)
                    runs[who].append(result)
                    print(f"{name}, round {turn + 1}: {who}: {_said(result)}", file=sys.stderr, flush=True)
    return results


def _said(result: Figures | str) -> str:
    if isinstance(result, str):
        return result
    totals = {True: "totals exact", False: "WRONG TOTALS", None: "no totals"}[result.exact]
    return f"{result.events_per_second:,.0f} events/s, {result.cpu_us_per_event:.2f} us, {totals}"


def main() -> int:
    parser = argparse.ArgumentParser(description="CityPulse and its peers at the same job.")
    parser.add_argument("--events", type=int, default=1_000_000, help="of which slow peers read a part (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="in each everybody runs once (%(default)s)")
    parser.add_argument("--broker", choices=(*BROKERS, "both"), default="both")
    parser.add_argument("--only", action="append", help="a peer's name or the beginning of it; may be repeated")
    parser.add_argument("--json", type=Path, help="write every run's figures to this file")
    parser.add_argument("--document", action="store_true", help="put the tables into docs/benchmarks.md")
    arguments = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it sends again until a new topic has its leaders
    peers = [peer for peer in PEERS if not arguments.only or peer.name.startswith(tuple(arguments.only))]
    if any("java" in peer.command for peer in peers):
        build()
    facts = circumstances() | {"command": f"make bench-peers, {arguments.events:,} events, {arguments.rounds} rounds"}
    brokers = list(BROKERS) if arguments.broker == "both" else [arguments.broker]
    results = compare(brokers, arguments.events, arguments.rounds, peers)
    tables = markdown(results, US, facts)
    print(tables)
    if arguments.json:
        figures = {
            name: {
                who: [each if isinstance(each, str) else asdict(each) for each in rounds]
                for who, rounds in runs.items()
            }
            for name, runs in results.items()
        }
        arguments.json.write_text(json.dumps(facts | {"results": figures}, indent=2))
    if arguments.document:
        put("peers", tables)
    everything = [each for runs in results.values() for rounds in runs.values() for each in rounds]
    return 1 if any(isinstance(each, Figures) and each.exact is False for each in everything) else 0


if __name__ == "__main__":
    sys.exit(main())
