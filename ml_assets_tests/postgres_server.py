"""A real PostgreSQL server for tests: its own data folder, a free loopback port, a password, no socket file."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

OWNER, PASSWORD = "owner", "s3cret word"
_IN_URL = "s3cret%20word"
_PROGRAMS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin")
_ATTEMPTS = 5


@dataclass(frozen=True)
class PostgresServer:
    """A running server. `url` holds the password."""

    port: int
    programs: Path

    def url(self, database: str = "postgres", password: str = _IN_URL, port: int | None = None) -> str:
        return f"postgresql://{OWNER}:{password}@127.0.0.1:{port or self.port}/{database}"

    def variables(self, database: str) -> dict[str, str]:
        """What deploy/dagster/postgres.yaml takes from the environment."""
        found = {"HOST": "127.0.0.1", "PORT": str(self.port), "USER": OWNER, "PASSWORD": PASSWORD, "DB": database}
        return {f"DAGSTER_POSTGRES_{name}": value for name, value in found.items()}

    def execute(self, *statements: str, database: str = "postgres") -> None:
        """Run statements, each committed by itself."""
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(self.url(database), autocommit=True) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Rows of a query."""
        from adbc_driver_postgresql import dbapi

        with dbapi.connect(self.url(database)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def new_database(self, name: str) -> str:
        """The URL of a database that is made anew."""
        self.execute(f'drop database if exists "{name}" with (force)', f'create database "{name}"')
        return self.url(name)


def why_not() -> str:
    """Why no server can be started here; the empty text when one can."""
    if programs() is None:
        return "no PostgreSQL server programs are installed (Debian: apt-get install postgresql)"
    missing = [name for name in ("adbc_driver_postgresql", "dagster_postgres") if find_spec(name) is None]
    return f"{', '.join(missing)} not installed: pip install 'ml-assets[postgres]'" if missing else ""


def programs() -> Path | None:
    """The folder that holds `initdb` and `pg_ctl`."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    for pattern in _PROGRAMS:
        folders += sorted(Path("/").glob(pattern.removeprefix("/")), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A new server, stopped and removed afterwards; skips the test, with the reason, where there cannot be one."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    folder = programs()
    assert folder is not None
    # Not below pytest's folder: the server's user may not look into what belongs to root.
    root = Path(tempfile.mkdtemp(prefix="ml-assets-postgres-"))
    try:
        user = _given_to_its_user(root)
        data = root / "data"
        secret = root / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        _run(
            [str(folder / "initdb"), "-D", str(data), "-U", OWNER, "--auth=scram-sha-256", f"--pwfile={secret}",
             "--no-sync", "-E", "UTF8", "--locale=C"], user,
        )  # fmt: skip
        port = _started(folder, data, user)
        try:
            yield PostgresServer(port, folder)
        finally:
            _run([str(folder / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop"], user)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _given_to_its_user(root: Path) -> str | None:
    """The server refuses to run as root: then it runs as another user, who gets the folder."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next(name for name in ("postgres", "nobody") if name in known)
    os.chown(root, pwd.getpwnam(user).pw_uid, -1)
    return user


def _started(folder: Path, data: Path, user: str | None) -> int:
    """The port on which the server listens. A free one may be taken in between: then another is tried."""
    for attempt in range(_ATTEMPTS):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off -c max_connections=60"
        log = data.parent / "log"
        start = [str(folder / "pg_ctl"), "-D", str(data), "-w", "-t", "60", "-l", str(log), "-o", options, "start"]
        if _run(start, user, check=attempt == _ATTEMPTS - 1) == 0:
            break
    return port


def _run(command: Sequence[str], user: str | None, *, check: bool = True) -> int:
    result = subprocess.run(
        command, user=user, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
        cwd="/", timeout=120,
    )  # fmt: skip
    assert result.returncode == 0 or not check, result.stderr
    return result.returncode
