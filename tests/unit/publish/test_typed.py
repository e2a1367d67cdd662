"""Whoever writes a publisher has its types, in a folder that knows nothing of this one."""

import subprocess
import sys
from pathlib import Path

from tests.integration.test_publish_docs import BLOCKS

PROGRAM = """\
from schemas.transactions import Executed
from streams.publish import Delivered, Publisher, cloudevent


async def publish(publisher: Publisher, trade: Executed) -> Delivered:
    event = cloudevent(trade, source="/bidex", id="1", time="2023-11-24T09:30:00+08:00")
    return await publisher.publish(event)


async def mistaken(publisher: Publisher) -> int:
    return await publisher.publish(5)
"""


def test_a_foreign_program_is_type_checked(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    examples = [f"example_{number}.py" for number in range(len(BLOCKS))]  # of the docs: nothing is wrong with them
    for name, text in zip(examples, BLOCKS, strict=True):
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "program.py", *examples],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    found = [line.split(" error: ")[1].rpartition("  [")[2] for line in done.stdout.splitlines() if " error: " in line]
    assert found == ["return-value]", "arg-type]"], done.stdout + done.stderr
