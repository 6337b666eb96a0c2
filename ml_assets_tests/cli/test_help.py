"""Help costs nothing and works everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ml_assets import __version__
from ml_assets.cli import main

REGISTRY = ("registry", "drill", "promote", "approve", "rollback", "pin", "compare", "show")
COMMANDS = ("run", "demo", "status", "check", "components", "ui", "replay", *REGISTRY)
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
        f"ml_assets.{name}" for name in ("RawTable", "SqlTable", "FeatureSet", "Model", "ScoredOutput")
    ]
    assert all(len(line.split()) > 3 for line in shown)


def test_components_describes_every_field_of_a_type() -> None:
    shown = CliRunner().invoke(main, ["components", "ml_assets.FeatureSet"]).output
    assert "entity" in shown
    assert "(required)" in shown
    schema = json.loads(CliRunner().invoke(main, ["components", "FeatureSet", "--json"]).output)
    assert schema["additionalProperties"] is False
    assert all(field.get("description") or "$ref" in field for field in schema["properties"].values())


def test_components_offers_near_names_for_an_unknown_type() -> None:
    result = CliRunner().invoke(main, ["components", "FeatureSets"])
    assert result.exit_code == 2
    assert "did you mean FeatureSet" in result.stderr
