"""Old topics read anew: a new application beside a live one, and the history of the numbers."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from schemas.topics import TRANSACTIONS
from streams.settings import Settings
from streams.transport.clocks import wall_us
from streams.transport.topic_admin import create_topics
from tests.compare import differences
from tests.conftest import Broker, Cli
from tests.reference.totals import compute
from tests.traffic import mixed
from tests.unit.reference.builders import executed
from tests.workers import WorkerProcess, load_all

END = datetime(2024, 8, 14, 7, 30, 5, tzinfo=UTC)


@pytest.fixture
async def settings(fresh_broker: Broker, make_settings: Callable[..., Settings]) -> Settings:
    settings = make_settings(broker=fresh_broker.bootstrap)
    await create_topics(settings)
    return settings


def test_a_new_application_by_the_event_clock_shows_what_was_then(settings: Settings, cli: Cli) -> None:
    records = list(mixed(31, 6_000, end=END))
    load_all(settings.broker, records)
    replay = f"{settings.app_id}-replay"
    env = {"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": replay}
    with WorkerProcess(settings.broker, app_id=settings.app_id) as live:
        before = live.until_consumed(records)
        created = cli("topics", "create", env=env)
        assert f"{replay}-state" in created.stdout, created.stderr
        with WorkerProcess(settings.broker, "--clock", "event", app_id=replay) as replayed:
            totals = replayed.until_consumed(records)
            reference = compute(records, wall_us=wall_us())
            shown = (replayed.get("/api/v1/infrastructure"), replayed.get("/api/v1/indicators"))
            assert differences(reference, totals, *shown) == []
            assert any(row["rolling"]["24h"] != "0" for row in totals["series"])
            verified = cli("verify", "--clock", "event", "--url", replayed.url, env=env)
            assert verified.returncode == 0, verified.stdout + verified.stderr
        after = live.get("/api/v1/totals")
        assert after["events"] == before["events"], "the live application has not noticed"
        assert after["events"][TRANSACTIONS]["late"] > reference.events[TRANSACTIONS, "late"], (
            "it goes by the wall clock"
        )


@pytest.fixture
def backfill(settings: Settings, cli: Cli) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        env = {"CITYPULSE_BROKER": settings.broker, "CITYPULSE_APP_ID": settings.app_id}
        done = cli("backfill", *arguments, env=env)
        return done.returncode, done.stdout, done.stderr

    return run


def test_backfill_writes_openmetrics(
    settings: Settings, backfill: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    load_all(settings.broker, [executed("1", "2024-06-01T00:30:00Z"), executed("2", "2024-06-01T02:00:00Z", "5.50")])
    code, text, said = backfill("--step", "1h")
    assert code == 0, said
    lines = [line for line in text.splitlines() if line.startswith("citypulse_exchange_amount_gross_total{")]
    assert lines[0].startswith('citypulse_exchange_amount_gross_total{exchange="bidex",product_type="api",')
    assert [line.split()[1:] for line in lines] == [["10.0", "1717203600"], ["15.5", "1717207200"]]
    assert "# TYPE citypulse_exchange_amount_gross counter\n" in text
    assert text.endswith("# EOF\n")
    assert said.endswith("30 samples\n")
    path = tmp_path / "history.om"
    code, nothing, said = backfill(
        *("--step", "30m", "--from", "2024-06-01T01:00:00Z", "--until", "2024-06-01T03:45:00Z", "--output", str(path))
    )
    assert (code, nothing) == (0, "")
    lines = [
        line for line in path.read_text().splitlines() if line.startswith("citypulse_exchange_amount_gross_total{")
    ]
    assert [float(line.split()[1]) for line in lines] == [10, 10, 15.5, 15.5, 15.5, 15.5]
    assert [int(line.split()[2]) for line in lines] == list(range(1717203600, 1717203600 + 6 * 1800, 1800))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--step", "0s"], "expected more than 0"),
        (["--step", "soon"], "no duration"),
        (["--from", "yesterday"], "RFC 3339"),
        ([], "the topics hold no transaction, asset or survey"),
        (
            ["--from", "2024-06-01T01:00:00Z", "--until", "2024-06-01T01:00:00Z", "--output", "no/such/folder"],
            "cannot write no/such/folder",
        ),
    ],
)
def test_backfill_says_what_is_wrong(
    backfill: Callable[..., tuple[int, str, str]], arguments: list[str], said: str
) -> None:
    code, _, error = backfill(*arguments)
    assert code == 2
    assert said in error
