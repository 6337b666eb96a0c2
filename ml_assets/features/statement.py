"""One SQL file: read, checked against the rules of its kind, and fingerprinted by what it means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from ml_assets.errors import SqlError
from ml_assets.warehouse.manifest import fingerprint
from ml_assets.warehouse.names import SCHEMAS, TableName

# Anything that gives another answer tomorrow, or twice: the snapshot and the injected clock are the only times.
_UNREPEATABLE = {
    "now", "current_date", "current_timestamp", "current_time", "localtime", "localtimestamp", "get_current_timestamp",
    "get_current_time", "today", "transaction_timestamp", "random", "uuid", "gen_random_uuid", "uuidv4", "uuidv7",
    "setseed", "nextval", "currval", "rand",
}  # fmt: skip
# Reading anything but declared tables would hide a dependency.
_OUTSIDE = {"read_csv", "read_csv_auto", "read_parquet", "parquet_scan", "read_json", "read_json_auto", "read_text",
            "read_blob", "glob", "sniff_csv", "getenv", "getvariable", "sqlite_scan", "postgres_scan"}  # fmt: skip


@dataclass(frozen=True)
class Statement:
    """A parsed, read-only statement over declared tables."""

    path: Path
    text: str
    tree: exp.Expression

    @cached_property
    def tables(self) -> tuple[TableName, ...]:
        """Warehouse tables it reads, sorted; names of its own CTEs are not tables."""
        return tuple(sorted({TableName(t.db, t.name) for t in self.tree.find_all(exp.Table) if t.db}))

    @cached_property
    def fingerprint(self) -> str:
        """Of the meaning: comments, white space and letter case of keywords change nothing."""
        return fingerprint(self.tree.sql(dialect="duckdb", comments=False, normalize=True))

    @cached_property
    def uses_snapshot(self) -> bool:
        return any(str(node.this) == "snapshot" for node in self.tree.find_all(exp.Placeholder, exp.Parameter))

    @cached_property
    def output_columns(self) -> tuple[str, ...]:
        """Names of the result's columns as far as the text alone tells."""
        return tuple(self.tree.named_selects) if isinstance(self.tree, exp.Query) else ()

    @cached_property
    def header(self) -> dict[str, str]:
        """The `-- key: value` lines at the top: purpose, grain, key, time."""
        found: dict[str, str] = {}
        for line in self.text.splitlines():
            if not line.startswith("--"):
                break
            key, separator, value = line.removeprefix("--").partition(":")
            if separator and key.strip() in ("purpose", "grain", "key", "time"):
                found[key.strip()] = value.strip()
        return found

    def line_of(self, word: str) -> int | None:
        """First line that contains `word`, 1-based."""
        for number, line in enumerate(self.text.splitlines(), 1):
            if word.lower() in line.lower().partition("--")[0]:
                return number
        return None


def read_statement(sql_root: Path, relative: str, *, declared_at: str) -> Statement:
    """The statement in `sql_root/relative`, or a `SqlError` that names the file and line."""
    path = sql_root / relative
    if not path.is_file():
        near = sorted(str(p.relative_to(sql_root)) for p in sql_root.rglob("*.sql"))[:20]
        raise SqlError(
            f"SQL file {relative} does not exist", place=declared_at, expected=f"a file below {sql_root.name}/",
            got=f"there are: {', '.join(near) or 'no SQL files'}", remedy="create the file or correct `sql:`",
        )  # fmt: skip
    text = path.read_text(encoding="utf-8")
    statement = Statement(path, text, _parse(path, text))
    _refuse_unrepeatable(statement)
    _refuse_undeclared_tables(statement)
    return statement


def _parse(path: Path, text: str) -> exp.Expression:
    try:
        trees = [tree for tree in sqlglot.parse(text, dialect="duckdb") if tree is not None]
    except (ParseError, TokenError) as problem:
        details = getattr(problem, "errors", None) or [{}]
        raise SqlError(
            "the SQL cannot be parsed", place=f"{path}:{details[0].get('line') or 1}", expected="one DuckDB SELECT",
            got=details[0].get("description") or str(problem), remedy="correct the statement",
        ) from problem  # fmt: skip
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        kinds = ", ".join(type(tree).__name__.upper() for tree in trees) or "nothing"
        raise SqlError(
            "a SQL file holds exactly one SELECT", place=f"{path}:1", expected="one SELECT (WITH … is fine)", got=kinds,
            remedy="one statement a file; the engine creates the table itself",
        )  # fmt: skip
    return trees[0]


def _refuse_unrepeatable(statement: Statement) -> None:
    for node in statement.tree.find_all(exp.Func):
        name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
        if name in _UNREPEATABLE or isinstance(node, exp.CurrentTimestamp | exp.CurrentDate | exp.Rand):
            raise SqlError(
                f"{name}() gives another answer at another time", place=_place(statement, name.split("_")[0]),
                expected="the same rows whenever it runs", got=f"{name}()",
                remedy="use $snapshot (features, labels) or a column; order or hash on a key instead of random()",
            )  # fmt: skip
        if name in _OUTSIDE:
            raise SqlError(
                f"{name}() reads outside the warehouse", place=_place(statement, name),
                expected="declared tables only, so that lineage is complete", got=f"{name}()",
                remedy="declare the file as a RawTable and read raw.<name>",
            )  # fmt: skip


def _refuse_undeclared_tables(statement: Statement) -> None:
    own = {cte.alias_or_name for cte in statement.tree.find_all(exp.CTE)}
    for table in statement.tree.find_all(exp.Table):
        wrong = (
            f"{table.catalog}.{table.db}.{table.name}" if table.catalog
            else table.name if not table.db and table.name and table.name not in own
            else f"{table.db}.{table.name}" if table.db and table.db not in SCHEMAS else None
        )  # fmt: skip
        if wrong:
            raise SqlError(
                f"{wrong!r} is not a table of the graph", place=_place(statement, table.name),
                expected="schema.table with schema raw or staging, or the name of a CTE", got=wrong,
                remedy="write the schema (raw.invoices), or declare the table",
            )  # fmt: skip


def _place(statement: Statement, word: str) -> str:
    return f"{statement.path}:{statement.line_of(word) or 1}"
