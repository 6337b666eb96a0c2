"""The how-tos about Postgres and S3: their commands, as they stand there, work on a real project."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ml_assets_tests.docs.reader import DOCS, Reader, texts
from ml_assets_tests.e2e.state import ROOT, query
from ml_assets_tests.postgres_server import OWNER, PASSWORD, PostgresServer
from ml_assets_tests.pulled import project_with_a_database
from ml_assets_tests.tiny import NOW, TinyProject

HOW_TO = DOCS / "how-to"


def needs(*names: str) -> None:
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed (Debian: apt-get install {' '.join(missing)})")


@pytest.mark.postgres
@pytest.mark.xdist_group("postgres")
def test_the_books_move_to_postgres(tiny_copy: TinyProject, postgres: PostgresServer, tmp_path: Path) -> None:
    needs("openssl")
    postgres.execute('drop database if exists "dagster" with (force)', "drop role if exists dagster")
    shutil.copytree(ROOT / "deploy", tiny_copy.root / "deploy")
    admin = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": OWNER, "PGPASSWORD": PASSWORD}
    reader = Reader(tiny_copy.root, tmp_path / "reader", admin, (postgres.programs,))
    reader.type("ml-assets profile --prepare")
    assert "PooledSqliteEventLogStorage" in (tiny_copy.home.dagster / "dagster.yaml").read_text(encoding="utf-8")
    said = reader.follow(HOW_TO / "move-to-postgres.md")
    assert "event_log_storage: PostgresEventLogStorage" in said
    assert "deploy/dagster/postgres.yaml, in use" in said
    assert (tiny_copy.home.root / "dagster-sqlite" / "dagster.yaml").exists()
    assert list(tiny_copy.home.dagster.rglob("*.db")) == []
    assert postgres.rows("select tableowner from pg_tables where tablename = 'event_logs'", "dagster") == [("dagster",)]


def test_a_table_comes_from_another_database(tmp_path: Path) -> None:
    project = project_with_a_database(tmp_path / "project")
    page = HOW_TO / "pull-from-a-database.md"
    [declaration] = texts(page, "yaml")
    project.declare("orders", declaration)
    said = Reader(project.root, tmp_path / "reader").follow(page)
    assert "rows\n" in said
    assert "This run made: raw.orders" in said
    [(rows,)] = query(project.home.root, "select count(*) from features.habits")
    assert rows > 0


def test_files_move_to_a_remote_and_back(tiny_copy: TinyProject, tmp_path: Path) -> None:
    needs("rclone", "flock")
    bucket = tmp_path / "bucket"
    (bucket / "ml-assets" / "landing" / "shop").mkdir(parents=True)
    newest = max(tiny_copy.home.landing("shop").glob("*.csv"))
    newest.rename(bucket / "ml-assets" / "landing" / "shop" / newest.name)
    remote = {
        "RCLONE_CONFIG_SHOP_TYPE": "alias",
        "RCLONE_CONFIG_SHOP_REMOTE": str(bucket),
        "TMPDIR": str(tmp_path),
        "ML_ASSETS_NOW": NOW,
    }
    said = Reader(tiny_copy.root, tmp_path / "reader", remote).follow(HOW_TO / "move-to-s3.md")
    assert "Nothing to do" in said
    assert newest.exists()
    [restored] = [path.parent for path in tmp_path.glob("tmp.*/warehouse.duckdb")]
    tables = "select asset, partition, content from ops.manifest order by all"
    assert query(restored, tables) == query(tiny_copy.home.root, tables) != []
    for folder in ("landing", "training", "reports"):
        names = [
            {path.relative_to(root / folder) for path in (root / folder).rglob("*")}
            for root in (restored, tiny_copy.home.root)
        ]
        assert names[0] == names[1] != set(), folder
