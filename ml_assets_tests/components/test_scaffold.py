"""`dg scaffold defs ml_assets.…` begins declarations that are valid as they stand and with every comment taken away."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ml_assets.graph.project import KINDS, load_project
from ml_assets.specs.commented import commented_document
from ml_assets.specs.examples import EXAMPLES
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.example import example_graph, example_project, state_statements, uncommented

_SEVERAL = """\
import json, sys
from click.testing import CliRunner
from dagster_dg_cli.cli import create_dg_cli
cli, codes = create_dg_cli(), []
for words in json.loads(sys.argv[1]):
    result = CliRunner().invoke(cli, words)
    codes.append(result.exit_code)
    print(result.output, result.exception or "", file=sys.stderr if result.exit_code else sys.stdout)
print(codes)
"""
NAMES = {kind: yaml.safe_load(text)["attributes"]["name"] for kind, text in EXAMPLES.items()}
every_kind = pytest.mark.parametrize("kind", KINDS)


def environment() -> dict[str, str]:
    return {**os.environ, "DO_NOT_TRACK": "1", "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "250"}


def dg_command(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "dg"), *words]
    return subprocess.run(
        command, cwd=root, env=environment(), capture_output=True, text=True, check=False, timeout=120
    )


def in_one_process(root: Path, commands: list[list[str]]) -> subprocess.CompletedProcess[str]:
    """Several `dg` commands; importing it takes longer than any of them."""
    return subprocess.run(
        [sys.executable, "-c", _SEVERAL, json.dumps(commands)], cwd=root, env=environment(), capture_output=True,
        text=True, check=False, timeout=120,
    )  # fmt: skip


def document(kind: str, name: str | None = None) -> str:
    return commented_document(kind, KINDS[kind], name or NAMES[kind])


def test_there_is_an_example_of_every_kind() -> None:
    assert EXAMPLES.keys() == KINDS.keys()


@every_kind
def test_document_names_every_field_of_its_kind_with_its_description(kind: str) -> None:
    text = document(kind)
    for name, field in KINDS[kind].model_fields.items():
        line = next(line for line in text.splitlines() if re.match(rf"  (# )?{name}:( |$)", line))
        assert field.description
        assert field.description in line


@every_kind
def test_needed_fields_stand_before_the_optional_ones(kind: str) -> None:
    marks = [line.startswith("  # ") for line in document(kind).splitlines() if re.match(r"  (# )?\w+:", line)]
    assert marks == sorted(marks)
    required = [name for name, field in KINDS[kind].model_fields.items() if field.is_required()]
    assert set(required) <= set(yaml.safe_load(document(kind))["attributes"])


@every_kind
def test_lines_can_be_uncommented_one_after_another(kind: str) -> None:
    lines = document(kind).splitlines()
    KINDS[kind].model_validate(yaml.safe_load("\n".join(lines))["attributes"])
    changed = [number for number, line in enumerate(lines) if uncommented(line) != line]
    assert changed
    for number in changed:
        lines[number] = uncommented(lines[number])
        KINDS[kind].model_validate(yaml.safe_load("\n".join(lines))["attributes"])


@pytest.mark.parametrize(
    ("folder", "name"), [("orders_2", "orders_2"), ("Orders", "orders"), ("a__b", "orders"), ("9lives", "orders")]
)
def test_name_is_that_of_the_folder_where_it_can_be(folder: str, name: str) -> None:
    assert yaml.safe_load(document("RawTable", folder))["attributes"]["name"] == name


def test_examples_are_one_project(tmp_path: Path) -> None:
    made = {str(name) for name in example_graph(example_project(tmp_path)).assets}
    assert {"raw.orders", "staging.paid_orders", "features.customer_orders", "scores.orders_again"} <= made


def test_dg_scaffolds_every_kind_and_finds_the_result_sound(tmp_path: Path) -> None:
    (tmp_path / "defs").mkdir()
    state_statements(tmp_path)
    commands = [["scaffold", "defs", f"ml_assets.{kind}", f"shop/{kind.lower()}/{NAMES[kind]}"] for kind in KINDS]
    result = in_one_process(tmp_path, commands)
    assert result.stdout.splitlines()[-1] == str([0] * len(KINDS)), result.stdout + result.stderr
    files = sorted((tmp_path / "defs").rglob("defs.yaml"))
    assert len(files) == len(KINDS)
    load_project(tmp_path / "defs", tmp_path / "sql", tmp_path)
    for path in files:
        path.write_text(uncommented(path.read_text(encoding="utf-8")), encoding="utf-8")
    assert set(example_graph(tmp_path).assets) == set(example_graph(example_project(tmp_path / "as_written")).assets)
    result = dg_command(tmp_path, "check", "defs")
    assert result.returncode == 0, result.stdout + result.stderr


def test_dg_scaffolds_python_that_loads_and_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "defs").mkdir()
    state_statements(tmp_path)
    scaffold = ["scaffold", "defs", "ml_assets.RawTable", "shop/orders"]
    commands = [[*scaffold, "--format", "python"], [*scaffold, "--format", "python"], ["list", "defs", "--json"]]
    result = in_one_process(tmp_path, commands)
    assert result.stdout.splitlines()[-1] == "[0, 1, 0]", result.stdout + result.stderr
    assert "raw/orders" in result.stdout
