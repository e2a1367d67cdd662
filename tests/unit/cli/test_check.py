"""Findings of ``citypulse check`` that need no cluster."""

from pathlib import Path

import pytest

from streams.cli.check import Finding, _rights, _settings, judge_clock
from streams.settings import Settings
from streams.transport.rights import worker_rights

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("ahead_s", "writes", "status", "said"),
    [
        (None, False, "ok", "nothing to compare it with"),
        (-600.0, False, "ok", "nothing to compare it with"),
        (-600.0, True, "warning", "a worker's clock is 600 s behind this machine's"),
        (-1.0, True, "ok", "from 1.0 s ago"),
        (2.0, True, "ok", "from 0.0 s ago"),
        (42.0, True, "warning", "a worker's clock is 42 s ahead of"),
    ],
)
def test_a_clock_is_judged_by_the_newest_checkpoint(
    ahead_s: float | None, writes: bool, status: str, said: str
) -> None:
    newest = None if ahead_s is None else round((NOW + ahead_s) * 1000)
    found = judge_clock(newest, NOW, writes=writes)
    assert found.status == status
    assert said in found.detail


def test_rights_that_are_missing_are_named_with_the_way_to_grant_them() -> None:
    found = _rights(list(worker_rights(Settings())[:1]))
    assert (found.status, _rights([]).status, _rights(None).status) == ("failed", "ok", "warning")
    assert "Read on topic citypulse.transactions.v1" in found.detail
    assert "kafka-acls.sh" in found.advice


def test_a_worker_that_takes_events_over_http_needs_to_write_them(tmp_path: Path) -> None:
    plain, with_http = (worker_rights(Settings(ingest_tokens_file=path)) for path in ("", str(tmp_path)))
    assert {str(right) for right in set(with_http) - set(plain)} == {
        "Write on topic citypulse.transactions.v1",
        "Write on topic citypulse.infrastructure.v1",
        "Write on topic citypulse.indicators.v1",
    }


def test_a_thresholds_file_that_does_not_hold_is_found(tmp_path: Path) -> None:
    assert _settings(Settings()).status == "ok"
    assert _settings(Settings(thresholds_file=str(tmp_path / "none.yaml"))).status == "failed"


def test_a_tokens_file_that_does_not_hold_is_found(tmp_path: Path) -> None:
    found = _settings(Settings(ingest_tokens_file=str(tmp_path / "none")))
    assert found.status == "failed"
    assert "CITYPULSE_INGEST_TOKENS_FILE" in found.detail


def test_a_connection_that_is_less_secure_than_it_looks_is_told() -> None:
    found = _settings(Settings(sasl_username="u", ssl_cafile="ca.pem"))
    assert found.status == "warning"
    assert "as u" not in found.detail
    assert "no use of CITYPULSE_SSL_CAFILE, CITYPULSE_SASL_USERNAME" in found.advice
    assert _settings(Settings(security_protocol="SASL_PLAINTEXT", sasl_username="u")).status == "ok"


def test_a_line_for_people() -> None:
    assert Finding("clock", "warning", "is wrong", "mend it").line() == "warning  clock     is wrong; mend it"
