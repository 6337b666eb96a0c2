"""The pages of `docs/reference`, written from the fields, checks and commands themselves: `python -m docs.generate`."""

from __future__ import annotations

from pathlib import Path

from docs.generate.checks import check_page
from docs.generate.commands import command_page
from docs.generate.components import component_page, page_name
from docs.generate.indicators import indicator_page
from docs.generate.metrics import metric_page
from ml_assets.graph.project import KINDS, PREFIX

FOLDER = Path(__file__).resolve().parents[1] / "reference"
COMMAND = "python -m docs.generate"


def pages() -> dict[str, str]:
    """File name → text of every reference page, as they ought to be."""
    components = {page_name(kind): component_page(kind) for kind in KINDS}
    others = {
        "checks.md": check_page(), "commands.md": command_page(), "indicators.md": indicator_page(), "metrics.md": metric_page(),
    }  # fmt: skip
    return {"README.md": _index(), **components, **others}


def _index() -> str:
    lines = [
        "# Reference",
        "",
        f"Every page here is written by `{COMMAND}` from the code itself; a test holds them to it.",
        "",
        "| component | declares |",
        "|---|---|",
    ]
    for kind, spec in KINDS.items():
        first = (spec.__doc__ or "").strip().splitlines()[0]
        lines.append(f"| [`{PREFIX}{kind}`]({page_name(kind)}) | {first} |")
    lines += [
        "",
        "- [Checks](checks.md): every code, what it claims, how severe it is, and whether it blocks.",
        "- [Commands](commands.md): what `--help` says, on one page.",
        "- [Indicators](indicators.md): what `ml-assets kpi` tells, and what each number means.",
        "- [Metrics](metrics.md): what `ml-assets metrics` gives to a Prometheus.",
        "",
        "## In your editor",
        "",
        "`ml-assets schema --write .ml_assets/schema` writes the JSON schemas of all components. Editors with the YAML",
        "language server then complete fields, show these descriptions and mark what is misspelt. For one file, as its first",
        "line, with the path from that file:",
        "",
        "```yaml",
        "# yaml-language-server: $schema=../../../.ml_assets/schema/ml_assets.schema.json",
        "```",
        "",
        "For a whole project in VS Code, in `.vscode/settings.json`:",
        "",
        "```json",
        '{"yaml.schemas": {".ml_assets/schema/ml_assets.schema.json": "**/defs.yaml"}}',
        "```",
    ]
    return "\n".join(lines) + "\n"
