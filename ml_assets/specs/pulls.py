"""Declaration of where a raw table's landing file is fetched from."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from ml_assets.specs.base import Spec

_PASSWORD = re.compile(r"(://[^:/@\s]*):\S+@|(\bpassword=)[^&\s]+", re.IGNORECASE)
_FILE_URL = re.compile(r"(?:sqlite|duckdb):///.+")
_POSTGRES = re.compile(r"postgres(?:ql)?://", re.IGNORECASE)


def without_password(text: str) -> str:
    """`text` with the password of every URL in it left out."""
    return _PASSWORD.sub(lambda found: f"{found[1]}:…@" if found[1] is not None else f"{found[2]}…", text)


class EnvironmentSpec(Spec):
    """A value that is taken from the environment, because it is secret or differs between machines."""

    env: str = Field(description="Name of the environment variable.", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")


class PullSpec(Spec):
    """One table, or one query, of another database → the landing file, by `ml-assets pull`."""

    database: str | EnvironmentSpec = Field(
        description="`sqlite:///data/shop.db` or `duckdb:///data/shop.duckdb`, relative to the project's root; or {env: NAME} of a variable "
        "that holds such a URL, or one of Postgres (`postgresql://user:password@host/database`)."
    )
    table: str | None = Field(default=None, description="The table or view, `schema.table` outside the default schema.")
    query: str | None = Field(default=None, description="Or one SELECT, in the database's own SQL.")
    order_by: tuple[str, ...] = Field(
        default=(), description="Columns to order the rows by, so that equal rows are equal bytes; default the key's."
    )
    every: Literal["hour", "day", "week"] | None = Field(
        default=None, description="How often Dagster's daemon pulls it; by default only `ml-assets pull` does."
    )

    @field_validator("database", mode="before")
    @classmethod
    def _holds_no_secret(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        remedy = "put the whole URL into an environment variable and write {env: SHOP_DATABASE_URL}"
        if without_password(value) != value:
            raise ValueError(f"database holds a password, which must not stand in a declaration: {remedy}")
        if _POSTGRES.match(value):
            raise ValueError(f"a Postgres URL does not belong into a declaration: {remedy}")
        if not _FILE_URL.fullmatch(value):
            raise ValueError(f"{value!r} is no sqlite:///FILE or duckdb:///FILE; for Postgres, {remedy}")
        return value

    @model_validator(mode="after")
    def _one_source_of_rows(self) -> PullSpec:
        if (self.table is None) == (self.query is None):
            raise ValueError("give exactly one of table and query")
        if self.query is not None and not re.match(
            r"(?is)\s*(?:--[^\n]*\n\s*)*(?:select|with|values|from)\b", self.query
        ):
            raise ValueError("query must be one SELECT")
        return self
