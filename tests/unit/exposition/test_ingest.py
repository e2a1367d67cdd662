"""``POST /api/v1/events`` over a real port of the loopback; Kafka is a fake that accepts everything."""

import asyncio
import gzip
import io
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession
from openapi_spec_validator import OpenAPIV31SpecValidator

from schemas.envelope import BATCH, JSON, STRUCTURED
from schemas.events import Rejection
from schemas.topics import TRANSACTIONS
from streams.aggregate.views import Snapshot
from streams.exposition.api import create_app
from streams.exposition.binding import MAX_BATCH
from streams.exposition.ingest import MAX_BODY_BYTES, MOST_AT_ONCE, Ingestion
from streams.exposition.models import Ingested, NotIngested, Problem
from streams.exposition.openapi import openapi
from streams.exposition.pipeline import PipelineMetrics
from streams.exposition.server import HttpServer
from streams.exposition.tokens import Tokens, make_token, token_line
from streams.exposition.verdicts import Accepted, Failed
from tests.lookups import no_lookups
from tests.unit.exposition.conftest import FakeKafka

PATH = "/api/v1/events"
REJECTION = Rejection("invalid_field", "data.amount", "data.amount is the number 1: expected a string.")
BINARY = {
    "Content-Type": JSON,
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/test",
    "ce-type": "citypulse.transaction.executed.v1",
    "ce-time": "2023-11-24T09:30:00Z",
}

Post = Callable[..., Awaitable[ClientResponse]]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def serve(snapshot: Snapshot, info: dict[str, str], kafka: FakeKafka, pipeline: PipelineMetrics) -> Any:
    @asynccontextmanager
    async def serve(tokens: Tokens | None = None, **options: Any) -> AsyncIterator[Post]:
        settings = {"loopback": True, "rate": 100_000, "pipeline": pipeline, "clock": lambda: 0.0, **options}
        app = create_app(
            snapshot=lambda: snapshot,
            pipeline=pipeline,
            thresholds=lambda _: (),
            info=info,
            ingestion=Ingestion(settings.pop("publish", kafka), tokens, **settings),
            lookups=no_lookups(pipeline),
        )
        server = HttpServer(app)
        base = f"http://127.0.0.1:{await server.start('127.0.0.1', 0)}"

        async def post(body: Any, headers: Any = None, path: str = PATH) -> ClientResponse:
            given = headers if isinstance(headers, list) else {"Content-Type": STRUCTURED, **(headers or {})}
            response = await session.post(base + path, data=body, headers=given)
            await response.read()
            return response

        async with ClientSession(skip_auto_headers={"Content-Type"}) as session:
            yield post
        await server.stop()

    return serve


@pytest.fixture
async def post(serve: Any) -> AsyncIterator[Post]:
    async with serve() as post:
        yield post


async def problem(response: ClientResponse) -> Problem:
    assert response.content_type == "application/problem+json"
    found = Problem.model_validate(
        {name: value for name, value in (await response.json()).items() if name in Problem.model_fields}
    )
    assert found.status == response.status
    return found


async def test_structured(post: Post, kafka: FakeKafka) -> None:
    response = await post(b'{"any": "bytes"}')
    assert response.status == 200
    answer = Ingested.model_validate(await response.json())
    assert (answer.accepted, answer.rejected, answer.failed) == (1, 0, 0)
    assert answer.events[0].model_dump() == {
        "verdict": "accepted", "topic": TRANSACTIONS, "partition": 0, "offset": 0,
    }  # fmt: skip
    assert [event.value for event in kafka.taken] == [b'{"any": "bytes"}']
    assert dict(kafka.taken[0].headers)["content-type"].startswith(STRUCTURED.encode())


async def test_binary(post: Post, kafka: FakeKafka) -> None:
    response = await post(
        b"{}", {**BINARY, "CE-Subject": "%E5%8C%97%E4%BA%AC", "ce-id": '"a \\"b\\" %25"', "X-Else": "1"}
    )
    assert response.status == 200
    assert dict(kafka.taken[0].headers) == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_id": b'a "b" %',
        "ce_source": b"/test",
        "ce_type": b"citypulse.transaction.executed.v1",
        "ce_time": b"2023-11-24T09:30:00Z",
        "ce_subject": "北京".encode(),
    }
    assert kafka.taken[0].value == b"{}"


