"""The page's files, as they are served."""

import re
import tomllib
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import get_args

import pytest
from aiohttp import ClientSession
from yarl import URL

from schemas.events import Reason
from schemas.thresholds import read_thresholds
from streams.aggregate.views import Snapshot
from streams.exposition.api import create_app
from streams.exposition.ingest import Ingestion
from streams.exposition.page import PAGE_POLICY, bundle
from streams.exposition.pipeline import PipelineMetrics
from streams.exposition.runbooks import link, pages
from streams.exposition.server import HttpServer
from streams.shipped import RUNBOOKS, THRESHOLDS, shipped
from tests.lookups import no_lookups

ROOT = Path(__file__).resolve().parents[3]
BUNDLE = bundle()
OURS = [path for path in BUNDLE if "uPlot" not in path]
NAMESPACE = "http://www.w3.org/2000/svg"
BUNDLE_BYTES = 160_000


@pytest.fixture
async def base(
    snapshot: Snapshot, pipeline: PipelineMetrics, info: dict[str, str], ingestion: Ingestion
) -> AsyncIterator[str]:
    app = create_app(
        snapshot=lambda: snapshot,
        pipeline=pipeline,
        thresholds=lambda _: (),
        info=info,
        ingestion=ingestion,
        lookups=no_lookups(pipeline),
    )
    server = HttpServer(app)
    yield f"http://127.0.0.1:{await server.start('127.0.0.1', 0)}"
    await server.stop()


@pytest.mark.parametrize("path", BUNDLE)
async def test_each_file_is_served_with_its_type_and_the_policy(base: str, path: str) -> None:
    async with ClientSession() as session, session.get(base + path) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == BUNDLE[path].content_type
        assert response.headers["Content-Security-Policy"] == PAGE_POLICY
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert await response.read() == BUNDLE[path].body


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    directives = dict(directive.split(" ", 1) for directive in PAGE_POLICY.split("; "))
    assert directives["default-src"] == "'none'"
    assert set(directives.values()) == {"'none'", "'self'"}


def test_every_file_of_the_folder_is_served() -> None:
    names = {file.name for file in files("streams.exposition").joinpath("static").iterdir()}
    assert {path.rsplit("/", 1)[1] or "index.html" for path in BUNDLE} == names


@pytest.mark.parametrize("path", OURS)
def test_no_file_names_an_address_outside(path: str) -> None:
    assert "//" not in re.sub(r"(^|\s)//.*", "", BUNDLE[path].body.decode().replace(NAMESPACE, ""), flags=re.MULTILINE)


def test_the_document_has_nothing_inline() -> None:
    document = BUNDLE["/"].body.decode()
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", document) == []
    assert re.findall(r"<script(?![^>]* src=)", document) == []


def test_what_the_files_refer_to_is_there() -> None:
    document = BUNDLE["/"].body.decode()
    named = {f"/{path}" for path in re.findall(r'(?:href|src)="(static/[^"]+)"', document)}
    for path in OURS:
        named |= {f"/static/{name}" for name in re.findall(r'from "\./([^"]+)"', BUNDLE[path].body.decode())}
    assert named == BUNDLE.keys() - {"/"}


def test_both_languages_have_the_same_words() -> None:
    words = BUNDLE["/static/words.js"].body.decode()
    english, chinese = words[words.index("en: {") :].split("\n  zh: {")
    key = re.compile(r'(?:^ +|, )"?([\w.? -]+?)"?: ["\[]', re.MULTILINE)
    keys = [set(key.findall(part.split("\n  },")[0])) for part in (english, chinese)]
    assert len(keys[0]) > 100
    assert keys[0] ^ keys[1] == set()


def test_every_word_of_the_document_is_in_both_languages() -> None:
    words = BUNDLE["/static/words.js"].body.decode()
    named = set(re.findall(r'data-[tl]="([\w-]+)"', BUNDLE["/"].body.decode()))
    missing = [name for name in named if len(re.findall(rf'(?<![\w-])"?{re.escape(name)}"?: "', words)) != 2]
    assert missing == []


def test_every_reason_of_a_dead_letter_has_words_in_both_languages() -> None:
    words = BUNDLE["/static/words.js"].body.decode()
    assert [reason for reason in get_args(Reason) if words.count(f'"why-{reason}": "') != 2] == []


def test_the_bundle_stays_small() -> None:
    assert sum(len(asset.body) for asset in BUNDLE.values()) < BUNDLE_BYTES


def test_every_runbook_is_packed_and_is_a_page() -> None:
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, place in packed["force-include"].items():
        assert (ROOT / source).exists()
        assert place == f"streams/_shipped/{source}"
    assert {RUNBOOKS, THRESHOLDS} == set(packed["force-include"])
    assert {path.name for path in (ROOT / RUNBOOKS).iterdir()} == set(pages())


def test_what_is_packed_is_preferred_to_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.shipped._PACKAGE", tmp_path / "streams")
    assert shipped(RUNBOOKS) == tmp_path / RUNBOOKS
    (tmp_path / "streams" / "_shipped" / RUNBOOKS).mkdir(parents=True)
    assert shipped(RUNBOOKS) == tmp_path / "streams" / "_shipped" / RUNBOOKS


@pytest.mark.parametrize("name", pages())
async def test_a_runbook_is_served_as_a_page(base: str, name: str) -> None:
    async with ClientSession() as session, session.get(f"{base}/runbooks/{name}") as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        assert response.headers["Content-Security-Policy"] == PAGE_POLICY
        text = await response.text()
    assert f"<h1>{name.removesuffix('.md')}</h1>" in text
    assert "<h2>How to mend</h2>" in text
    assert re.findall(r"^#|```|\*\*|\]\(", text, re.MULTILINE) == []
    assert {f"/{path}" for path in re.findall(r'href="\.\./(static/[^"]+)"', text)} <= BUNDLE.keys()


@pytest.mark.parametrize(
    ("runbook", "address"),
    [
        ("https://wiki.example/pue", "https://wiki.example/pue"),
        ("CityPulsePueHigh.md", "runbooks/CityPulsePueHigh.md"),
        ("of-our-own.md", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_where_a_runbook_is(runbook: str, address: str) -> None:
    assert link(runbook) == address


def test_each_shipped_threshold_leads_to_a_runbook() -> None:
    thresholds = read_thresholds(ROOT / THRESHOLDS)
    assert [each.name for each in thresholds if link(each.runbook_page) != f"runbooks/{each.name}.md"] == []


def test_each_shipped_threshold_has_its_summary_in_both_languages() -> None:
    thresholds = read_thresholds(ROOT / THRESHOLDS)
    assert [each.name for each in thresholds if re.search("[\u4e00-\u9fff]", each.summary)] == []
    assert [each.name for each in thresholds if not re.search("[\u4e00-\u9fff]", each.summary_zh)] == []


@pytest.mark.parametrize(
    "path", ["/../app.py", "/%2e%2e/app.py", "/static/../../app.py", "/..%2f..%2fsettings.py", "//etc/passwd"]
)
async def test_a_path_leads_to_no_other_file(base: str, path: str) -> None:
    async with ClientSession() as session, session.get(URL(base + path, encoded=True)) as response:
        assert response.status == 404
