"""The house around the code: its files say the same thing, and nothing that belongs to one machine."""

import json
import os
import re
import tomllib
from argparse import ArgumentParser
from fnmatch import fnmatch
from pathlib import Path
from typing import get_args

import pytest
import yaml

from schemas.events import Reason
from schemas.metrics import METRICS
from schemas.topics import SPECS, TOPIC_OF
from streams.cli.parser import build_parser
from streams.settings import Settings
from tests.http_fuzz import DOCUMENT, ENDLESS

ROOT = Path(__file__).resolve().parent.parent.parent
MAKEFILE = (ROOT / "Makefile").read_text()
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {
    "requirements.lock": PROJECT["project"]["dependencies"],
    "tests/requirements.lock": [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]],
    "benchmarks/requirements.lock": PROJECT["dependency-groups"]["peers"],
    "tests/deploy/requirements.lock": PROJECT["dependency-groups"]["deploy"],
}
DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

MODULE_LINES = 300
REGISTRIES = ("pypi" + ".org", "pythonhosted" + ".org", "repo" + ".maven", "repo1" + ".maven", "npmjs" + ".org")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:root|home|work|Users)/\w")


def _files(root: Path = ROOT) -> list[Path]:
    """Every file that belongs to the project: what .gitignore does not name. Also where there is no git."""
    lines = [line for line in (ROOT / ".gitignore").read_text().splitlines() if line and not line.startswith("#")]
    ignored = [".git", *(line.rstrip("/") for line in lines)]

    def kept(name: str) -> bool:
        return not any(fnmatch(name, pattern) for pattern in ignored)

    files = []
    for folder, folders, names in os.walk(root):
        folders[:] = filter(kept, folders)
        files += [Path(folder, name) for name in names if kept(name)]
    return files


