"""Our own check of dashboards: each rule, and what breaks it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from grafana.boards import BOARDS
from grafana.lint import lint

Json = dict[str, Any]


def _variable(board: Json, name: str) -> Json:
    return next(variable for variable in board["templating"]["list"] if variable["name"] == name)


def _without(board: Json, name: str) -> None:
    board["templating"]["list"].remove(_variable(board, name))


def _target(board: Json) -> Json:
    target: Json = board["panels"][1]["targets"][0]
    return target


BREAK: dict[str, tuple[Callable[[Json], object], str]] = {
    "editable": (lambda board: board.update(editable=True), "can be edited"),
    "uid": (lambda board: board.update(uid="Xy-12"), "has no stable uid"),
    "tags": (lambda board: board.update(tags=[]), "has no tag or no description"),
    "links": (lambda board: board["links"].pop(), "does not link to the other dashboards and to the runbooks"),
    "data source": (
        lambda board: _variable(board, "datasource").update(query="loki"),
        "has no variable for the data source",
    ),
    "job": (lambda board: _variable(board, "job").update(multi=False), "has no variable job of many values"),
    "instance": (
        lambda board: _variable(board, "instance").update(allValue=""),
        "has no variable instance of many values",
    ),
    "label of a variable": (
        lambda board: _variable(board, "topic").update(label=""),
        "variable topic has no label or no description",
    ),
    "refresh": (
        lambda board: _variable(board, "topic").update(refresh=1),
        "variable topic is not read anew from the chosen data source",
    ),
    "variable's query": (
        lambda board: _variable(board, "topic").update(query="label_values(citypulse_complete, topic)"),
        "variable topic asks for what no metric has: label_values(citypulse_complete, topic)",
    ),
    "undefined variable": (lambda board: _without(board, "topic"), "variable topic is not defined"),
    "unused variable": (
        lambda board: board["templating"]["list"].append(_variable(BOARDS["exchange"], "window")),
        "variable window is not used",
    ),
    "overlap": (lambda board: board["panels"][2]["gridPos"].update(x=3), "Events behind overlaps Completeness"),
    "grid": (lambda board: board["panels"][6]["gridPos"].update(x=21), "Thresholds breached reaches beyond the grid"),
    "id": (lambda board: board["panels"][2].update(id=1), "has panels with the same id"),
    "title": (lambda board: board["panels"][1].update(title=""), ": has no title or no description"),
    "description": (
        lambda board: board["panels"][1].update(description=""),
        "Completeness: has no title or no description",
    ),
    "panel's data source": (
        lambda board: board["panels"][1].update(datasource={"uid": "abc"}),
        "Completeness: does not read the chosen data source",
    ),
    "no query": (lambda board: board["panels"][1].update(targets=[]), "Completeness: has no query"),
    "unit": (
        lambda board: board["panels"][1]["fieldConfig"]["defaults"].pop("unit"),
        "Completeness: has no unit or an unknown one: None",
    ),
    "no value": (
        lambda board: board["panels"][1]["fieldConfig"]["defaults"].pop("noValue"),
        "Completeness: does not say what no number means",
    ),
    "query": (
        lambda board: _target(board).update(expr="citypulse_complete{}"),
        "Completeness: citypulse_complete is not limited to the chosen job",
    ),
}


@pytest.mark.parametrize("rule", BREAK)
def test_a_broken_rule_is_told(rule: str) -> None:
    board = copy.deepcopy(BOARDS["pipeline"])
    spoil, problem = BREAK[rule]
    spoil(board)
    assert f"Pipeline: {problem}" in lint(board)


@pytest.mark.parametrize("name", BOARDS)
def test_every_dashboard_keeps_the_rules(name: str) -> None:
    assert lint(BOARDS[name]) == []
