"""What every dashboard keeps: the rules of Grafana's dashboard-linter, and those of this project.

The linter's rules: https://github.com/grafana/dashboard-linter/tree/main/docs/rules. Of them ``target-instance`` and
``template-instance`` are kept only where a worker speaks for itself: elsewhere any worker answers for the whole city,
and a choice of workers would say the opposite.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from schemas.metrics import METRICS

Json = dict[str, Any]

UNITS: Final = frozenset({"none", "short", "locale", "percentunit", "s", "ops", "kwatt", "dateTimeAsIso"})
"""Units that the dashboards use; all of them are Grafana's."""

OTHERS: Final = {
    "up": frozenset[str](),
    "scrape_duration_seconds": frozenset[str](),
    "ALERTS": frozenset({"alertname", "alertstate", "severity", "threshold"}),
}
"""Series that Prometheus itself makes -> their labels, besides those of the catalogue."""

TARGET_LABELS: Final = frozenset({"job", "instance", "pod"})
_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}(?:\[([^\]]*)\])?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")
_STRING = re.compile(r'"[^"]*"')
_WORD = re.compile(r"[a-zA-Z_:][\w:]*")
_RATES = re.compile(r"\b(?:rate|irate|increase)\(\s*$")
_HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")
_FUNCTIONS: Final = frozenset(
    {
        *("sum", "max", "min", "count", "rate", "increase", "min_over_time", "time"),
        *("histogram_quantile", "label_replace", "sort_desc", "by", "without", "on", "and", "or"),
    }
)
_MADE_BY_QUERY: Final = frozenset({"city"})
"""Labels that label_replace puts on a series."""


def labels_of(metric: str) -> frozenset[str] | None:
    """Labels of a series name, without those of the target; None if no worker and no Prometheus makes it."""
    if metric in OTHERS:
        return OTHERS[metric]
    if metric in METRICS and METRICS[metric].type != "histogram":
        return frozenset(METRICS[metric].labels)
    for part in _HISTOGRAM_PARTS:
        histogram = METRICS.get(metric.removesuffix(part))
        if metric.endswith(part) and histogram is not None and histogram.type == "histogram":
            return frozenset(histogram.labels) | ({"le"} if part == "_bucket" else set())
    return None


