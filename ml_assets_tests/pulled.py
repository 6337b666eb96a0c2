"""The tiny project with its orders in a SQLite file instead of CSV files."""

from __future__ import annotations

import csv
import sqlite3
from pathlib import Path

from ml_assets_tests.tiny import TinyProject

PULL = (
    '  files: orders.parquet\n  format: {kind: parquet}\n  pull: {database: "sqlite:///data/shop.db", table: orders}\n'
)


def project_with_a_database(root: Path, pull: str = PULL) -> TinyProject:
    """Orders of all weeks are rows of table `orders`; nothing is pulled yet."""
    project = TinyProject.create(root)
    project.edit("orders", '  files: "*.csv"\n', pull)
    (root / "data").mkdir()
    with sqlite3.connect(database_of(project)) as connection:
        connection.execute("create table orders (order_id integer, customer_id integer, ordered_at text, amount real)")
        for path in sorted(project.home.landing("shop").glob("*.csv")):
            with path.open(newline="", encoding="utf-8") as stream:
                connection.executemany("insert into orders values (?, ?, ?, ?)", list(csv.reader(stream))[1:])
            path.unlink()
    connection.close()
    return project


def database_of(project: TinyProject) -> Path:
    return project.root / "data" / "shop.db"


def change(project: TinyProject, statement: str) -> None:
    """Change the database by one statement."""
    with sqlite3.connect(database_of(project)) as connection:
        connection.execute(statement)
    connection.close()
