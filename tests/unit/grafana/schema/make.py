"""``python tests/unit/grafana/schema/make.py`` writes the schema of the pinned Grafana's dashboards anew (needs npm).

Grafana publishes the types of what it loads as the npm package @grafana/schema, in step with its own versions. This
turns those of the dashboard, and of the panels that we use, into one JSON Schema, which the tests hold the dashboards
against; so the tests need no npm. The package is under the Apache License 2.0.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from grafana.panels import GRAFANA_VERSION

FILE = Path(__file__).with_name("grafana.json")
PACKAGES = (f"@grafana/schema@{GRAFANA_VERSION}", "ts-json-schema-generator@2.4.0", "typescript@5.9.3")
RAW = "@grafana/schema/dist/types/raw"
PANELS = {
    "stat": "stat/panelcfg/x/StatPanelCfg_types.gen",
    "table": "table/panelcfg/x/TablePanelCfg_types.gen",
    "timeseries": "timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen",
    "bargauge": "bargauge/panelcfg/x/BarGaugePanelCfg_types.gen",
    "state-timeline": "statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen",
}
CUSTOM = {"table": "Partial<table.FieldConfig>", "timeseries": "timeseries.FieldConfig"}
CUSTOM["state-timeline"] = "statetimeline.FieldConfig"
"""Panels whose fields have settings of their own."""


def source() -> str:
    """The TypeScript whose type ``Schema`` is turned into the JSON Schema."""
    modules = {kind: kind.replace("-", "") for kind in PANELS}
    lines = [f"import type {{ Dashboard }} from '{RAW}/dashboard/x/dashboard_types.gen';"]
    lines += [f"import type * as {modules[kind]} from '{RAW}/composable/{path}';" for kind, path in PANELS.items()]
    options = "; ".join(f"'{kind}': {modules[kind]}.Options" for kind in PANELS)
    custom = "; ".join(f"'{kind}': {type_}" for kind, type_ in CUSTOM.items())
    lines.append(
        f"export interface Schema {{ dashboard: Dashboard; options: {{ {options} }}; custom: {{ {custom} }} }}"
    )
    return "\n".join(lines)


def without_words(schema: Any) -> Any:
    """The schema without its descriptions, which are most of it."""
    if isinstance(schema, dict):
        return {
            name: without_words(part)
            for name, part in schema.items()
            if not (name == "description" and isinstance(part, str))
        }
    return [without_words(part) for part in schema] if isinstance(schema, list) else schema


def main() -> None:
    """Fetches the package into a temporary folder and writes the schema."""
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        (at / "schema.ts").write_text(source())
        options = {"strict": True, "moduleResolution": "node", "skipLibCheck": True, "target": "es2022"}
        (at / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["schema.ts"]}))
        (at / "package.json").write_text("{}")
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *PACKAGES], cwd=at, check=True)
        command = ["npx", "ts-json-schema-generator", "--path", "schema.ts", "--tsconfig", "tsconfig.json"]
        command += ["--type", "Schema", "--no-type-check", "--expose", "none", "--out", "schema.json"]
        subprocess.run(command, cwd=at, check=True)
        made = json.loads((at / "schema.json").read_text())["definitions"]["Schema"]["properties"]
    written = {"made of": PACKAGES[0], **without_words(made)}
    FILE.write_text(json.dumps(written, sort_keys=True, separators=(",", ":")) + "\n")
    print(f"{FILE.name}: {FILE.stat().st_size:,} bytes of {PACKAGES[0]}")


if __name__ == "__main__":
    main()
