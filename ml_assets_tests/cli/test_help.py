"""Help costs nothing and works everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ml_assets import __version__
from ml_assets.cli import main
from ml_assets.graph.project import KINDS
from ml_assets.specs.fields import fields_below, kind_of, variants

REGISTRY = ("registry", "drill", "promote", "approve", "rollback", "pin", "compare", "show")
COMMANDS = (
    "run",
    "pull",
    "profile",
    "demo",
    "init",
    "status",
    "plan",
    "explain",
    "why",
    "check",
    "components",
    "schema",
    "ui",
    "replay",
    "metrics",
    "telemetry",
    "kpi",
    "incidents",
    "doctor",
    "alerts",
    "backup",
    "runbook",
    "restore",
    *REGISTRY,
)
_HELP_OF_ALL = """\
import sys
from click.testing import CliRunner
from ml_assets.cli import main
for words in ([], *([name] for name in main.commands)):
    result = CliRunner().invoke(main, [*words, "--help"])
    assert result.exit_code == 0 and "Usage:" in result.output, (words, result.output)
slow = {"dagster", "duckdb", "polars", "pyarrow", "lightgbm", "sklearn", "altair", "sqlglot", "numpy"}
print(sorted(main.commands), sorted(slow & set(sys.modules)))
"""


def test_help_of_every_command_works_and_imports_nothing_slow(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", _HELP_OF_ALL], capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path
    )
    assert result.stdout.strip() == f"{sorted(COMMANDS)} []", result.stderr


def test_version_is_that_of_the_package() -> None:
    assert __version__ in CliRunner().invoke(main, ["--version"]).output


@pytest.mark.parametrize("command", COMMANDS)
def test_help_begins_with_what_the_command_does(command: str) -> None:
    shown = CliRunner().invoke(main, [command, "--help"]).output
    assert main.commands[command].get_short_help_str(200).split(".")[0] in " ".join(shown.split())


def test_components_lists_every_type_and_its_purpose() -> None:
    shown = CliRunner().invoke(main, ["components"]).output.splitlines()
    assert [line.split()[0] for line in shown] == [
        f"ml_assets.{name}"
        for name in ("RawTable", "SqlTable", "FeatureSet", "Model", "ScoredOutput", "Monitor", "Operations")
    ]
    assert all(len(line.split()) > 3 for line in shown)


def test_components_describes_every_field_of_a_type() -> None:
    shown = CliRunner().invoke(main, ["components", "ml_assets.FeatureSet"]).output
    assert "entity" in shown
    assert "(text; required)" in shown
    schema = json.loads(CliRunner().invoke(main, ["components", "FeatureSet", "--json"]).output)
    assert schema["additionalProperties"] is False
    assert all(field.get("description") or "$ref" in field for field in schema["properties"].values())


def components(*words: str) -> str:
    result = CliRunner().invoke(main, ["components", *words])
    assert result.exit_code == 0, result.output
    return result.output


def indented(text: str) -> dict[str, int]:
    """First word of every line → how far it is indented; of repeated words the first."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        found.setdefault(line.split()[0], len(line) - len(line.lstrip()))
    return found


def test_components_shows_nested_fields_below_the_one_that_holds_them() -> None:
    shown = components("FeatureSet")
    indents = indented(shown)
    assert indents["snapshots"] < indents["every"] == indents["last"]
    assert "(day | week | month; required)" in shown
    held = [path for path, _ in fields_below(KINDS["RawTable"]) if path[-1] == "max_null_share"]
    assert components("RawTable").count(" max_null_share ") == len(held) > 0


def test_components_shows_every_variant_with_its_own_fields() -> None:
    lines = [line.strip() for line in components("Model.split").splitlines()]
    kinds = [kind_of(spec) for spec in variants(KINDS["Model"].model_fields["split"].annotation)]
    assert f"kind: {' | '.join(map(str, kinds))}" in lines
    time, group = (next(n for n, line in enumerate(lines) if line.startswith(f"kind: {k}.")) for k in ("time", "group"))
    assert any(line.startswith("test_snapshots ") for line in lines[time:group])
    assert not any(line.startswith("validation ") for line in lines[time:group])


@pytest.mark.parametrize("kind", ["RawTable", "SqlTable", "FeatureSet", "Model", "ScoredOutput", "Model.gate.rules"])
def test_components_writes_defaults_as_yaml_and_stays_short(kind: str) -> None:
    shown = components(kind)
    assert len(shown.splitlines()) <= 120
    assert [word for word in ("None)", "True", "False", "Spec(", "()", "typing", "pydantic") if word in shown] == []


def test_components_points_to_what_it_leaves_out() -> None:
    assert "`ml-assets components Model.gate.rules` shows the fields of each" in components("Model")
    assert "package_size" in components("Model.gate.rules")


@pytest.mark.parametrize(
    ("asked", "begins"),
    [("Model.snapshots.every", "Model.snapshots.every: "), ("snapshots", "FeatureSet.snapshots: "), ("model", "ml_assets.Model: ")],
)  # fmt: skip
def test_components_narrows_to_a_nested_name(asked: str, begins: str) -> None:
    assert components(asked).startswith(begins)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("FeatureSets", "did you mean FeatureSet?"),
        ("Model.splt", "did you mean Model.split"),
        ("Model.snapshots.evry", "did you mean Model.snapshots.every"),
        ("snapshot", "did you mean snapshots"),
        ("zzzzzz", "`ml-assets components` lists the types"),
    ],
)
def test_components_offers_near_names_for_an_unknown_one(asked: str, said: str) -> None:
    result = CliRunner().invoke(main, ["components", asked])
    assert result.exit_code == 2
    assert said in result.stderr
    assert "declare" not in result.stderr


@pytest.mark.parametrize("kind", ["RawTable", "model", "ml_assets.FeatureSet"])
def test_components_prints_a_document_to_begin_with(kind: str) -> None:
    document = yaml.safe_load(components(kind, "--document"))
    known = KINDS[document["type"].removeprefix("ml_assets.")]
    assert known.model_validate(document["attributes"]).name
    assert kind.rpartition(".")[2].lower() in document["type"].lower()


@pytest.mark.parametrize("words", [("--document",), ("Model.split", "--document")])
def test_components_prints_no_document_of_what_is_no_type(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, ["components", *words])
    assert result.exit_code == 2
    assert "one of: FeatureSet, Model, Monitor, Operations, RawTable" in result.stderr


def test_components_gives_the_schema_of_a_nested_field() -> None:
    schema = json.loads(components("FeatureSet.snapshots", "--json"))
    assert set(schema["properties"]) == {"every", "start", "last"}
