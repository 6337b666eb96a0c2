"""The how-tos about Postgres and S3: their commands, as they stand there, work on a real project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from ml_assets_tests.e2e.state import ROOT, query
from ml_assets_tests.postgres_server import OWNER, PASSWORD, PostgresServer
from ml_assets_tests.pulled import project_with_a_database
from ml_assets_tests.tiny import NOW, TinyProject

HOW_TO = ROOT / "docs" / "how-to"


def script_of(page: str) -> str:
    """All `bash` blocks of a page, one after the other in one shell."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    return "\n".join(["set -euo pipefail", *re.findall(r"```bash\n(.*?)```", text, flags=re.DOTALL)])


def declaration_of(page: str) -> str:
    """The one `yaml` block of a page."""
    [text] = re.findall(r"```yaml\n(.*?)```", (HOW_TO / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    return str(text)


def programs(folder: Path, *further: Path) -> str:
    """A PATH on which `ml-assets` is the one that is tested."""
    folder.mkdir()
    wrapper = folder / "ml-assets"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ml_assets.cli "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    return os.pathsep.join(map(str, (folder, Path(sys.executable).parent, *further, "/usr/bin", "/bin")))


def run(script: str, project: TinyProject, path: str, variables: Mapping[str, str]) -> str:
    """What a script says in the project's folder; it has to end well."""
    environment = {"PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(project.root), "DO_NOT_TRACK": "1", **variables}
    result = subprocess.run(
        ["bash", "-c", script],
        cwd=project.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


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
    path = programs(tmp_path / "bin", postgres.programs)
    run("ml-assets profile --prepare", tiny_copy, path, {})
    assert "PooledSqliteEventLogStorage" in (tiny_copy.home.dagster / "dagster.yaml").read_text(encoding="utf-8")
    admin = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": OWNER, "PGPASSWORD": PASSWORD}
    said = run(script_of("move-to-postgres.md"), tiny_copy, path, admin)
    assert "event_log_storage: PostgresEventLogStorage" in said
    assert "deploy/dagster/postgres.yaml, in use" in said
    assert (tiny_copy.home.root / "dagster-sqlite" / "dagster.yaml").exists()
    assert list(tiny_copy.home.dagster.rglob("*.db")) == []
    assert postgres.rows("select tableowner from pg_tables where tablename = 'event_logs'", "dagster") == [("dagster",)]


def test_a_table_comes_from_another_database(tmp_path: Path) -> None:
    project = project_with_a_database(tmp_path / "project")
    project.declare("orders", declaration_of("pull-from-a-database.md"))
    said = run(script_of("pull-from-a-database.md"), project, programs(tmp_path / "bin"), {})
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
    said = run(script_of("move-to-s3.md"), tiny_copy, programs(tmp_path / "bin"), remote)
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
