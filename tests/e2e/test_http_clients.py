"""Clients that are not ours, over HTTP: curl with the commands of docs/publish.md, and the CloudEvents Python SDK."""

import json
import re
import shlex
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent

from schemas.envelope import BATCH
from schemas.export.events import example
from schemas.topics import COMMISSIONED, EXECUTED, FAMILY, OBSERVED, TOPIC_OF
from streams.exposition.tokens import make_token, token_line
from streams.settings import Settings
from tests.conftest import ROOT, Cli
from tests.e2e.ingesting import ingesting_worker
from tests.workers import WorkerProcess

DOCUMENT = (ROOT / "docs" / "publish.md").read_text()
CURLS = re.findall(r"```sh\n(curl .*?)```", DOCUMENT, re.DOTALL)
ADDRESS = "http://127.0.0.1:6066"


@pytest.fixture(scope="module")
def worker() -> Iterator[WorkerProcess]:
    with ingesting_worker(Settings) as worker:
        yield worker


def counted(worker: WorkerProcess, family: str) -> int:
    topics = worker.get("/api/v1/events")["topics"]
    return sum(sum(row["outcomes"].values()) for row in topics if FAMILY[row["topic"]] == family)


def curl(*arguments: str, stdin: bytes = b"") -> tuple[int, Any]:
    """Status and JSON of the answer."""
    command = shutil.which("curl")
    if command is None:
        pytest.fail("curl is missing (Debian: apt-get install curl)")
    done = subprocess.run(
        [command, "--silent", "--show-error", "--write-out", "\n%{http_code}", *arguments],
        input=stdin,
        capture_output=True,
        check=True,
    )
    body, _, status = done.stdout.rpartition(b"\n")
    return int(status), json.loads(body)


@pytest.mark.parametrize(
    ("block", "status", "family", "accepted", "rejected"),
    [
        (CURLS[0], 200, "transactions", 1, 0),
        (CURLS[1], 207, "infrastructure", 1, 1),
        (CURLS[2], 200, "indicators", 1, 0),
    ],
    ids=["structured", "batch", "binary"],
)
def test_the_document_s_curl(
    worker: WorkerProcess, block: str, status: int, family: str, accepted: int, rejected: int
) -> None:
    command, _, here = block.replace("\\\n", " ").partition("\n")
    arguments, _, end = command.replace(ADDRESS, worker.url).rpartition("<<'")
    before = counted(worker, family)
    body = here.partition(f"\n{end.rstrip(chr(39))}\n")[0]
    code, answer = curl(*shlex.split(arguments)[1:], stdin=body.encode())
    assert code == status, answer
    assert (answer["accepted"], answer["rejected"], answer["failed"]) == (accepted, rejected, 0)
    worker.until(lambda _: counted(worker, family) == before + accepted)
    if rejected:
        written = re.search(r'"message":"(data\.capacity[^"]*)"', DOCUMENT)
        assert written is not None
        assert answer["events"][1]["message"] == written[1]


def test_there_is_a_curl_for_each_mode() -> None:
    assert len(CURLS) == 3
    assert all(ADDRESS in block for block in CURLS)


def sdk_event(type_: str, id_: str) -> CloudEvent:
    """The contract's example as the SDK's event."""
    found = example("events", type_)
    data = found.pop("data")
    return CloudEvent({**found, "id": id_, "time": datetime.fromisoformat(found["time"])}, data)


def post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
    request = urllib.request.Request(f"{url}/api/v1/events", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, json.load(response)


@pytest.mark.parametrize("encode", [http.to_structured_event, http.to_binary_event], ids=["structured", "binary"])
@pytest.mark.parametrize("type_", [EXECUTED, COMMISSIONED, OBSERVED])
def test_the_cloudevents_sdk(worker: WorkerProcess, encode: Callable[..., Any], type_: str) -> None:
    family = FAMILY[TOPIC_OF[type_]]
    before = counted(worker, family)
    message = encode(sdk_event(type_, f"sdk 北京 100% {encode.__name__}"))
    status, answer = post(worker.url, dict(message.headers), message.body)
    assert (status, answer["events"][0]["topic"]) == (200, TOPIC_OF[type_])
    worker.until(lambda _: counted(worker, family) == before + 1)


def test_a_batch_of_the_cloudevents_sdk(worker: WorkerProcess) -> None:
    bodies = [http.to_structured_event(sdk_event(EXECUTED, f"sdk-batch-{n}")).body for n in range(10)]
    status, answer = post(worker.url, {"Content-Type": BATCH}, b"[" + b",".join(bodies) + b"]")
    assert (status, answer["accepted"]) == (200, 10)


def test_tokens_of_the_command_let_write_and_never_show(
    make_settings: Callable[..., Settings], cli: Cli, tmp_path: Path
) -> None:
    tokens, log = tmp_path / "tokens", tmp_path / "log"
    made = cli("token", "bidex")
    token = made.stderr.split()[1]
    tokens.write_text(made.stdout)
    body = json.dumps(example("events", EXECUTED)).encode()
    structured = ("--data-binary", "@-", "-H", "Content-Type: application/cloudevents+json")
    with log.open("wb") as errors, ingesting_worker(make_settings, stderr=errors, ingest_tokens_file=tokens) as worker:
        url = f"{worker.url}/api/v1/events"
        assert curl(*structured, url, stdin=body)[0] == 401
        assert curl(*structured, "-H", f"Authorization: Bearer {token}", url, stdin=body)[0] == 200
        other = make_token()
        status, answer = curl(*structured, "-H", f"Authorization: Bearer {other}", url, stdin=body)
        assert status == 401
        assert other not in json.dumps(answer)
        with tokens.open("a") as lines:
            lines.write(token_line("bidex", other) + "\n")
        assert curl(*structured, "-H", f"Authorization: Bearer {other}", url, stdin=body)[0] == 200
    said = log.read_text()
    assert token not in said
    assert other not in said


def test_the_command_refuses_a_name_that_is_none(cli: Cli) -> None:
    done = cli("token", "bi dex")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'bi dex' is no name" in done.stderr


def test_a_tokens_file_that_is_wrong_stops_the_worker_with_one_line(cli: Cli, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("bidex secret\n")
    done = cli("worker", "--port", "0", env={"CITYPULSE_INGEST_TOKENS_FILE": str(tokens)})
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("citypulse: CITYPULSE_INGEST_TOKENS_FILE: line 1 of ")
    assert "secret" not in line
