"""The repository without its reference use case: the library imports, says that nothing is declared, and passes its tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ml_assets_tests.e2e.state import ROOT

pytestmark = pytest.mark.xdist_group("without_the_example")

_EXAMPLE = ("ml_assets/defs/retail", "sql/retail")
_LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "*.pyc", "images", "dist", "build")
# What looks at this repository's own declarations, and what meets a project from declarations to plan.
_PART = (
    "graph/test_compile.py", "graph/test_plan.py", "graph/test_origin.py", "specs", "cli/test_help.py", "cli/test_schema.py",
    "cli/test_reference_pages.py", "components/test_components.py::TestDgCommand::test_dg_check_defs_accepts_the_repository",
)  # fmt: skip


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("without") / "repository"
    shutil.copytree(ROOT, root, ignore=_LEFT_OUT)
    for folder in _EXAMPLE:
        if (root / folder).exists():
            shutil.rmtree(root / folder)
    return root


def python(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The interpreter of this test run, with the copy's package."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ML_ASSETS", "PYTEST", "DAGSTER_HOME"))
    }
    environment = {
        **kept,
        "PYTHONPATH": str(root),
        "DO_NOT_TRACK": "1",
        # Compiled once for all processes, wherever this test run may write.
        "PYTHONDONTWRITEBYTECODE": "",
        "COLUMNS": "250",
    }
    return subprocess.run(
        [sys.executable, *words], cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def said(result: subprocess.CompletedProcess[str], code: int = 0) -> str:
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


def test_nothing_of_the_example_is_left(copy: Path) -> None:
    assert not [path for path in copy.rglob("*") if path.name == "retail"]
    code = "import ml_assets, ml_assets.cli, ml_assets.definitions; print(ml_assets.RawTable, ml_assets.__file__)"
    assert str(copy) in said(python(copy, "-c", code))


def test_status_says_that_nothing_is_declared_and_what_to_do(copy: Path) -> None:
    shown = said(python(copy, "-m", "ml_assets.cli", "status"))
    assert "nothing is declared in this project yet" in shown
    assert "ml_assets/defs/shop/orders/defs.yaml" in shown
    assert "ml-assets components RawTable" in shown


def test_components_are_listed(copy: Path) -> None:
    shown = said(python(copy, "-m", "ml_assets.cli", "components")).splitlines()
    assert len(shown) == len([line for line in shown if line.startswith("ml_assets.")]) > 4


def test_demo_says_that_the_example_is_gone(copy: Path, tmp_path: Path) -> None:
    shown = said(python(copy, "-m", "ml_assets.cli", "demo"), 2)
    assert "the example is not here" in shown
    assert not (copy / "ml-assets-demo").exists()


def test_dagster_loads_a_code_location_without_assets_and_is_told_why(copy: Path) -> None:
    code = (
        "from ml_assets.definitions import defs; found = defs(); "
        "print(len(list(found.resolve_all_asset_specs())), 'assets', len(found.sensors or ()), 'sensors')"
    )
    shown = said(python(copy, "-W", "error::UserWarning", "-c", code))
    assert "0 assets 3 sensors" in shown
    assert "nothing is declared in this project yet" in shown


def test_every_test_file_can_be_collected(copy: Path) -> None:
    shown = said(python(copy, "-m", "pytest", "-q", "--collect-only", "-m", "not reference and not full"))
    assert " deselected" in shown
    assert " error" not in shown.splitlines()[-1]


def test_a_part_of_the_suite_that_meets_projects_passes(copy: Path, tmp_path: Path) -> None:
    files = [f"ml_assets_tests/{name}" for name in _PART]
    marks = ("-m", "not reference and not full", "--basetemp", str(tmp_path / "inner"))
    shown = said(python(copy, "-m", "pytest", "-q", "-x", *marks, *files))
    assert " passed" in shown.splitlines()[-1]
