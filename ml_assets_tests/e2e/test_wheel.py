"""The built wheel in an environment of its own, used by a Dagster project that is not this repository."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml_assets_tests.docs.reader import texts
from ml_assets_tests.e2e.state import ROOT, query
from ml_assets_tests.example import example_project, land_orders
from ml_assets_tests.shop import DEMO, NOW
from ml_assets_tests.smallest import GUIDE

pytestmark = pytest.mark.xdist_group("wheel")


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel. The packages beside it are those of the environment that runs the tests."""

    wheel: Path
    folder: Path

    def run(self, *words: str | Path, at: Path, now: str | None = None) -> str:
        """Standard output of one of its programs, which has to succeed; `python` is its interpreter."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ML_ASSETS", "PYTHONPATH"))}
        environment = {**kept, "DO_NOT_TRACK": "1", "DAGSTER_DISABLE_TELEMETRY": "yes", "COLUMNS": "250"}
        environment.pop("DAGSTER_HOME", None)
        if now is not None:
            environment["ML_ASSETS_NOW"] = now
        result = subprocess.run(
            [self.folder / "bin" / words[0], *words[1:]], cwd=at, env=environment, capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout


def pip(*words: str | Path) -> None:
    offline = ("--disable-pip-version-check", "--no-index", "--no-deps", "--quiet")
    subprocess.run([sys.executable, "-m", "pip", *words, *offline], check=True, timeout=120)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    built, folder = tmp_path_factory.mktemp("built"), tmp_path_factory.mktemp("environment")
    pip("wheel", "--no-build-isolation", "--wheel-dir", built, ROOT)
    (wheel,) = built.glob("*.whl")
    venv.create(folder, with_pip=False)
    pip("--python", folder / "bin" / "python", "install", wheel)
    (own,) = folder.glob("lib/*/site-packages")
    # After the wheel on the path, and without what the editable install adds to it.
    (own / "beside.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return Installed(wheel, folder)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Dagster project with its own package `shop`, as the guide lays one out, and landing files for a year."""
    root = example_project(tmp_path_factory.mktemp("elsewhere"))
    land_orders(root)
    (root / "shop").mkdir()
    (root / "defs").rename(root / "shop" / "defs")
    (root / "shop" / "__init__.py").touch()
    (root / "shop" / "definitions.py").write_text(texts(GUIDE, "python")[0], encoding="utf-8")
    (root / "pyproject.toml").write_text(texts(GUIDE, "toml")[1], encoding="utf-8")
    return root


def names_in(wheel: Path) -> Sequence[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_is_what_is_imported_and_has_no_active_project(installed: Installed, tmp_path: Path) -> None:
    code = "import ml_assets, pathlib; print(pathlib.Path(ml_assets.__file__).parent)"
    package = Path(installed.run("python", "-c", code, at=tmp_path).strip())
    assert package.is_relative_to(installed.folder)
    assert installed.run("ml-assets", "runbook", "rollback", at=tmp_path).startswith("# ")
    names = names_in(installed.wheel)
    assert [name for name in names if name.startswith(("ml_assets/defs/", "ml_assets_tests/", "sql/"))] == []


def test_dagster_materialises_an_asset_of_the_other_project(installed: Installed, shop: Path) -> None:
    words = ("-m", "dagster", "asset", "materialize", "-m", "shop.definitions", "--select", "raw/orders")
    installed.run("python", *words, at=shop)
    ((rows, read),) = query(
        shop / ".ml_assets", "select count(*), (select sum(rows_read) from ops.files) from raw.orders"
    )
    assert rows == read > 1000


def test_dagster_finds_the_other_project_sound(installed: Installed, shop: Path) -> None:
    code = "import sys; from dagster_dg_cli.cli import main; sys.exit(main())"
    assert "All definitions loaded successfully" in installed.run("python", "-c", code, "check", "defs", at=shop)


def test_the_command_line_runs_the_other_project_to_scores(installed: Installed, shop: Path) -> None:
    installed.run("ml-assets", "run", at=shop / "shop" / "defs")
    ((scored, lowest, highest),) = query(
        shop / ".ml_assets", "select count(*), min(score), max(score) from scores.orders_again"
    )
    assert scored > 100
    assert 0 <= lowest < highest <= 1
    assert (shop / ".ml_assets" / "reports" / "orders_again" / "1.html").exists()


@pytest.mark.reference
def test_demo_copies_the_example_and_runs_it(installed: Installed, tmp_path: Path) -> None:
    said = installed.run("ml-assets", *DEMO, at=tmp_path, now=NOW)
    root = tmp_path / "ml-assets-demo"
    assert sorted(path.name for path in root.iterdir()) == [".ml_assets", "defs", "sql"]
    assert query(root / ".ml_assets", "select count(*) > 0 from scores.repeat_purchase") == [(True,)]
    assert "The example's declarations and SQL are now yours" in said
