"""Another DuckDB file, attached read-only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from ml_assets.errors import PullError, SourceUnreachableError
from ml_assets.ingest.sources.source import Source, SourceColumn, table_name
from ml_assets.specs.columns import ColumnType
from ml_assets.warehouse.names import literal, quoted
from ml_assets.warehouse.store import EngineSettings

_BATCH_ROWS = 50_000
_HELD_ELSEWHERE = re.compile(r"Could not set lock on file|Unique file handle conflict|Conflicting lock")
# Type → what it is to a contract, what Arrow hands over, and SQL that reads it.
_PLAIN: dict[str, tuple[ColumnType, pa.DataType, str]] = {
    "TINYINT": ("integer", pa.int8(), "{c}"),
    "SMALLINT": ("integer", pa.int16(), "{c}"),
    "INTEGER": ("integer", pa.int32(), "{c}"),
    "BIGINT": ("integer", pa.int64(), "{c}"),
    "UTINYINT": ("integer", pa.uint8(), "{c}"),
    "USMALLINT": ("integer", pa.uint16(), "{c}"),
    "UINTEGER": ("integer", pa.uint32(), "{c}"),
    "UBIGINT": ("integer", pa.uint64(), "{c}"),
    "HUGEINT": ("integer", pa.string(), "cast({c} as varchar)"),
    "UHUGEINT": ("integer", pa.string(), "cast({c} as varchar)"),
    "FLOAT": ("float", pa.float32(), "{c}"),
    "DOUBLE": ("float", pa.float64(), "{c}"),
    "BOOLEAN": ("boolean", pa.bool_(), "{c}"),
    "DATE": ("date", pa.date32(), "{c}"),
    "TIMESTAMP": ("timestamp", pa.timestamp("us"), "{c}"),
    "TIMESTAMP_S": ("timestamp", pa.timestamp("us"), "cast({c} as timestamp)"),
    "TIMESTAMP_MS": ("timestamp", pa.timestamp("us"), "cast({c} as timestamp)"),
    "TIMESTAMP_NS": ("timestamp", pa.timestamp("ns"), "{c}"),
    "TIMESTAMP WITH TIME ZONE": ("timestamp", pa.timestamp("us"), "timezone('UTC', {c})"),
    "BLOB": ("string", pa.string(), "lower(hex({c}))"),
}
_NESTED = re.compile(r".*\]|(?:STRUCT|MAP|UNION)\(.*", re.DOTALL)


class DuckdbSource(Source):
    """A DuckDB file, read in one transaction; moments with a zone are UTC, what Arrow and Parquet do not share is text."""

    def __init__(self, path: Path, place: str) -> None:
        self.shown = f"duckdb:///{path}"
        self._place = place
        settings = EngineSettings()
        self._connection = duckdb.connect(config={"memory_limit": settings.memory_limit, "threads": settings.threads})
        try:
            with self._explained():
                self._connection.execute(f"attach {literal(str(path))} as source (type duckdb, read_only)")
                self._connection.execute("use source")
                self._connection.execute("set timezone = 'UTC'")
                self._connection.execute("begin transaction")
        except PullError:
            self._connection.close()
            raise

    def tables(self) -> Mapping[str, str]:
        rows = self._rows(
            "select table_schema, table_name from information_schema.tables where table_catalog = 'source' order by all"
        )
        return {
            table_name(str(schema), str(table), "main"): f"{quoted(str(schema))}.{quoted(str(table))}"
            for schema, table in rows
        }

    def columns(self, relation: str) -> list[SourceColumn]:
        described = [(str(row[0]), str(row[1])) for row in self._rows(f"describe select * from {relation} as q")]
        moments = [name for name, kind in described if kind.startswith(("DATE", "TIMESTAMP"))]
        endless: set[str] = set()
        if moments:
            asked = ", ".join(f"coalesce(bool_or(not isfinite(q.{quoted(name)})), false)" for name in moments)
            found = self._rows(f"select {asked} from {relation} as q")[0]
            endless = {name for name, is_endless in zip(moments, found, strict=True) if is_endless}
        return [_column(name, "VARCHAR" if name in endless else kind, kind) for name, kind in described]

    def rows(self, relation: str) -> int:
        return int(str(self._rows(f"select count(*) from {relation} as q")[0][0]))

    def batches(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        with self._explained():
            for batch in self._connection.sql(sql).to_arrow_reader(_BATCH_ROWS):
                yield pa.record_batch(
                    [array.cast(kind) for array, kind in zip(batch.columns, schema.types, strict=True)], schema
                )

    def close(self) -> None:
        self._connection.close()

    def _rows(self, sql: str) -> list[tuple[object, ...]]:
        with self._explained():
            return self._connection.execute(sql).fetchall()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as problem:
            said = str(problem).splitlines()[0]
            if _HELD_ELSEWHERE.search(str(problem)):
                pid = re.search(r"PID (\d+)", str(problem))
                holder = f"process {pid.group(1)}" if pid else "another program"
                raise SourceUnreachableError(
                    f"the DuckDB file is open for writing in {holder}", place=self._place, expected="no writer while it is read",
                    got=f"{self.shown}: {said}", remedy="close it there and pull again; nothing was written",
                ) from problem  # fmt: skip
            raise PullError(
                "DuckDB refuses", place=self._place, expected="a DuckDB file, and a table or query that can be read",
                got=f"{self.shown}: {said}", remedy="correct the table, the query or the file",
            ) from problem  # fmt: skip


def _column(name: str, kind: str, declared: str) -> SourceColumn:
    """`kind` is what the values are read as, `declared` what the file says."""
    sql, (word, _, size) = f"q.{quoted(name)}", kind.partition("(")
    if word in _PLAIN and not _NESTED.fullmatch(kind):
        type_, arrow, read = _PLAIN[word]
        return SourceColumn(name, declared, type_, read.format(c=sql), arrow)
    if word == "DECIMAL" and not _NESTED.fullmatch(kind):
        precision, scale = size.rstrip(")").split(",")
        return SourceColumn(name, declared, "decimal", sql, pa.decimal128(int(precision), int(scale)))
    read = f"to_json({sql})" if _NESTED.fullmatch(kind) else sql
    return SourceColumn(name, declared, "string", f"cast({read} as varchar)", pa.string())
