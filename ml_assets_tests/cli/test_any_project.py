"""Which project a command is about, and what it says where there is none or an empty one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ml_assets.cli import main
from ml_assets.errors import DeclarationError
from ml_assets.graph.locate import find_project
from ml_assets_tests.e2e.state import query
from ml_assets_tests.smallest import smallest_project
from ml_assets_tests.tiny import DECLARATIONS, TinyProject

PACKAGED = '[tool.dg.project]\nroot_module = "shop"\n'


def command(*words: str) -> Result:
    return CliRunner().invoke(main, words, catch_exceptions=False)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def declared(defs: Path) -> Path:
    """A folder of declarations with one of ours."""
    path = defs / "shop" / "orders" / "defs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(DECLARATIONS["orders"], encoding="utf-8")
    return defs


def bare(root: Path) -> Path:
    return declared(root / "defs")


def bare_with_sql_alone(root: Path) -> Path:
    (root / "sql").mkdir(parents=True)
    (root / "defs").mkdir()
    return root / "defs"


def packaged(root: Path) -> Path:
    defs = declared(root / "shop" / "defs")
    (root / "pyproject.toml").write_text("[project]\nname = 'shop'\n" + PACKAGED, encoding="utf-8")
    return defs


def below_src(root: Path) -> Path:
    defs = declared(root / "src" / "shop" / "defs")
    (root / "dg.toml").write_text(PACKAGED.replace("tool.dg.", ""), encoding="utf-8")
    return defs


def with_a_module_of_its_own_name(root: Path) -> Path:
    defs = declared(root / "shop" / "ml" / "declared")
    (root / "pyproject.toml").write_text(PACKAGED + 'defs_module = "shop.ml.declared"\n', encoding="utf-8")
    return defs


LAYOUTS = [bare, bare_with_sql_alone, packaged, below_src, with_a_module_of_its_own_name]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_project_is_found_from_any_folder_in_it(
    layout: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defs = layout(tmp_path / "project")
    (defs / "shop" / "deeper").mkdir(parents=True)
    for folder in (tmp_path / "project", defs, defs / "shop" / "deeper"):
        monkeypatch.chdir(folder)
        found = find_project()
        assert (found.root, found.defs) == (tmp_path / "project", defs)


def test_a_named_project_comes_before_the_variable_and_that_before_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("named", "variable", "here"):
        bare(tmp_path / name)
    monkeypatch.chdir(tmp_path / "here")
    assert find_project().root == tmp_path / "here"
    monkeypatch.setenv("ML_ASSETS_PROJECT", str(tmp_path / "variable"))
    assert find_project().root == tmp_path / "variable"
    assert find_project(tmp_path / "named").root == tmp_path / "named"


def test_the_nearest_project_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare(tmp_path)
    packaged(tmp_path / "inner")
    monkeypatch.chdir(tmp_path / "inner")
    assert find_project().root == tmp_path / "inner"


def test_a_named_folder_that_is_no_project_is_refused_even_inside_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare(tmp_path)
    (tmp_path / "notes").mkdir()
    with pytest.raises(DeclarationError, match="named by --project"):
        find_project(tmp_path / "notes")
    monkeypatch.setenv("ML_ASSETS_PROJECT", str(tmp_path / "notes"))
    with pytest.raises(DeclarationError, match="named by ML_ASSETS_PROJECT"):
        find_project()


def test_a_folder_called_defs_without_our_declarations_is_no_project(tmp_path: Path) -> None:
    path = tmp_path / "defs" / "other" / "defs.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("type: other.Thing\nattributes: {}\n", encoding="utf-8")
    (path.parent / "broken").mkdir()
    (path.parent / "broken" / "defs.yaml").write_text("type: [", encoding="utf-8")
    with pytest.raises(DeclarationError, match="no ml_assets project"):
        find_project(tmp_path)


def test_broken_settings_are_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.dg\n", encoding="utf-8")
    with pytest.raises(DeclarationError, match="not valid TOML") as caught:
        find_project(tmp_path)
    assert caught.value.place == tmp_path / "pyproject.toml"


@pytest.mark.parametrize("words", [("status",), ("run",), ("check",)])
def test_command_outside_any_project_says_what_one_is(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = command(*words)
    assert result.exit_code == 2
    assert "no ml_assets project is at or above this folder" in result.stderr
    assert "--project or ML_ASSETS_PROJECT" in result.stderr
    assert names_in(tmp_path) == []


def test_status_of_an_empty_project_says_what_to_do_and_makes_nothing(tmp_path: Path) -> None:
    bare_with_sql_alone(tmp_path)
    result = command("--project", str(tmp_path), "status")
    assert result.exit_code == 0
    assert "nothing is declared in this project yet" in result.stdout
    assert "ml-assets components RawTable" in result.stdout
    found = json.loads(command("--project", str(tmp_path), "status", "--json").stdout)
    assert (found["assets"], found["out_of_date"]) == ([], {})
    assert names_in(tmp_path) == ["defs", "sql"]


@pytest.mark.parametrize("word", ["run", "check"])
def test_an_empty_project_is_neither_run_nor_judged(word: str, tmp_path: Path) -> None:
    bare_with_sql_alone(tmp_path)
    result = command("--project", str(tmp_path), word)
    assert result.exit_code == 2
    assert "nothing is declared in this project yet" in result.stderr


def test_the_smallest_project_runs_is_shown_and_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = smallest_project(tmp_path / "smallest", tmp_path / "tiny")
    monkeypatch.chdir(root / "defs" / "shop")
    assert command("run", "+features.habits", "--json").exit_code == 0
    assert query(root / ".ml_assets", "select count(*) > 0 from features.habits") == [(True,)]
    assert "features.habits" in command("status").stdout
    judged = command("check", "+features.habits", "--json")
    assert judged.exit_code == 0, judged.output
    assert names_in(root) == [".ml_assets", "defs", "sql"]


def test_a_declaration_without_sql_needs_no_sql_folder(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path / "tiny")
    root = tmp_path / "flat"
    bare(root)
    (root / ".ml_assets" / "landing").mkdir(parents=True)
    project.home.landing("shop").rename(root / ".ml_assets" / "landing" / "shop")
    (root / ".ml_assets" / "now").write_text("2024-04-02", encoding="utf-8")
    result = command("--project", str(root), "run", "--json")
    assert result.exit_code == 0, result.output
    assert query(root / ".ml_assets", "select count(*) > 0 from raw.orders") == [(True,)]
