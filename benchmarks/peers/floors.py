"""Two floors for a Python program: fetching with aiokafka and no more, or fetching and decoding and no more."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer

from benchmarks.peers.job import Progress, decoding, order

RECORDS = 4_096
FETCH_BYTES = 2 << 20


async def main(decode: bool) -> None:
    asked = order()
    progress, read = Progress(asked.records), decoding(asked.exponents)
    consumer = AIOKafkaConsumer(
        asked.topic,
        bootstrap_servers=asked.broker,
        group_id=asked.name,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    async with consumer:
        done = False
        while not done:
            for records in (await consumer.getmany(timeout_ms=1_000, max_records=RECORDS)).values():
                if decode:
                    for record in records:
                        read(record.value)
                done = progress.add(len(records)) or done
        await asyncio.to_thread(sys.stdin.read)  # until whoever looks at this process has seen enough


if __name__ == "__main__":
    asyncio.run(main(decode="decode" in sys.argv[2:]))
