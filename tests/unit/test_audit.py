"""What ``make audit`` makes of what a package index says."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from tests import audit as audits
from tests.audit import KNOWN, AuditError, audit, locked

LOCK = "aiohttp==3.14.5\nnumpy==2.4.6 ; python_full_version < '3.12'\nnumpy==2.5.5 ; python_full_version >= '3.12'\n"
ADVISORY = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fixed_in": ["3.14.6"], "summary": "a\nrequest", "withdrawn": None}


def project(newest: str, *advisories: Mapping[str, Any], yanked: bool = False) -> dict[str, Any]:
    release = [{"yanked": yanked, "yanked_reason": "broken" if yanked else None}]
    return {"info": {"version": newest}, "vulnerabilities": list(advisories), "releases": {newest: release}}


CLEAN: dict[str, Any] = {
    KNOWN: project("2.6.1", ADVISORY),
    "aiohttp": project("3.14.5"),
    "numpy": project("2.5.5"),
}


def of(**changed: Any) -> Any:
    index = copy.deepcopy(CLEAN) | changed
    return index.__getitem__


def test_every_version_of_a_lock_file_is_looked_at() -> None:
    assert locked(LOCK) == [("aiohttp", "3.14.5"), ("numpy", "2.4.6"), ("numpy", "2.5.5")]


def test_nothing_known() -> None:
    found = audit(locked(LOCK), of())
    assert (found.findings, found.untold) == ([], ["numpy 2.4.6 (newest: 2.5.5)"])


def test_an_advisory_is_found_unless_it_is_accepted_or_was_withdrawn() -> None:
    ask = of(aiohttp=project("3.14.5", ADVISORY))
    assert audit(locked(LOCK), ask).findings == ["aiohttp 3.14.5: PYSEC-1, mended in 3.14.6: a request"]
    for name in ("PYSEC-1", "CVE-1"):
        accepted = audit(locked(LOCK), ask, {name: "we take no requests"})
        assert (accepted.findings, accepted.accepted) == ([], {name})
    withdrawn = of(aiohttp=project("3.14.5", ADVISORY | {"withdrawn": "2026-01-01"}))
    assert audit(locked(LOCK), withdrawn).findings == []


def test_a_version_that_was_taken_back_is_found() -> None:
    assert audit(locked(LOCK), of(aiohttp=project("3.14.5", yanked=True))).findings == [
        "aiohttp 3.14.5 was taken back: broken"
    ]


def test_what_is_behind_its_newest_version_is_named() -> None:
    packages = [("aiohttp", "3.14.5"), ("numpy", "2.5.5")]
    assert audit(packages, of(aiohttp=project("3.15.0"))).untold == ["aiohttp 3.14.5 (newest: 3.15.0)"]


def test_an_audit_that_says_too_little_fails() -> None:
    with pytest.raises(AuditError, match="make lock"):
        audit(locked(LOCK), of(aiohttp=project("3.15.0")))


def test_an_index_that_tells_of_no_advisories_at_all_fails() -> None:
    with pytest.raises(AuditError, match=f"no advisory against {KNOWN}"):
        audit(locked(LOCK), of(**{KNOWN: project("2.6.1")}))


def test_an_index_that_is_not_there_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    assert audits.main() == 2
    assert f"the package index does not tell of {KNOWN}: " in capsys.readouterr().err


def test_findings_are_the_exit_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(LOCK)
    monkeypatch.setattr(audits, "LOCK", lock)
    assert audits.main(of()) == 0
    assert audits.main(of(aiohttp=project("3.14.5", ADVISORY))) == 1
