"""The dashboards as files: fresh, loadable by the Grafana that docker-compose.yml pins, and found by it."""

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from jsonschema import Draft7Validator

from grafana.__main__ import FOLDER, main, rendered, stale
from grafana.boards import BOARDS
from grafana.dashboard import RUNBOOKS
from grafana.lint import content_panels
from grafana.names import AREAS, ASSET_TYPES
from grafana.panels import GRAFANA_VERSION
from schemas.areas import SPANS
from schemas.infrastructure import AssetType

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
PROVISIONING = ROOT / "grafana" / "provisioning"
DATASOURCES = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())
PROVIDERS = yaml.safe_load((PROVISIONING / "dashboards" / "citypulse.yml").read_text())


def _mounts() -> dict[str, str]:
    """Path in Grafana's container -> path here."""
    pairs = (volume.split(":") for volume in COMPOSE["grafana"]["volumes"])
    return {there: here for here, there, *_ in pairs}


def test_committed_files_are_fresh() -> None:
    assert stale() == []
    assert main(["--check"]) == 0


def test_a_stale_file_and_one_too_many_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grafana.__main__.FOLDER", tmp_path)
    assert {path.name for path in stale()} == {f"{name}.json" for name in BOARDS}
    (tmp_path / "old.json").write_text("{}")
    assert main([]) == 0
    assert stale() == []
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in rendered()}
    (tmp_path / "city.json").write_text("{}")
    assert main(["--check"]) == 1
    assert (tmp_path / "city.json").read_text() == "{}"


def test_uids_and_titles_are_unique() -> None:
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)
    assert len({board["title"] for board in BOARDS.values()}) == len(BOARDS)
    assert {board["uid"] for board in BOARDS.values()} == {f"citypulse-{name}" for name in BOARDS}


@pytest.mark.parametrize("name", BOARDS)
def test_every_dashboard_shows_completeness_and_freshness_first(name: str) -> None:
    first = [panel["title"] for panel in content_panels(BOARDS[name])[:4]]
    assert first == ["Completeness", "Events behind", "Newest transaction", "Newest infrastructure event"]


def test_the_version_is_the_one_that_compose_pins() -> None:
    assert COMPOSE["grafana"]["image"] == f"grafana/grafana:{GRAFANA_VERSION}"


def test_compose_gives_grafana_what_provisioning_names() -> None:
    mounts = _mounts()
    [provider] = PROVIDERS["providers"]
    path = provider["options"]["path"]
    assert (ROOT / mounts[path]).resolve() == FOLDER.resolve()
    assert (ROOT / mounts["/etc/grafana/provisioning"]).resolve() == PROVISIONING
    home = COMPOSE["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith(f"{path}/")
    assert (FOLDER / Path(home).name).is_file()
    assert (provider["allowUiUpdates"], provider["disableDeletion"]) == (False, True)


def test_the_data_source_is_the_prometheus_of_compose() -> None:
    [source] = DATASOURCES["datasources"]
    host, port = re.fullmatch(r"http://(\w+):(\d+)", source["url"]).groups()
    assert any(mapping.endswith(f":{port}") for mapping in COMPOSE[host]["ports"])
    config = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]
    assert source["editable"] is False


def test_runbooks_are_served_by_grafana_itself() -> None:
    public = "/usr/share/grafana/public"
    folder = RUNBOOKS.removeprefix("/public").rsplit("/", 1)
    assert (ROOT / _mounts()[public + folder[0]]).resolve() == ROOT / "docs"
    assert folder[1] == "runbooks"


def test_names_are_of_areas_and_assets_that_exist() -> None:
    assert set(AREAS) <= set(SPANS)
    assert set(ASSET_TYPES) == set(get_args(AssetType))


def test_synthetic_data_is_not_presented_as_published() -> None:
    texts = [panel["description"] for panel in content_panels(BOARDS["city"]) if "by exchange" in panel["title"]]
    assert any("Synthetic" in text for text in texts)


# What the pinned Grafana loads: the types that it publishes in @grafana/schema of the same version, as JSON Schema; see
# schema/make.py. What those types leave open (queries of data sources, names of transformations) is listed here, as
# https://github.com/grafana/grafana-foundation-sdk has it in jsonschema/ of the releases around 12.1.0.
SCHEMA = json.loads((Path(__file__).parent / "schema" / "grafana.json").read_text())
FIELD = set(
    SCHEMA["dashboard"]["properties"]["panels"]["items"]["anyOf"][0]["properties"]["fieldConfig"]["properties"][
        "defaults"
    ]["properties"]
)
QUERY = {"refId", "datasource", "editorMode", "expr", "legendFormat", "range", "instant", "format"}
TRANSFORMATIONS = {"merge", "filterFieldsByName", "organize", "groupingToMatrix"}
SCHEMA_VERSION_OF_12_1 = 41


def _committed(name: str) -> dict[str, Any]:
    board: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return board


def _problems(schema: dict[str, Any], value: object) -> list[str]:
    """What a value has against a schema, one line each, with the place."""
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(value)]


def test_the_schema_is_that_of_the_pinned_version() -> None:
    assert SCHEMA["made of"] == f"@grafana/schema@{GRAFANA_VERSION}"


@pytest.mark.parametrize("name", BOARDS)
def test_dashboard_fits_the_schema_of_the_pinned_grafana(name: str) -> None:
    board = _committed(name)
    assert _problems(SCHEMA["dashboard"], board) == []
    assert board["schemaVersion"] == SCHEMA_VERSION_OF_12_1


@pytest.mark.parametrize("name", BOARDS)
def test_panels_fit_the_schema_of_the_pinned_grafana(name: str) -> None:
    for panel in content_panels(_committed(name)):
        kind, custom = panel["type"], SCHEMA["custom"]["properties"]
        assert _problems(SCHEMA["options"]["properties"][kind], panel["options"]) == []
        own = panel["fieldConfig"]["defaults"].get("custom", {})
        assert _problems(custom[kind], own) == [] if kind in custom else own == {}
        for changed in panel["fieldConfig"]["overrides"]:
            assert changed["matcher"]["id"] in {"byName", "byRegexp"}
            for each in changed["properties"]:
                field, _, of = each["id"].partition(".")
                known = custom[kind]["properties"] if field == "custom" else FIELD
                assert (of or field) in known
                if of:
                    assert _problems(custom[kind]["properties"][of], each["value"]) == []
        assert {each["id"] for each in panel.get("transformations", ())} <= TRANSFORMATIONS
        assert all(set(target) == QUERY for target in panel["targets"])


@pytest.mark.parametrize(
    ("path", "value"),
    [("panels.3.fieldConfig.defaults.unitt", "s"), ("panels.3.gridPos.w", "wide"), ("templating.lists", []),
     ("graphTooltip", 7)],
)  # fmt: skip
def test_the_schema_refuses_what_grafana_does_not_know(path: str, value: object) -> None:
    board = _committed("city")
    *way, last = path.split(".")
    place: Any = board
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    assert _problems(SCHEMA["dashboard"], board) != []
