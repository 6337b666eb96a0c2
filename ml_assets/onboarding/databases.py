"""Tables of another database, fetched once to be looked at; afterwards `ml-assets pull` fetches them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ml_assets.errors import UnderstandingError
from ml_assets.ingest.pull import fetch
from ml_assets.ingest.sources.location import database_url, opened_source
from ml_assets.onboarding.naming import warehouse_names
from ml_assets.onboarding.understanding import Understanding
from ml_assets.specs.pulls import PullSpec, without_password

_VARIABLE = "env:"


@dataclass(frozen=True)
class Fetched:
    """Tables of one database as Parquet files: name in the warehouse → file, and → name there."""

    database: str
    files: Mapping[str, tuple[Path, ...]]
    there: Mapping[str, str]

    def told_of(self, understanding: Understanding) -> Understanding:
        """With the tables' origin, so that they are declared with their pull."""
        tables = (
            replace(table, pulled_from=self.database, pulled_table=self.there[table.name])
            if table.name in self.there
            else table
            for table in understanding.tables
        )
        return replace(understanding, tables=tuple(tables))


def is_database(word: str) -> bool:
    """Whether a word of --data names a database: a URL, or `env:NAME` of a variable that holds one."""
    return "://" in word or word.startswith(_VARIABLE)


def fetched(database: str, tables: Sequence[str], folder: Path, root: Path) -> Fetched:
    """The named tables, or the only one there is, as files in `folder`. File URLs are relative to `root`."""
    place = "--data"
    declared: Any = {"env": database.removeprefix(_VARIABLE)} if database.startswith(_VARIABLE) else database
    try:
        pull = PullSpec(database=declared, table="any")
    except ValidationError as problem:
        raise UnderstandingError(
            "the database cannot be declared so", expected="sqlite:///FILE, duckdb:///FILE, or env:NAME of a variable with the URL",
            got=without_password(database), remedy=str(problem.errors()[0]["msg"]),
        ) from problem  # fmt: skip
    with opened_source(database_url(pull.database, place), root, place) as source:
        wanted = list(tables) or [table.name for table in source.preview()]
        if not tables and len(wanted) != 1:
            raise UnderstandingError(
                "the database has several tables", expected="--table NAME, once for each", got=", ".join(wanted[:20]) or "none",
                remedy="name those that belong together",
            )  # fmt: skip
        names = warehouse_names([table.rpartition(".")[2] for table in wanted], "table")
        files = {}
        for name, table in zip(names, wanted, strict=True):
            relation = source.relation(pull.model_copy(update={"table": table}), place)
            fetch(source, relation, source.columns(relation), (), folder / f"{name}.parquet")
            files[name] = (folder / f"{name}.parquet",)
    return Fetched(database, files, dict(zip(names, wanted, strict=True)))
