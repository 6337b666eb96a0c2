"""`ml-assets init` on tables of other databases: looked at once, declared with their pull, run to scores."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ml_assets.cli import main
from ml_assets.warehouse.names import quoted
from ml_assets_tests.e2e.state import query
from ml_assets_tests.onboarding import data
from ml_assets_tests.postgres_server import PostgresServer


def command(root: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--project", str(root), *words], catch_exceptions=False)


def records(folder: Path) -> tuple[list[str], list[list[str | None]]]:
    with data.churn(folder / "churn.csv", rows=300).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return header, [[value or None for value in row] for row in rows]


def project_in(folder: Path) -> Path:
    for name in ("defs", "sql"):
        (folder / name).mkdir(parents=True)
    return folder


def test_a_table_of_sqlite_comes_to_scores(tmp_path: Path) -> None:
    root = project_in(tmp_path / "project")
    header, rows = records(tmp_path)
    connection = sqlite3.connect(root / "shop.db")
    connection.execute(f"create table customers ({', '.join(map(quoted, header))})")
    connection.executemany(f"insert into customers values ({', '.join('?' * len(header))})", rows)
    connection.commit()
    connection.close()
    words = ("churn", "--data", "sqlite:///shop.db", "--table", "customers", "--target", "churned", "--yes")
    assert command(root, "init", *words).exit_code == 0

    assert command(root, "run", "churn").exit_code == 0
    assert query(root / ".ml_assets", "select count(*) from scores.churn") == [(300,)]


@pytest.mark.postgres
def test_a_table_of_postgres_comes_to_scores_and_its_url_is_written_nowhere(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project_in(tmp_path / "project")
    header, rows = records(tmp_path)
    url = postgres.new_database("init")
    values = ", ".join(
        "(" + ", ".join("null" if value is None else "'" + value.replace("'", "''") + "'" for value in row) + ")"
        for row in rows
    )
    postgres.execute(
        f"create table customers ({', '.join(f'{quoted(name)} text' for name in header)})", f"insert into customers values {values}", database="init"
    )  # fmt: skip
    monkeypatch.setenv("SHOP_DATABASE_URL", url)
    words = ("churn", "--data", "env:SHOP_DATABASE_URL", "--table", "customers", "--target", "churned", "--yes")
    assert command(root, "init", *words).exit_code == 0

    assert command(root, "run", "churn").exit_code == 0
    assert query(root / ".ml_assets", "select count(*) from scores.churn") == [(300,)]
    written = "".join(path.read_text(encoding="utf-8") for path in (root / "defs").rglob("*.yaml"))
    assert "env: SHOP_DATABASE_URL" in written
    assert url not in written
