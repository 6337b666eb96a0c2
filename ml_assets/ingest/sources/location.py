"""Which database a declaration means: a URL, perhaps from the environment, and the source that it opens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_assets.errors import DeclarationError, PullError
from ml_assets.ingest.sources.source import Source
from ml_assets.specs.pulls import EnvironmentSpec, without_password

_SPELLINGS = "sqlite:///FILE, duckdb:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"


def database_url(database: str | EnvironmentSpec, place: str) -> str:
    """The URL itself; `DeclarationError` names a variable that is not set."""
    if isinstance(database, str):
        return database
    url = os.environ.get(database.env, "").strip()
    if not url:
        raise DeclarationError(
            f"the environment variable {database.env} is not set", place=place, expected=_SPELLINGS, got="nothing",
            remedy=f"export {database.env}=…, in the environment of Dagster's processes as well",
        )  # fmt: skip
    return url


@contextmanager
def opened_source(url: str, project_root: Path, place: str) -> Iterator[Source]:
    """The database of a URL, open for reading only. Relative files start from the project's root.

    Raises `DeclarationError` for a URL of another kind, `PullError` for what cannot be opened.
    """
    source = _open(url, project_root, place)
    try:
        yield source
    finally:
        source.close()


def _open(url: str, project_root: Path, place: str) -> Source:
    kind, _, rest = url.partition("://")
    if kind in ("postgresql", "postgres"):
        from ml_assets.ingest.sources.postgres import PostgresSource

        return PostgresSource(url, place)
    if kind not in ("sqlite", "duckdb") or not rest.startswith("/") or len(rest) == 1:
        raise DeclarationError(
            "not the URL of a database that can be pulled from", place=place, expected=_SPELLINGS,
            got=without_password(url), remedy="correct the URL",
        )  # fmt: skip
    path = project_root / Path(rest[1:]).expanduser()
    if not path.is_file():
        raise PullError(
            f"there is no file {path}", place=place, expected="a database file", got=url,
            remedy=f"correct the path; relative ones start from {project_root}",
        )  # fmt: skip
    if kind == "sqlite":
        from ml_assets.ingest.sources.sqlite import SqliteSource

        return SqliteSource(path, place)
    from ml_assets.ingest.sources.duckdb_file import DuckdbSource

    return DuckdbSource(path, place)
