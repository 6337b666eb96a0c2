"""What holds for the source itself: layers, sizes, docstrings, imports without side effects."""

from __future__ import annotations

import ast
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from ml_assets.graph.compile import tables_of
from ml_assets.graph.project import load_project
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.tiny import TinyProject

PACKAGE, TESTS = ROOT / "ml_assets", ROOT / "ml_assets_tests"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)
TEST_SOURCES = sorted(path for path in TESTS.rglob("*.py") if "__pycache__" not in path.parts)
MOST_LINES, MOST_TEST_LINES, MOST_FUNCTION_LINES = 400, 600, 50
DEMONSTRATE = ("defs/", "simulate/", "cli/demo.py")
KNOW_DAGSTER = ("ml_assets/components/", "ml_assets/resources.py", "ml_assets/definitions.py")
every_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def imported(path: Path) -> set[str]:
    """Top-level names of all modules imported anywhere in a file."""
    found: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


def test_layers_hold() -> None:
    command = [
        str(Path(sys.executable).parent / "lint-imports"),
        "--no-cache",
        "--config",
        str(ROOT / "pyproject.toml"),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stdout + result.stderr


@every_source
def test_file_is_short_and_says_what_it_is(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MOST_LINES
    assert ast.get_docstring(tree_of(path)) or not lines


@every_source
def test_functions_are_short(path: Path) -> None:
    long = {node.name: length(node) for node in functions(path) if length(node) > MOST_FUNCTION_LINES}
    assert long == {}


@every_source
def test_only_its_rooms_know_dagster(path: Path) -> None:
    if not path.relative_to(ROOT).as_posix().startswith(KNOW_DAGSTER):
        assert "dagster" not in imported(path)


@every_source
def test_no_naive_clock_is_read(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            assert name not in ("utcnow", "today"), f"line {node.lineno}"
            if name == "now" and isinstance(node.func.value, ast.Name) and node.func.value.id == "datetime":
                assert node.args or node.keywords, f"line {node.lineno}: datetime.now() without a zone"


@every_source
def test_public_classes_say_what_they_guarantee(path: Path) -> None:
    public = [node for node in tree_of(path).body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    assert [node.name for node in public if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", TEST_SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_test_file_is_not_too_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_TEST_LINES


@pytest.mark.reference
def test_no_room_of_the_library_knows_the_reference_use_case() -> None:
    """Its tables and its own name stand in its declarations, and where it is demonstrated."""
    declarations = load_project(PACKAGE / "defs", ROOT / "sql", ROOT).declarations
    cases = {declaration.use_case for declaration in declarations}
    tables = {str(name) for declaration in declarations for name in tables_of(declaration.spec)}
    names = {name for table in tables for name in (table, table.partition(".")[2])}
    known = re.compile(
        "|".join(rf"\b{re.escape(name)}\b" for name in (*cases, *(n for n in names if re.search(r"[._]", n))))
    )
    rooms = [path for path in SOURCES if not path.relative_to(PACKAGE).as_posix().startswith(DEMONSTRATE)]
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in rooms
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if known.search(line)
    ]
    assert len(rooms) > 150
    assert found == []


def test_medians_stay_small(record_property: Callable[[str, object], None]) -> None:
    files = statistics.median(len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES)
    bodies = statistics.median(length(node) for path in SOURCES for node in functions(path))
    record_property("median_file_lines", files)
    record_property("median_function_lines", bodies)
    assert files <= 150
    assert bodies <= 12


@pytest.mark.parametrize("command", ["--help", "status", "plan"])
def test_a_command_that_only_looks_imports_no_library_of_models_or_frames(command: str, tiny: TinyProject) -> None:
    """Starting is most of what such a command takes."""
    heavy = "dagster lightgbm numpy optuna pandas pandera polars pyarrow scipy sklearn skops vl_convert"
    code = (
        "import sys\nfrom ml_assets.cli import main\ntry:\n    main()\nexcept SystemExit:\n"
        f"    sys.exit(' '.join(sorted(set(sys.modules) & set({heavy!r}.split()))) or 'none')"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "--project", str(tiny.root), command],
        env={**os.environ, "PYTHONPATH": str(ROOT), "ML_ASSETS_HOME": str(tiny.home.root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.stderr == "none\n"
    assert result.stdout


def test_importing_every_module_makes_no_files_and_says_nothing(tmp_path: Path) -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCES
        if path.name != "__main__.py"
    ]
    code = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)"
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "ML_ASSETS_HOME": str(tmp_path / "home"), "HOME": str(tmp_path), "DO_NOT_TRACK": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }  # fmt: skip
    before = sorted(
        path
        for path in ROOT.rglob("*")
        if ".git" not in path.parts and "__pycache__" not in path.parts and ".venv" not in path.parts
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *modules],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    after = sorted(
        path
        for path in ROOT.rglob("*")
        if ".git" not in path.parts and "__pycache__" not in path.parts and ".venv" not in path.parts
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert not (tmp_path / "home").exists()
    assert before == after
