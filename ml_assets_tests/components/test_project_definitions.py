"""Any project as one Dagster code location, without a Python file of its own."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.cli.project import open_project
from ml_assets.cli.running import dagster_workspace
from ml_assets.components.instance import prepare_instance
from ml_assets.components.project_definitions import project_definitions
from ml_assets.errors import DeclarationError
from ml_assets.graph.locate import find_project
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.smallest import DG, smallest_project

_PLAIN_ASSET = """\
import dagster as dg
from defs.shop.names import NAME


@dg.asset(name=NAME)
def plain() -> None: ...
"""


@pytest.fixture(autouse=True)
def _modules_as_before() -> Iterator[None]:
    """What a project's code location imports is forgotten again."""
    before = dict(sys.modules), list(sys.path)
    yield
    for name in sys.modules.keys() - before[0].keys():
        if name.partition(".")[0] in ("defs", "shop"):
            del sys.modules[name]
    sys.path[:] = before[1]


@pytest.fixture
def smallest(tmp_path: Path) -> Path:
    return smallest_project(tmp_path / "smallest", tmp_path / "tiny")


def keys_of(definitions: dg.Definitions) -> set[str]:
    return {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}


def dagster(*words: str, root: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DO_NOT_TRACK": "1", "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "250"}
    return subprocess.run(
        [sys.executable, "-m", "dagster", *words], cwd=root, env=environment, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


def test_every_asset_of_a_bare_project_is_there(smallest: Path) -> None:
    definitions = project_definitions(find_project(smallest))
    assert keys_of(definitions) == {str(name).replace(".", "/") for name in open_project(smallest).graph.assets}
    assert {"load_orders_on_landing", "make_what_is_out_of_date"} <= {s.name for s in definitions.sensors or ()}


def test_python_files_of_a_bare_project_join_and_import_each_other(smallest: Path) -> None:
    (smallest / "defs" / "shop" / "names.py").write_text('NAME = "by_hand"\n', encoding="utf-8")
    (smallest / "defs" / "shop" / "made.py").write_text(_PLAIN_ASSET, encoding="utf-8")
    assert "by_hand" in keys_of(project_definitions(find_project(smallest)))


def test_a_second_project_in_the_process_gets_its_own_files(smallest: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for root, name in ((smallest, "first"), (other, "second")):
        (root / "sql").mkdir(parents=True, exist_ok=True)
        (root / "defs" / "shop").mkdir(parents=True, exist_ok=True)
        (root / "defs" / "shop" / "names.py").write_text(f'NAME = "{name}"\n', encoding="utf-8")
        (root / "defs" / "shop" / "made.py").write_text(_PLAIN_ASSET, encoding="utf-8")
    assert "first" in keys_of(project_definitions(find_project(smallest)))
    assert keys_of(project_definitions(find_project(other))) == {"second"}


def test_a_package_that_is_not_installed_is_imported_from_its_folder(tmp_path: Path, smallest: Path) -> None:
    root = tmp_path / "packaged"
    (root / "src" / "shop").mkdir(parents=True)
    (smallest / "defs").rename(root / "src" / "shop" / "defs")
    (smallest / "sql").rename(root / "sql")
    (root / "pyproject.toml").write_text('[tool.dg.project]\nroot_module = "shop"\n', encoding="utf-8")
    assert "features/habits" in keys_of(project_definitions(find_project(root)))
    assert sys.modules["shop.defs"].__path__[0] == str(root / "src" / "shop" / "defs")


def test_another_package_of_the_same_name_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for root in (tmp_path / "project", tmp_path / "installed"):
        (root / "shop" / "defs").mkdir(parents=True)
        (root / "shop" / "__init__.py").touch()
        (root / "shop" / "defs" / "__init__.py").touch()
    (tmp_path / "project" / "pyproject.toml").write_text('[tool.dg.project]\nroot_module = "shop"\n', encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "installed"))
    with pytest.raises(DeclarationError, match="Python knows another package shop") as caught:
        project_definitions(find_project(tmp_path / "project"))
    assert caught.value.expected == tmp_path / "project" / "shop"


def test_an_empty_project_loads_without_assets_and_says_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "defs").mkdir()
    (tmp_path / "sql").mkdir()
    with caplog.at_level(logging.WARNING, "ml_assets"):
        definitions = project_definitions(find_project(tmp_path))
    assert keys_of(definitions) == set()
    assert "nothing is declared in this project yet" in caplog.text
    assert "ml-assets components RawTable --document" in caplog.text


def test_what_the_ui_loads_is_valid_without_python_of_the_project(smallest: Path) -> None:
    opened = open_project(smallest)
    prepare_instance(opened.home)
    path = dagster_workspace(opened)
    result = dagster("definitions", "validate", "-w", str(path), root=smallest)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Validation successful for code location smallest" in result.stdout + result.stderr
    assert sorted(path.name for path in smallest.iterdir()) == [".ml_assets", "defs", "sql"]


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({}, ("ml_assets.definitions", ".", "project")),
        ({"pyproject.toml": '[tool.dg.project]\nroot_module = "shop"\n'}, ("ml_assets.definitions", ".", "project")),
        (
            {"pyproject.toml": '[tool.dg.project]\nroot_module = "shop"\n', "shop/definitions.py": ""},
            ("shop.definitions", ".", "project"),
        ),
        (
            {
                "pyproject.toml": '[tool.dg.project]\nroot_module = "shop"\ncode_location_target_module = "shop.all"\n'
                'code_location_name = "sales"\n'
            },
            ("shop.all", ".", "sales"),
        ),
    ],
    ids=["bare", "packaged", "own_definitions", "named_definitions"],
)
def test_the_ui_takes_the_code_location_that_a_project_has(
    files: dict[str, str], wanted: tuple[str, str, str], tmp_path: Path
) -> None:
    root = tmp_path / "project"
    for folder in ("sql", "defs", "shop/defs"):
        (root / folder).mkdir(parents=True)
    for name, text in files.items():
        (root / name).write_text(text, encoding="utf-8")
    opened = open_project(root, may_be_empty=True)
    prepare_instance(opened.home)
    found = json.loads(dagster_workspace(opened).read_text(encoding="utf-8"))["load_from"][0]["python_module"]
    module, base, name = wanted
    assert found == {"module_name": module, "working_directory": str(root / base), "location_name": name}


def test_a_workspace_file_of_the_project_stays_in_charge(smallest: Path) -> None:
    (smallest / "workspace.yaml").write_text("load_from: []\n", encoding="utf-8")
    assert dagster_workspace(open_project(smallest)) == smallest / "workspace.yaml"


def test_dg_checks_a_bare_project(smallest: Path) -> None:
    (smallest / "pyproject.toml").write_text(DG, encoding="utf-8")
    environment = {**os.environ, "DO_NOT_TRACK": "1", "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    result = subprocess.run(
        [str(Path(sys.executable).parent / "dg"), "check", "defs"], cwd=smallest, env=environment, capture_output=True,
        text=True, check=False, timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
