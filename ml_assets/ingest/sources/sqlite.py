"""SQLite, in which a value has a type and a column only an intention: types are told from the values themselves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from ml_assets.errors import PullError, SourceUnreachableError
from ml_assets.ingest.sources.source import Source, SourceColumn
from ml_assets.warehouse.names import literal, quoted

_BUSY_SECONDS = 20.0
_BATCH_ROWS = 10_000
# SQLite has at most 2,000 columns in a result; each needs nine here.
_COLUMNS_AT_ONCE = 200
_EXACT = 2**53
# What is known of a column's values, one aggregate each.
_MEASURES = (
    "count({c})", "total(typeof({c}) = 'integer')", "total(typeof({c}) = 'real')", "total(typeof({c}) = 'text')",
    "total(typeof({c}) = 'blob')", "min(case typeof({c}) when 'integer' then {c} end)",
    "max(case typeof({c}) when 'integer' then {c} end)",
)  # fmt: skip
# Text of any value, from which the very same value can be read.
_AS_TEXT = (
    "case typeof({c}) when 'blob' then lower(hex({c})) when 'real' then case when cast(cast({c} as text) as real) = {c} "
    "then cast({c} as text) else printf('%!.17g', {c}) end else cast({c} as text) end"
)


class SqliteSource(Source):
    """A SQLite file, read in one transaction.

    A column of whole numbers is `int64`, of numbers `float64`, of 0 and 1 declared BOOLEAN `bool`; dates are the text that
    they are. Binary is hexadecimal text. A column of mixed kinds is text throughout, so that no value is lost.
    """

    def __init__(self, path: Path, place: str) -> None:
        self.shown = f"sqlite:///{path}"
        self._place = place
        with self._explained():
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS, isolation_level=None,
                check_same_thread=False,
            )  # fmt: skip
            try:
                self._connection.execute("begin")
                self._connection.execute("select count(*) from sqlite_schema").fetchone()
            except sqlite3.Error:
                self._connection.close()
                raise

    def tables(self) -> Mapping[str, str]:
        rows = self._rows(
            "select name from sqlite_schema where type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\'"
        )
        return {str(name): quoted(str(name)) for (name,) in rows}

    def columns(self, relation: str) -> list[SourceColumn]:
        with self._explained():
            cursor = self._connection.execute(f"select * from {relation} as q limit 0")
        names = [column[0] for column in cursor.description]
        declared = self._declared(relation)
        found: list[SourceColumn] = []
        for start in range(0, len(names), _COLUMNS_AT_ONCE):
            found += self._measured(relation, names[start : start + _COLUMNS_AT_ONCE], declared)
        return found

    def rows(self, relation: str) -> int:
        return int(str(self._rows(f"select count(*) from {relation} as q")[0][0]))

    def batches(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        with self._explained():
            cursor = self._connection.execute(sql)
            while rows := cursor.fetchmany(_BATCH_ROWS):
                columns = zip(*rows, strict=True)
                yield pa.record_batch(
                    [_array(values, kind) for values, kind in zip(columns, schema.types, strict=True)], schema
                )

    def close(self) -> None:
        self._connection.close()

    def _measured(self, relation: str, names: Sequence[str], declared: Mapping[str, str]) -> list[SourceColumn]:
        measures = ", ".join(measure.format(c=f"q.{quoted(name)}") for name in names for measure in _MEASURES)
        values = self._rows(f"select {measures} from {relation} as q")[0]
        width = len(_MEASURES)
        return [
            _column(name, declared.get(name, ""), values[position * width : (position + 1) * width])
            for position, name in enumerate(names)
        ]

    def _declared(self, relation: str) -> dict[str, str]:
        """Column → declared type; empty for a query."""
        if not relation.startswith('"'):
            return {}
        table = literal(relation[1:-1].replace('""', '"'))
        return {
            str(name): str(kind) for name, kind in self._rows(f"select name, type from pragma_table_xinfo({table})")
        }

    def _rows(self, sql: str) -> list[tuple[object, ...]]:
        with self._explained():
            return self._connection.execute(sql).fetchall()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            raise self._error(problem) from problem

    def _error(self, problem: sqlite3.Error) -> PullError:
        if getattr(problem, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return SourceUnreachableError(
                "the SQLite file is locked by another program", place=self._place, expected=f"to read it within {_BUSY_SECONDS:g} s",
                got=f"{self.shown}: {problem}", remedy="let that program finish its write and pull again; nothing was written",
            )  # fmt: skip
        return PullError(
            "SQLite refuses", place=self._place, expected="a SQLite file, and a table or query that can be read", got=f"{self.shown}: {problem}",
            remedy="text must be UTF-8: cast such columns to blob in a query" if "UTF-8" in str(problem) else "correct the table, the query or the file",
        )  # fmt: skip


def _column(name: str, declared: str, measures: Sequence[object]) -> SourceColumn:
    count, whole, real, text, blob = (int(float(str(value))) for value in measures[:5])
    lowest, highest = measures[5:]
    sql = f"q.{quoted(name)}"
    if text or blob or (count == 0 and not _is_number(declared)):
        return SourceColumn(name, declared, "string", sql if text == count else _AS_TEXT.format(c=sql), pa.string())
    small = not whole or (abs(int(str(lowest))) <= _EXACT and abs(int(str(highest))) <= _EXACT)
    if real and whole and not small:
        return SourceColumn(name, declared, "string", _AS_TEXT.format(c=sql), pa.string())
    if real or (count == 0 and _is_fraction(declared)):
        return SourceColumn(name, declared, "float", sql, pa.float64())
    if declared.upper().startswith("BOOL") and (count == 0 or (int(str(lowest)) >= 0 and int(str(highest)) <= 1)):
        return SourceColumn(name, declared, "boolean", sql, pa.bool_())
    return SourceColumn(name, declared, "integer", sql, pa.int64())


def _is_fraction(declared: str) -> bool:
    return any(word in declared.upper() for word in ("REAL", "FLOA", "DOUB", "NUMERIC", "DECIMAL"))


def _is_number(declared: str) -> bool:
    return _is_fraction(declared) or any(word in declared.upper() for word in ("INT", "BOOL"))


def _array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    return pa.array(values, pa.int64()).cast(kind) if pa.types.is_boolean(kind) else pa.array(values, kind)