def content_panels(dashboard: Json) -> list[Json]:
    """The panels that show something, without the headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def lint(dashboard: Json) -> list[str]:
    """Every rule that the dashboard breaks, one line each."""
    title = dashboard.get("title", "?")
    problems = [*_frame(dashboard), *_variables(dashboard), *_grid(dashboard)]
    for panel in content_panels(dashboard):
        where = panel.get("title", "?")
        problems += [f"{where}: {problem}" for problem in _panel(panel)]
        for target in panel.get("targets", ()):
            problems += [f"{where}: {problem}" for problem in lint_query(target["expr"], target["legendFormat"])]
    problems += _undefined(dashboard)
    return [f"{title}: {problem}" for problem in problems]


def _frame(dashboard: Json) -> Iterator[str]:
    if dashboard.get("editable") is not False:
        yield "can be edited"
    if not re.fullmatch(r"citypulse-[a-z]+", dashboard.get("uid", "")):
        yield "has no stable uid"
    if "citypulse" not in dashboard.get("tags", ()) or not dashboard.get("description"):
        yield "has no tag or no description"
    kinds = {link["type"] for link in dashboard.get("links", ())}
    if kinds != {"dashboards", "link"}:
        yield "does not link to the other dashboards and to the runbooks"


def _variables(dashboard: Json) -> Iterator[str]:
    variables = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    source = variables.get("datasource", {})
    if (source.get("type"), source.get("query"), source.get("label")) != ("datasource", "prometheus", "Data source"):
        yield "has no variable for the data source"
    for name in ("job", "instance"):
        variable = variables.get(name)
        if variable is None and name == "instance" and "$instance" not in str(dashboard["panels"]):
            continue
        if variable is None or not (variable["multi"] and variable.get("allValue") == ".+"):
            yield f"has no variable {name} of many values"
    for name, variable in variables.items():
        if not variable.get("label") or not variable.get("description"):
            yield f"variable {name} has no label or no description"
        if variable["type"] != "query":
            continue
        if variable["refresh"] != 2 or variable["datasource"]["uid"] != "${datasource}":
            yield f"variable {name} is not read anew from the chosen data source"
        query = re.fullmatch(r"label_values\((\w+)(\{.*\})?, (\w+)\)", variable["query"])
        labels = labels_of(query[1]) if query else None
        if query is None or labels is None or query[3] not in labels | TARGET_LABELS:
            yield f"variable {name} asks for what no metric has: {variable['query']}"


def _grid(dashboard: Json) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        if at["x"] + at["w"] > 24:
            yield f"{panel['title']} reaches beyond the grid"
        cells = [(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]
        for other in sorted({taken[cell] for cell in cells if cell in taken}):
            yield f"{panel['title']} overlaps {other}"
        taken |= dict.fromkeys(cells, panel["title"])
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(set(ids)) != len(ids):
        yield "has panels with the same id"


def _panel(panel: Json) -> Iterator[str]:
    if not panel.get("title") or not panel.get("description"):
        yield "has no title or no description"
    if panel.get("datasource", {}).get("uid") != "${datasource}":
        yield "does not read the chosen data source"
    if not panel.get("targets"):
        yield "has no query"
    config = panel["fieldConfig"]
    overridden = [p["value"] for o in config["overrides"] for p in o["properties"] if p["id"] == "unit"]
    for unit in [config["defaults"].get("unit"), *overridden]:
        if unit not in UNITS:
            yield f"has no unit or an unknown one: {unit}"
    if not config["defaults"].get("noValue"):
        yield "does not say what no number means"


def lint_query(expr: str, legend: str = "") -> Iterator[str]:
    """Every rule that one query breaks."""
    known = set(_MADE_BY_QUERY)
    for metric, matchers, interval in _SELECTOR.findall(expr):
        labels = labels_of(metric)
        if labels is None:
            yield f"{metric} is not in the catalogue"
            continue
        known |= labels | TARGET_LABELS
        for label, _ in _MATCHER.findall(matchers):
            if label not in labels | TARGET_LABELS:
                yield f"{metric} has no label {label}"
        if metric != "ALERTS" and 'job=~"$job"' not in matchers:
            yield f"{metric} is not limited to the chosen job"
        if interval and interval != "$__rate_interval":
            yield f"{metric} is read over [{interval}], not over $__rate_interval"
    named = ",".join(_GROUPING.findall(expr)) + "," + ",".join(re.findall(r"\{\{(\w+)\}\}", legend))
    for label in sorted({label.strip() for label in named.split(",")} - known - {""}):
        yield f"label {label} is on none of the query's series"
    yield from _counters(expr)
    bare = _GROUPING.sub(" ", _SELECTOR.sub(" ", _STRING.sub('""', expr).replace("$__rate_interval", "")))
    for word in sorted(set(_WORD.findall(bare)) - _FUNCTIONS):
        yield f"{word} is a series without a selector or an unknown function"


def _counters(expr: str) -> Iterator[str]:
    for match in _SELECTOR.finditer(expr):
        metric = match[1]
        counts = metric.endswith("_total") or metric.removesuffix("_bucket") != metric
        if counts and not (match[3] and _RATES.search(expr[: match.start()])):
            yield f"{metric} only counts up: rate or increase"


def _undefined(dashboard: Json) -> Iterator[str]:
    defined = {variable["name"] for variable in dashboard["templating"]["list"]}
    texts = str([*dashboard["panels"], *dashboard["templating"]["list"]])
    used = set(re.findall(r"\$\{?(?!__)([a-z_]+)", texts))
    for name in sorted(used ^ defined):
        yield f"variable {name} is {'not defined' if name in used else 'not used'}"