async def test_batch(post: Post, kafka: FakeKafka) -> None:
    kafka.verdicts = [Accepted(TRANSACTIONS, 0, 7), REJECTION, Accepted(TRANSACTIONS, 1, 3)]
    response = await post(b'[{"a":1}, [2] ,"\xff"]', {"Content-Type": BATCH})
    assert response.status == 207
    answer = Ingested.model_validate(await response.json())
    assert (answer.accepted, answer.rejected) == (2, 1)
    assert [event.verdict for event in answer.events] == ["accepted", "rejected", "accepted"]
    assert answer.events[1].model_dump() == {
        "verdict": "rejected", "reason": REJECTION.reason, "field": REJECTION.field, "message": REJECTION.message,
    }  # fmt: skip
    assert [event.value for event in kafka.taken] == [b'{"a":1}', b"[2]", b'"\xff"']


async def test_an_empty_batch_is_nothing(post: Post) -> None:
    response = await post(b"[]", {"Content-Type": BATCH})
    assert (response.status, (await response.json())["events"]) == (200, [])


@pytest.mark.parametrize("headers", [{"Content-Type": STRUCTURED}, BINARY])
@pytest.mark.parametrize(
    ("verdict", "status"), [(REJECTION, 400), (Rejection("too_large", "", "Too large."), 413), (Failed("away"), 503)]
)
async def test_an_event_that_is_not_written_is_a_problem_with_its_verdict(
    post: Post, kafka: FakeKafka, headers: dict[str, str], verdict: Any, status: int
) -> None:
    kafka.verdicts = [verdict]
    response = await post(b"{}", headers)
    assert response.status == status
    answer = NotIngested.model_validate(await response.json())
    await problem(response)
    assert answer.accepted == 0
    assert (response.headers.get("Retry-After") == "5") is (status == 503)


async def test_a_batch_with_a_failure_is_to_be_sent_again(post: Post, kafka: FakeKafka) -> None:
    kafka.verdicts = [Accepted(TRANSACTIONS, 0, 7), REJECTION, Failed("away")]
    response = await post(b"[1,2,3]", {"Content-Type": BATCH})
    answer = NotIngested.model_validate(await response.json())
    assert (response.status, answer.accepted, answer.rejected, answer.failed) == (503, 1, 1, 1)
    assert "again" in answer.detail


async def test_a_batch_of_bad_events_only(post: Post, kafka: FakeKafka) -> None:
    kafka.verdicts = [REJECTION, Rejection("too_large", "", "Too large.")]
    response = await post(b"[1,2]", {"Content-Type": BATCH})
    assert response.status == 400
    assert (await problem(response)).detail == "None of the 2 events could be taken."


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1", b"[1]x", b"null", b"\xef\xbb\xbf[]", b"[" * 100_000], ids=lambda body: repr(body[:8])
)
async def test_a_batch_that_is_no_array(post: Post, kafka: FakeKafka, body: bytes) -> None:
    response = await post(body, {"Content-Type": BATCH})
    assert response.status == 400
    assert "no JSON array" in (await problem(response)).detail
    assert kafka.taken == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {"Content-Type": ""},
        {"Content-Type": "application/cloudevents+avro"},
        {"Content-Type": f"{STRUCTURED}; charset=utf-16"},
        {**BINARY, "Content-Type": "text/csv"},
        {**BINARY, "Content-Type": "application/cloudevents+avro"},
        {"Content-Encoding": "br"},
        {"Content-Encoding": "gzip, gzip"},
    ],
)
async def test_unsupported_media(post: Post, kafka: FakeKafka, headers: dict[str, str]) -> None:
    response = await post(b"{}", headers)
    assert response.status == 415
    await problem(response)
    assert kafka.taken == []


async def test_a_bomb_is_not_unpacked(post: Post, kafka: FakeKafka) -> None:
    bomb = gzip.compress(b"[" + b" " * (64 << 20) + b"]")
    response = await post(bomb, {"Content-Type": BATCH, "Content-Encoding": "gzip"})
    assert response.status == 415
    assert "Content-Encoding" in (await problem(response)).detail


@pytest.mark.parametrize("content_type", [STRUCTURED, f"{STRUCTURED}; charset=UTF-8", STRUCTURED.upper()])
async def test_content_types_have_no_case(post: Post, content_type: str) -> None:
    assert (await post(b"{}", {"Content-Type": content_type})).status == 200


async def test_an_attribute_that_comes_twice_is_ambiguous(post: Post, kafka: FakeKafka) -> None:
    response = await post(b"{}", [*BINARY.items(), ("ce-id", "2")])
    answer = NotIngested.model_validate(await response.json())
    assert (response.status, answer.events[0].reason, answer.events[0].field) == (400, "not_cloudevent", "id")
    assert kafka.taken == []


