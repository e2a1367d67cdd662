"""A dashboard around its panels: identity, variables, links, and a grid in which nothing overlaps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana import queries
from grafana.panels import (
    AMBER,
    BLUE,
    GREEN,
    RED,
    SCHEMA_VERSION,
    Json,
    mapped,
    stat,
    steps,
)

WIDTH: Final = 24
TAG: Final = "citypulse"
RUNBOOKS: Final = "/public/citypulse/runbooks"
"""Where Grafana itself serves docs/runbooks: docker-compose.yml mounts docs/ among its public files."""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels beside each other, each with its width of 24; ``height`` in grid units of 30 pixels."""

    height: int
    panels: tuple[tuple[int, Json], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the rows below it."""

    title: str
    rows: tuple[Row, ...]


def row(height: int, *panels: Json, widths: Sequence[int] = ()) -> Row:
    """Panels beside each other, of equal width if ``widths`` says nothing else."""
    widths = widths or [WIDTH // len(panels)] * len(panels)
    return Row(height, tuple(zip(widths, panels, strict=True)))


def section(title: str, *rows: Row) -> Section:
    """A heading and the rows below it."""
    return Section(title, rows)


def trust() -> Section:
    """What says whether the numbers below can be believed; the same on every dashboard."""
    behind = steps((None, GREEN), (1000, AMBER), (100000, RED))
    age = steps((None, GREEN), (60, AMBER), (600, RED))
    count = steps((None, GREEN), (1, AMBER))
    complete = mapped({"1": "complete", "0": "incomplete"}, {"1": GREEN, "0": RED})
    return section(
        "Can the numbers be trusted?",
        row(
            4,
            stat(
                "Completeness",
                "Whether a worker holds every partition. While none does, the numbers are left out.",
                queries.IS_COMPLETE,
                "none",
                spark=False,
                mappings=complete,
                noValue="no worker answers",
            ),
            stat(
                "Events behind",
                "Records that were published and are not in the totals yet.",
                queries.BEHIND,
                "short",
                thresholds=behind,
            ),
            stat(
                "Newest transaction",
                "Age of the newest transaction, by its own time.",
                queries.SINCE_TRANSACTION,
                "s",
                spark=False,
                thresholds=age,
                noValue="none yet",
            ),
            stat(
                "Newest infrastructure event",
                "Age of the newest infrastructure event, by its own time.",
                queries.SINCE_INFRASTRUCTURE,
                "s",
                spark=False,
                thresholds=steps((None, BLUE)),
                noValue="none yet",
            ),
            stat(
                "Inconsistent figures",
                "Published figures that break a consistency rule. They are listed and not shown as current.",
                queries.INCONSISTENT,
                "none",
                thresholds=count,
            ),
            stat(
                "Thresholds breached",
                "Limits that are crossed now, as the workers judge them.",
                queries.BREACHED,
                "none",
                thresholds=count,
            ),
        ),
    )


def _placed(sections: Sequence[Section]) -> list[Json]:
    panels: list[Json] = []
    y = 0
    for section in sections:
        heading: Json = {"type": "row", "title": section.title, "collapsed": False, "panels": []}
        panels.append(heading | {"gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y}})
        y += 1
        for row in section.rows:
            x = 0
            for width, panel in row.panels:
                panels.append(panel | {"gridPos": {"h": row.height, "w": width, "x": x, "y": y}})
                x += width
            y += row.height
    return [{"id": index} | panel for index, panel in enumerate(panels, start=1)]


def _links() -> list[Json]:
    base: Json = {
        "asDropdown": False,
        "targetBlank": False,
        "includeVars": False,
        "keepTime": True,
        "icon": "dashboard",
    }
    others = base | {"type": "dashboards", "title": "CityPulse", "tooltip": "The other dashboards", "tags": [TAG]}
    runbooks: Json = {
        "type": "link",
        "title": "Runbooks",
        "tooltip": "What to do about an alert",
        "tags": [],
        "url": f"{RUNBOOKS}/README.md",
        "icon": "doc",
        "keepTime": False,
        "targetBlank": True,
    }
    return [others, base | runbooks]


def dashboard(
    name: str,
    title: str,
    description: str,
    sections: Sequence[Section],
    variables: Sequence[Json],
    since: str = "now-1h",
) -> Json:
    """The dashboard with the uid ``citypulse-`` and ``name``, as Grafana's provisioning reads it from a file.

    Args:
        name: also the file's name and the dashboard's second tag.
        title: as people see it in the list.
        description: what it answers.
        sections: what stands below the section on trust.
        variables: what the reader can choose.
        since: where the time range begins when the dashboard is opened.
    """
    annotations: dict[str, Any] = {
        "name": "Annotations & Alerts",
        "type": "dashboard",
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
    }
    return {
        "uid": f"citypulse-{name}",
        "title": title,
        "description": description,
        "tags": [TAG, name],
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "timezone": "browser",
        "time": {"from": since, "to": "now"},
        "refresh": "10s",
        "fiscalYearStartMonth": 0,
        "links": _links(),
        "templating": {"list": list(variables)},
        "annotations": {"list": [annotations]},
        "panels": _placed([trust(), *sections]),
    }
