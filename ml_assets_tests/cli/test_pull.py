"""`ml-assets pull` and `ml-assets run --pull` on the tiny project, whose orders lie in a SQLite file."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.pulled import PULL, change, project_with_a_database
from ml_assets_tests.tiny import TinyProject


@pytest.fixture
def project(tmp_path: Path) -> TinyProject:
    return project_with_a_database(tmp_path / "project")


def landed(project: TinyProject) -> Path:
    return project.home.landing("shop") / "orders.parquet"


def test_pull_lands_the_rows_and_says_how_many(project: TinyProject) -> None:
    first = json_of(invoke(project, "pull", "--json"))
    rows = pq.read_table(landed(project)).num_rows
    assert first["pulled"]["raw.orders"]["rows"] == rows > 0
    assert first["pulled"]["raw.orders"]["changed"] is True
    assert first["failures"] == {}
    again = invoke(project, "pull")
    assert again.exit_code == 0
    assert f"{rows} rows, unchanged" in again.stdout
    assert not project.home.warehouse.exists()


def test_run_with_pull_makes_what_came_and_nothing_when_nothing_came(project: TinyProject) -> None:
    first = invoke(project, "run", "+features.habits", "--pull", "--json")
    assert first.exit_code == 0, first.output
    assert json_of(first)["made"] == ["raw.orders", "staging.sales", "features.habits"]
    assert "Nothing to do" in invoke(project, "run", "+features.habits", "--pull").stdout
    change(project, "update orders set amount = amount + 1 where order_id = (select max(order_id) from orders)")
    second = invoke(project, "run", "+features.habits", "--pull", "--json")
    assert "raw.orders" in json_of(second)["made"]


def test_a_run_without_pull_leaves_the_landing_folder_alone(project: TinyProject) -> None:
    assert "no event before now" in invoke(project, "run", "raw.orders").stdout
    assert not landed(project).exists()


def test_a_table_that_cannot_be_fetched_fails_the_command_and_stops_a_run(project: TinyProject) -> None:
    change(project, "alter table orders rename to bestellungen")
    result = invoke(project, "pull")
    assert result.exit_code == 1
    line = project.declaration("orders").read_text(encoding="utf-8").splitlines().index(PULL.splitlines()[2]) + 1
    assert f"MLA101 tiny/defs/shop/orders/defs.yaml:{line}: unknown table of sqlite:///" in result.stderr
    assert "one of: bestellungen" in result.stderr
    stopped = invoke(project, "run", "--pull", "--json")
    assert stopped.exit_code == 1
    assert "raw.orders" in json_of(stopped)["failures"]
    assert not project.home.warehouse.exists()


def test_a_selection_without_a_pulled_table_is_refused(project: TinyProject) -> None:
    result = invoke(project, "pull", "staging.*")
    assert result.exit_code == 2
    assert "no selected table declares pull" in result.stderr


def test_a_password_in_a_declaration_is_refused_and_not_repeated(tmp_path: Path) -> None:
    project = project_with_a_database(
        tmp_path / "project", PULL.replace("sqlite:///data/shop.db", "postgresql://me:hunter2@db/shop")
    )
    result = invoke(project, "status")
    assert result.exit_code == 2
    assert "holds a password" in result.stderr
    assert "{env: SHOP_DATABASE_URL}" in result.stderr
    assert "postgresql://me:…@db/shop" in result.stderr
    assert "hunter2" not in result.output + result.stderr