async def test_a_header_that_names_no_attribute(post: Post) -> None:
    response = await post(b"{}", {**BINARY, "ce-a_b": "1"})
    assert (await response.json())["events"][0]["reason"] == "not_cloudevent"


async def test_what_is_percent_encoded_stays_a_value(post: Post, kafka: FakeKafka) -> None:
    """Line breaks and zero bytes go into the Kafka header's value, which has a length; the contract then refuses it."""
    await post(b"{}", {**BINARY, "ce-id": "1%0D%0Ace-source:%20/other%00%FF"})
    headers = dict(kafka.taken[0].headers)
    assert headers["ce_id"] == b"1\r\nce-source: /other\x00\xff"
    assert headers["ce_source"] == b"/test"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_large_body(post: Post, kafka: FakeKafka, chunked: bool) -> None:
    async def pieces(size: int) -> AsyncIterator[bytes]:
        for start in range(0, size, 65_536):
            yield b"x" * min(65_536, size - start)

    fits, too_large = MAX_BODY_BYTES, MAX_BODY_BYTES + 1

    def body(size: int) -> Any:
        return pieces(size) if chunked else io.BytesIO(b"x" * size)

    assert (await post(body(fits))).status == 200
    kafka.taken.clear()
    response = await post(body(too_large))
    assert response.status == 413
    assert str(MAX_BODY_BYTES) in (await problem(response)).detail
    assert kafka.taken == []


async def test_a_large_batch(post: Post, kafka: FakeKafka) -> None:
    fits = json.dumps([1] * MAX_BATCH).encode()
    assert (await post(fits, {"Content-Type": BATCH})).status == 200
    kafka.taken.clear()
    response = await post(json.dumps([1] * (MAX_BATCH + 1)).encode(), {"Content-Type": BATCH})
    assert (response.status, kafka.taken) == (413, [])


async def test_parameters_are_not_taken(post: Post) -> None:
    response = await post(b"{}", path=f"{PATH}?access_token=secret")
    assert response.status == 400
    assert "secret" not in await response.text()


async def raw(post_to: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", post_to)
    writer.write(request)
    try:
        return await reader.read()
    finally:
        writer.close()


def request_head(**headers: str) -> bytes:
    given = {"Host": "127.0.0.1", "Content-Type": STRUCTURED, "Connection": "close", **headers}
    return f"POST {PATH} HTTP/1.1\r\n".encode() + b"".join(f"{k}: {v}\r\n".encode() for k, v in given.items()) + b"\r\n"


async def port_of(post: Post) -> int:
    port = (await post(b"{}")).url.port
    assert port is not None
    return port


async def test_a_slow_body_is_given_up(serve: Any, kafka: FakeKafka) -> None:
    async with serve(body_s=0.05) as post:
        port = await port_of(post)
        kafka.taken.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_head(**{"Content-Length": "100"}) + b"{")
        status = await reader.readline()
        writer.close()
    assert b" 408 " in status
    assert kafka.taken == []


async def test_a_broken_body_is_no_error_of_ours(
    post: Post, kafka: FakeKafka, caplog: pytest.LogCaptureFixture
) -> None:
    port = await port_of(post)
    kafka.taken.clear()
    broken = await raw(port, request_head(**{"Transfer-Encoding": "chunked"}) + b"5\r\n{}\r\nzz\r\n")
    assert b" 400 " in broken.splitlines()[0]
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_head(**{"Content-Length": "100"}) + b"{")  # and leaves
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await post(b"{}")).status == 200
    assert caplog.records == []
    assert len(kafka.taken) == 1


async def test_each_verdict_is_counted(post: Post, kafka: FakeKafka, pipeline: PipelineMetrics) -> None:
    kafka.verdicts = [Accepted(TRANSACTIONS, 0, 7), REJECTION, Failed("away"), REJECTION]
    await post(b"[1,2,3,4]", {"Content-Type": BATCH})
    assert pipeline.verdicts == {"accepted": 1, "rejected": 2, "failed": 1}


async def test_too_many_events_are_told_when_to_come_again(serve: Any, kafka: FakeKafka) -> None:
    clock = Clock()
    async with serve(rate=10, clock=clock) as post:
        assert (await post(json.dumps([1] * 30).encode(), {"Content-Type": BATCH})).status == 200
        for _ in range(2):
            response = await post(b"{}")
            assert (response.status, response.headers["Retry-After"]) == (429, "3")  # 20 are owed, and one is wanted
            await problem(response)
        clock.now = 2.2
        assert (await post(b"{}")).status == 200
    assert len(kafka.taken) == 31