def _texts(root: Path = ROOT) -> list[tuple[str, str]]:
    texts = []
    for path in _files(root):
        try:
            texts.append((str(path.relative_to(root)), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return texts


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_files_are_found() -> None:
    assert ROOT / "pyproject.toml" in _files()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_commands_of_a_document_exist(document: Path) -> None:
    commands = re.findall(r"(?:^|`)make ([a-z-]+)", document.read_text(), re.MULTILINE)
    assert set(commands) <= _targets()


def test_readme_shows_the_two_commands_on_its_first_screen() -> None:
    first = "\n".join(README.splitlines()[:50])
    assert re.search(r"^make demo\b", first, re.MULTILINE)
    assert re.search(r"^make test\b", first, re.MULTILINE)


def test_contract_names_every_topic_type_and_metric() -> None:
    contract = (ROOT / "docs" / "contract.md").read_text()
    assert set(re.findall(r"^\| `(citypulse\.[a-z-]+\.v1)` \|", contract, re.MULTILINE)) == set(SPECS)
    assert set(re.findall(r"`(citypulse\.[a-z]+\.[a-z]+\.v1)`", contract)) == set(TOPIC_OF)
    rows = re.findall(r"^\| `(citypulse_\w+)` \| (\w+)[^|]*\| ([\w, ]*?) ?\|$", contract, re.MULTILINE)
    documented = {name: (kind, tuple(labels.split(", ")) if labels else ()) for name, kind, labels in rows}
    assert documented == {name: (metric.type, metric.labels) for name, metric in METRICS.items()}


def test_contract_says_what_every_outcome_and_reason_means() -> None:
    contract = (ROOT / "docs" / "contract.md").read_text()
    reasons = contract.partition("### Reasons of a rejection")[2].partition("\n#")[0]
    assert set(re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", reasons, re.MULTILINE)) == set(get_args(Reason))
    outcomes = contract.partition("### Outcomes")[2].partition("\n#")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", outcomes, re.MULTILINE)) == {"applied", "late", "duplicate", "rejected"}


def test_documented_commands_are_those_of_the_command_line() -> None:
    commands = _choices(build_parser())
    contract = (ROOT / "docs" / "contract.md").read_text()
    assert set(re.findall(r"^\| `citypulse ([a-z-]+)", contract, re.MULTILINE)) == set(commands)
    for path in (ROOT / "Makefile", *DOCUMENTS):
        used = re.findall(r"(?:bin/|BIN\)/|`)citypulse ([a-z-]+)", path.read_text())
        assert set(used) <= set(commands), path


def _choices(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    return {name: each for action in parser._actions if isinstance(action.choices, dict)
            for name, each in action.choices.items()}  # fmt: skip


def _speaks_json(parser: ArgumentParser) -> bool:
    return "--json" in parser.format_help() or any(map(_speaks_json, _choices(parser).values()))


def test_the_contract_names_the_commands_that_speak_to_programs() -> None:
    """``--json``, in the row of each command that has it."""
    rows = [row for row in (ROOT / "docs" / "contract.md").read_text().splitlines() if row.startswith("| `citypulse ")]
    told = {row.split()[2].strip("`") for row in rows if "--json" in row}
    assert told == {name for name, parser in _choices(build_parser()).items() if _speaks_json(parser)}


def test_the_fuzz_run_covers_every_operation() -> None:
    """But the one without end, as docs/contract.md says."""
    paths = json.loads((ROOT / "schemas" / "json" / "openapi.json").read_text())["paths"]
    operations = sum(map(len, paths.values()))
    assert set(paths[ENDLESS]) == {"get"}
    assert f"| operations | {operations - 1} of {operations}; `{ENDLESS}` has no end |" in DOCUMENT.read_text()


def test_named_settings_exist() -> None:
    known = {f"CITYPULSE_{name.upper()}" for name in Settings.model_fields} | {"CITYPULSE_TEST_KAFKA"}
    deployed = [*ROOT.glob("deploy/compose/*"), *ROOT.glob("deploy/kubernetes/**/*.yaml"), ROOT / "deploy/Dockerfile"]
    for path in (ROOT / "Makefile", ROOT / "docker-compose.yml", *filter(Path.is_file, deployed), *DOCUMENTS):
        named = set(re.findall(r"CITYPULSE_[A-Z_]*[A-Z]", path.read_text()))
        assert named <= known, path


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {link}"
        for path in (ROOT / "CHANGELOG.md", *DOCUMENTS)
        for link in re.findall(r"\]\(([^)#\s]+)", path.read_text())
        if "://" not in link and not (path.parent / link).exists()
    ]
    assert broken == []


def test_every_target_has_a_description_and_is_phony() -> None:
    described = set(re.findall(r"^([a-z-]+):.*## \S", MAKEFILE, re.MULTILINE))
    phony = set(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split())
    assert described == phony == _targets()


def test_scripts_and_folders_of_the_makefile_exist() -> None:
    named = set(re.findall(r"\b(?:tests|benchmarks)/[\w./]+", MAKEFILE))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_ci_runs_the_documented_commands() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert re.findall(r"^make (\S+)$", script, re.MULTILINE) == ["test", "test-all", "audit"]


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = [
        f"{name}: {match}"
        for name, text in _texts()
        for match in [*(host for host in REGISTRIES if host in text), *MACHINE_PATHS.findall(text)]
    ]
    assert found == []


def test_modules_are_short() -> None:
    long = [
        f"{name}: {text.count(chr(10))} lines"
        for name, text in _texts()
        if name.endswith(".py") and not name.startswith("tests/") and text.count("\n") > MODULE_LINES
    ]
    assert long == []


def _locked(name: str) -> list[str]:
    return (ROOT / name).read_text().splitlines()


@pytest.mark.parametrize("name", LOCKS)
def test_lock_file_holds_versions_only(name: str) -> None:
    wrong = [line for line in _locked(name) if not re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; [^:@]+)?", line)]
    assert wrong == []


@pytest.mark.parametrize(("name", "wanted"), LOCKS.items())
def test_lock_file_has_every_requirement(name: str, wanted: list[str]) -> None:
    names = {_canonical(re.split(r"[<>=!~\[; ]", requirement)[0]) for requirement in wanted}
    locked = {_canonical(line.partition("==")[0]) for line in _locked(name)}
    assert names - locked == set()


def test_tests_run_on_the_versions_that_users_get() -> None:
    assert set(_locked("requirements.lock")) <= set(_locked("tests/requirements.lock"))


def test_changelog_has_this_version_and_a_place_for_the_next() -> None:
    headings = re.findall(r"^## \[([^]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", PROJECT["project"]["version"]]


def test_compose_file_refers_to_what_it_defines() -> None:
    services = COMPOSE["services"]
    assert {"kafka", "topics", "worker-1", "worker-2", "prometheus", "grafana"} <= set(services)
    for service in services.values():
        assert set(service.get("depends_on", ())) <= set(services)
        sources = [volume.partition(":")[0] for volume in service.get("volumes", ())]
        for source in sources:
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    builders = [name for name, service in services.items() if "build" in service]
    assert builders == ["topics"], "two that build one tag get into each other's way"
    assert (ROOT / services["topics"]["build"]["dockerfile"]).is_file()


def test_compose_prometheus_scrapes_the_workers() -> None:
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    targets = config["scrape_configs"][0]["static_configs"][0]["targets"]
    workers = sorted(name for name in COMPOSE["services"] if name.startswith("worker"))
    assert targets == [f"{name}:6066" for name in workers]


def test_dockerfile_copies_what_exists() -> None:
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    lines = re.findall(r"^COPY (?!--from)(.*)$", dockerfile, re.MULTILINE)
    copied = [name for line in lines for name in line.split()[:-1]]
    assert {"pyproject.toml", "requirements.lock", "streams", "schemas", "grafana"} <= set(copied)
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_capacity_rests_on_what_was_measured() -> None:
    capacity, benchmarks = ((ROOT / "docs" / name).read_text() for name in ("deploy.md", "benchmarks.md"))
    for figure in re.findall(r"\| ([\d,]+|\d+ MiB) \| measured, (?:\[Benchmarks|the same run)", capacity):
        assert figure in benchmarks, figure
    horizon, budget = Settings().dedupe_horizon, Settings().series_budget
    assert f"a full horizon ({horizon:,})" in capacity
    assert f"`CITYPULSE_SERIES_BUDGET`, {budget:,} a partition" in capacity


def test_licence_is_the_one_that_the_project_states() -> None:
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text()
