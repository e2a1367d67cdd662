"""The Python of docs/publish.md does what it says: each block is run as it stands, with another broker's address."""

import asyncio
import re
import subprocess
import sys

import pytest

from streams.exposition.binding import MAX_BATCH
from streams.exposition.ingest import BODY_S, MAX_BODY_BYTES, MOST_AT_ONCE
from streams.publish.client import DEADLINE_S, MAX_IN_FLIGHT
from streams.publish.intake import DEADLINE_S as INTAKE_S
from streams.settings import Settings
from streams.transport.topic_admin import create_topics
from tests.conftest import CLI_TIMEOUT_S, ROOT, Broker

DOCUMENT = (ROOT / "docs" / "publish.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
ADDRESS = "127.0.0.1:9092"
SAID = (
    r"citypulse\.transactions\.v1 \d \d+\n",
    r"100 racks are in service\n",
    r"invalid_field data\.value data\.value is the number 31723\.1: expected .*\n",
    r"citypulse\.transactions\.v1 \d \d+\n",
    r"\d+\n",
    r"",
)


@pytest.fixture(scope="module")
def bootstrap(broker: Broker) -> str:
    asyncio.run(create_topics(Settings(broker=broker.bootstrap)))
    return broker.bootstrap


@pytest.mark.parametrize(("block", "said"), list(zip(BLOCKS, SAID, strict=True)), ids=list(range(len(SAID))))
def test_a_block(bootstrap: str, block: str, said: str) -> None:
    assert ADDRESS in block
    done = subprocess.run(
        [sys.executable, "-c", block.replace(ADDRESS, bootstrap)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=CLI_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(said, done.stdout)


@pytest.mark.parametrize("publisher", ["Publisher", "SyncPublisher"])
def test_each_family_has_an_example(publisher: str) -> None:
    written = "\n".join(block for block in BLOCKS if re.search(rf"\b{publisher}\(", block))
    for family in ("transactions", "infrastructure", "indicator"):
        assert f"schemas.{family}" in written or f"citypulse.{family}" in written


def test_figures_are_those_of_the_code() -> None:
    for text in (
        f"`max_in_flight` ({MAX_IN_FLIGHT:,})",
        f"`deadline` ({DEADLINE_S:.0f} s)",
        f"at most {MAX_BATCH:,} events",
        f"the batch over {MAX_BATCH:,} events",
        f"the body is over {MAX_BODY_BYTES >> 20} MiB",
        f"did not come within {BODY_S:.0f} s",
        f"did not acknowledge within {INTAKE_S:.0f} s, or {MOST_AT_ONCE} requests",
        f"`CITYPULSE_INGEST_RATE` events a second ({Settings().ingest_rate:,.0f})",
    ):
        assert text in DOCUMENT, text