async def test_only_so_many_requests_are_held(serve: Any) -> None:
    waiting: list[int] = []
    all_wait, release = asyncio.Event(), asyncio.Event()

    async def publish(events: Any) -> Any:
        waiting.append(len(events))
        if len(waiting) == MOST_AT_ONCE:
            all_wait.set()
        await release.wait()
        return [Accepted(TRANSACTIONS, 0, 0) for _ in events]

    async with serve(publish=publish) as post:
        held = [asyncio.create_task(post(b"{}")) for _ in range(MOST_AT_ONCE)]
        await all_wait.wait()
        response = await post(b"{}")
        assert (response.status, response.headers["Retry-After"]) == (503, "1")
        release.set()
        assert {(await task).status for task in held} == {200}
        assert (await post(b"{}")).status == 200


# -- who may write


class TokensFile:
    """A tokens file, and what it says; each writing is a change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._changes = 0

    def write(self, *lines: str) -> Tokens:
        self._changes += 1
        self.path.write_text("\n".join(lines))
        os.utime(self.path, ns=(self._changes, self._changes))
        return Tokens(self.path)

    def spoil(self, text: str) -> None:
        self.path.write_text(text)

    def remove(self) -> None:
        self.path.unlink()


@pytest.fixture
def tokens_file(tmp_path: Path) -> TokensFile:
    return TokensFile(tmp_path / "tokens")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("loopback", [True, False])
async def test_with_tokens_only_those(serve: Any, kafka: FakeKafka, tokens_file: TokensFile, loopback: bool) -> None:
    token = make_token()
    tokens = tokens_file.write("# who", "", token_line("bidex", token))
    async with serve(tokens, loopback=loopback) as post:
        for headers in (
            {},
            bearer(token[:-1]),
            bearer(""),
            {"Authorization": f"Basic {token}"},
            {"Authorization": token},
            bearer("\N{SNOWMAN}"),
        ):
            response = await post(b"{}", headers)
            assert response.status == 401
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert token[:-1] not in await response.text()
        assert kafka.taken == []
        assert (await post(b"{}", bearer(token))).status == 200
        assert (await post(b"{}", {"Authorization": f"bearer {token}"})).status == 200


async def test_beyond_the_machine_nobody_writes_without_tokens(serve: Any, kafka: FakeKafka) -> None:
    async with serve(loopback=False) as post:
        response = await post(b"{}")
    assert response.status == 403
    assert "no tokens are set" in (await problem(response)).detail
    assert kafka.taken == []


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost", 200), ("127.0.0.1:1", 200), ("[::1]:1", 200), ("rebound.example", 403), ("127.0.0.1.example", 403),
     ("[::1", 403), ("10.0.0.1", 403), ("", 403)],
)  # fmt: skip
async def test_a_page_of_elsewhere_cannot_write(post: Post, host: str, status: int) -> None:
    assert (await post(b"{}", {"Host": host})).status == status


async def test_tokens_change_without_a_restart(
    serve: Any, tokens_file: TokensFile, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = make_token(), make_token()
    async with serve(tokens_file.write(token_line("bidex", old))) as post:

        async def statuses() -> tuple[int, int]:
            return (await post(b"{}", bearer(old))).status, (await post(b"{}", bearer(new))).status

        assert await statuses() == (200, 401)
        tokens_file.write(token_line("bidex", old), token_line("bidex", new))
        assert await statuses() == (200, 200)
        tokens_file.write(token_line("bidex", new))
        assert await statuses() == (401, 200)
        assert caplog.records == []
        tokens_file.spoil(f"bidex {new}\n")  # the token itself, by mistake
        assert await statuses() == (401, 200)
        tokens_file.remove()
        assert await statuses() == (401, 200)
        assert len(caplog.records) == 2
        assert "line 1" in caplog.text
        assert new not in caplog.text
        tokens_file.write("")
        assert await statuses() == (401, 401)


async def test_each_token_has_its_own_rate(serve: Any, tokens_file: TokensFile) -> None:
    one, other = make_token(), make_token()
    async with serve(tokens_file.write(token_line("one", one), token_line("other", other)), rate=1) as post:
        assert [(await post(b"{}", bearer(token))).status for token in (one, one, other)] == [200, 429, 200]


# -- the document


def test_the_document_describes_it() -> None:
    document = openapi("0")
    OpenAPIV31SpecValidator(document).validate()
    operation = document["paths"][PATH]["post"]
    assert set(operation["requestBody"]["content"]) == {STRUCTURED, BATCH, JSON}
    assert set(operation["responses"]) == {"200", "207", "400", "401", "403", "408", "413", "415", "429", "503"}
    assert "get" in document["paths"][PATH]
