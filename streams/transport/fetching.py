"""Takes slices out of what aiokafka's fetcher has fetched.

This reaches into aiokafka's fetcher, whose version is pinned; ``tests/unit/transport`` fails on one that differs.
"""

import asyncio
import time
from collections.abc import Set
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import ConsumerStoppedError

from streams.transport.slices import MAX_RECORDS, RecordSlice, drain


async def fetch(
    consumer: AIOKafkaConsumer, active: Set[Any], timeout: float, check_crcs: bool = True
) -> dict[Any, RecordSlice]:
    """What follows in the consumer's partitions, at most one slice of each.

    Args:
        consumer: that has partitions and positions.
        active: partitions whose records are wanted; empty: all.
        timeout: seconds to wait when there is nothing yet.
        check_crcs: refuse batches whose checksum is wrong.

    Raises:
        ConsumerStoppedError: the consumer has been stopped.
        KafkaError: what the broker answered for a partition.
    """
    fetcher = consumer._fetcher
    if consumer._closed or fetcher._closed:
        raise ConsumerStoppedError
    deadline = time.monotonic() + timeout
    with fetcher._subscriptions.fetch_context():
        while True:
            if fetcher._subscriptions.reassignment_in_progress:
                await fetcher._subscriptions.wait_for_assignment()
            drained = _drain(fetcher, active, check_crcs)
            wait = deadline - time.monotonic()
            if drained or wait <= 0:
                return drained
            waiter = fetcher._create_fetch_waiter()
            done, _ = await asyncio.wait([waiter], timeout=wait)
            if not done or fetcher._closed:
                waiter.cancel()
                return {}


def _drain(fetcher: Any, active: Set[Any], check_crcs: bool) -> dict[Any, RecordSlice]:
    drained: dict[Any, RecordSlice] = {}
    for tp in list(fetcher._records):
        result = fetcher._records[tp]
        if active and tp not in active:
            if not fetcher._subscriptions.is_assigned(tp):
                del fetcher._records[tp]
            continue
        if not isinstance(result, FetchResult):
            if drained:
                return drained
            del fetcher._records[tp]
            fetcher._notify(fetcher._wait_consume_future)
            result.check_raise()
            continue
        part = drain(tp, result, MAX_RECORDS, check_crcs)
        if not result.has_more():
            del fetcher._records[tp]
            fetcher._notify(fetcher._wait_consume_future)
        if part is not None:
            drained[tp] = part
    return drained
