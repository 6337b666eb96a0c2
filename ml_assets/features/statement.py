"""One SQL file: read, checked against the rules of its kind, and fingerprinted by what it means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import ParseError, TokenError

from ml_assets.errors import SqlError
from ml_assets.features.column_lineage import ColumnLineage, column_lineage
from ml_assets.features.column_logic import column_logic, copied_columns, shapes_rows_by
from ml_assets.features.statement_rules import Words, refuse_what_is_not_allowed
from ml_assets.warehouse.manifest import fingerprint
from ml_assets.warehouse.names import TableName

# Following a column takes two thousandths of a second.
_MOST_FOLLOWED = 300


@dataclass(frozen=True)
class Statement:
    """A parsed, read-only statement over declared tables; `shown` is its path as messages give it."""

    path: Path
    text: str
    tree: exp.Query
    tokens: tuple[Token, ...]
    shown: str

    @cached_property
    def tables(self) -> tuple[TableName, ...]:
        """Warehouse tables it reads, sorted; names of its own CTEs are not tables."""
        named = {TableName(t.db.lower(), t.name.lower()) for t in self.tree.find_all(exp.Table) if t.db}
        return tuple(sorted(named))

    @cached_property
    def fingerprint(self) -> str:
        """Of the words: comments, white space and letter case (but not that of texts) change nothing.

        Words and not the parsed tree: a parser that drops what it does not know would hide a change.
        """
        words = [self.text[t.start : t.end + 1] for t in self.tokens if t.token_type is not TokenType.SEMICOLON]
        # Words of several words (`group by`) may hold any white space; a text keeps all of its own.
        return fingerprint([word if "'" in word or "$$" in word else " ".join(word.lower().split()) for word in words])

    @cached_property
    def body(self) -> str:
        """The text without the closing semicolon."""
        closing = next((t for t in self.tokens if t.token_type is TokenType.SEMICOLON), None)
        return (self.text if closing is None else self.text[: closing.start]).rstrip()

    @cached_property
    def uses_snapshot(self) -> bool:
        return any(str(node.this) == "snapshot" for node in self.tree.find_all(exp.Placeholder, exp.Parameter))

    def columns_in_use(self, columns: Iterable[str]) -> list[str]:
        """Those of a source table's columns that the result may depend on; all, where a word stands for many columns.

        A column that is nowhere named cannot matter, unless a `*`, COLUMNS(), a natural join, a pivot or a table used
        as a value takes in what is not named.
        """
        found = list(columns)
        if self._takes_unnamed_columns:
            return found
        words = {token.text.lower() for token in self.tokens}
        # An empty list would not do: rows have to be counted by some column.
        return [name for name in found if name.lower() in words] or found[:1]

    @cached_property
    def _takes_unnamed_columns(self) -> bool:
        if any(self.tree.find_all(exp.Pivot, exp.Columns)) or any(map(_takes_all, self.tree.find_all(exp.Star))):
            return True
        words = {token.text.lower() for token in self.tokens}
        if words & {"natural", "columns", "positional", "asof"}:
            return True
        tables = {table.alias_or_name.lower() for table in self.tree.find_all(exp.Table) if table.db}
        return any(column.name.lower() in tables for column in self.tree.find_all(exp.Column))

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

    @property
    def is_quickly_followed(self) -> bool:
        """Whether its columns are so few that following each to its sources takes a fraction of a second."""
        return len(self.tree.named_selects) <= _MOST_FOLLOWED

    def column_logic(self, columns: Mapping[TableName, Iterable[str]]) -> Mapping[str, str]:
        """Output column → fingerprint of everything in the statement that its values rest on, as far as that can be told."""
        known = tuple(sorted((table, tuple(names)) for table, names in columns.items() if table in self.tables))
        return column_logic(known, self.tree)

    def copied_columns(self, columns: Mapping[TableName, Iterable[str]]) -> Mapping[str, tuple[TableName, str]]:
        """Output column → the source column that it repeats unchanged, row by row; computed and grouped ones are left out."""
        known = tuple(sorted((table, tuple(names)) for table, names in columns.items() if table in self.tables))
        return copied_columns(known, self.tree)

    def shapes_rows_by(self, column: str) -> bool:
        """Whether a source column (or what a part of the statement renames it to) filters, joins, groups or orders rows."""
        return shapes_rows_by(column, self.tree)

    def column_lineage(self, columns: Mapping[TableName, Iterable[str]]) -> ColumnLineage:
        """Output column → source columns it is computed from, as far as they can be told; `columns` are the sources'.

        Columns that only filter, join or group are not part of it.
        """
        known = tuple(sorted((table, tuple(names)) for table, names in columns.items() if table in self.tables))
        return column_lineage(self.fingerprint, known, self.tree)

    def line_of(self, word: str) -> int | None:
        """First line, comments left out, that contains `word`; 1-based."""
        for number, line in enumerate(self.text.splitlines(), 1):
            if word.lower() in line.lower().partition("--")[0]:
                return number
        return None


def _takes_all(star: exp.Star) -> bool:
    """Whether a `*` stands for the columns of a warehouse table, not for those that the statement has named before."""
    if isinstance(star.parent, exp.Count):
        return False
    select = star.find_ancestor(exp.Select)
    if select is None:
        return True
    sources = [select.args.get("from_") or select.args.get("from"), *select.args.get("joins", ())]
    read = [source.this for source in sources if source is not None]
    return not read or any(
        not isinstance(source, exp.Table | exp.Subquery) or bool(source.args.get("db")) for source in read
    )


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
    # As places in YAML, relative to the project.
    shown = f"{sql_root.name}/{relative}"
    statement = _parsed(path, text, shown)
    refuse_what_is_not_allowed(statement.tree, Words(shown, text, statement.tokens))
    return statement


def statement_from(text: str, shown: str) -> Statement:
    """The statement of a text that was read elsewhere (an earlier revision of a file); raises where it is not one SELECT."""
    return _parsed(Path(shown), text, shown)


def _parsed(path: Path, text: str, shown: str) -> Statement:
    try:
        tokens = sqlglot.tokenize(text, dialect="duckdb")
        trees = [
            tree
            for tree in sqlglot.parse(text, dialect="duckdb")
            if tree is not None and not isinstance(tree, exp.Semicolon)
        ]
    except (ParseError, TokenError) as problem:
        details = getattr(problem, "errors", None) or [{}]
        raise SqlError(
            "the SQL cannot be parsed", place=f"{shown}:{_line_of(text, details[0])}", expected="one DuckDB SELECT",
            got=details[0].get("description") or str(problem), remedy="correct the statement",
        ) from problem  # fmt: skip
    if len(trees) != 1 or not isinstance(trees[0], exp.Query):
        kinds = ", ".join(type(tree).__name__.upper() for tree in trees) or "nothing"
        raise SqlError(
            "a SQL file holds exactly one SELECT", place=f"{shown}:1", expected="one SELECT (WITH … is fine)", got=kinds,
            remedy="one statement a file; the engine creates the table itself",
        )  # fmt: skip
    return Statement(path, text, trees[0], tuple(tokens), shown)


def _line_of(text: str, details: Mapping[str, object]) -> int:
    """Line of a parse error by the words round it; the parser's own count is off behind a `$`."""
    before = str(details.get("start_context") or "")
    position = text.find(f"{before}{details.get('highlight') or ''}")
    return 1 + text.count("\n", 0, max(0, position) + len(before))
