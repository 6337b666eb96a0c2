"""Postgres, through the driver that hands its rows over as Arrow (extra `postgres`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import DeclarationError, PullError, SourceUnreachableError
from ml_assets.ingest.sources.source import Source, SourceColumn, table_name
from ml_assets.specs.columns import ColumnType
from ml_assets.specs.pulls import without_password
from ml_assets.warehouse.names import quoted

_CONNECT_SECONDS = 10
_TABLES = """\
select n.nspname, c.relname, n.nspname = current_schema()
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname not in ('pg_catalog', 'information_schema')
    and n.nspname not like 'pg\\_toast%' and n.nspname not like 'pg\\_temp%'
order by 1, 2
"""
_PLAIN: dict[str, tuple[ColumnType, pa.DataType]] = {
    "bool": ("boolean", pa.bool_()), "int2": ("integer", pa.int16()), "int4": ("integer", pa.int32()),
    "int8": ("integer", pa.int64()), "float4": ("float", pa.float32()), "float8": ("float", pa.float64()),
}  # fmt: skip
_MOMENTS = ("date", "timestamp", "timestamptz")
_MOST_DIGITS = 38
# Postgres has at most 1,664 columns in a result.
_MEASURED_AT_ONCE = 400


class PostgresSource(Source):
    """One database of a Postgres server, read in one repeatable-read transaction, which writes nothing.

    `numeric` is decimal where 38 digits hold it, `timestamptz` is UTC, `bytea` is hexadecimal text, arrays are JSON, what Arrow
    and Parquet do not share (json, uuid, enums, intervals) is Postgres's own text. A column that holds NaN or infinity where
    its type has no such value is text throughout.
    """

    def __init__(self, url: str, place: str) -> None:
        try:
            from adbc_driver_postgresql import dbapi
        except ImportError as problem:
            raise DeclarationError(
                "the driver of Postgres is not installed", place=place, expected="the extra `postgres`", got=problem,
                remedy="pip install 'ml-assets[postgres]'",
            ) from problem  # fmt: skip
        self.shown, self._secrets = _checked(url, place)
        self._place = place
        with self._explained("connect"):
            self._connection: Any = dbapi.connect(_with_timeout(url))
        self._rows("set transaction isolation level repeatable read, read only")

    def tables(self) -> Mapping[str, str]:
        return {
            table_name(
                str(schema), str(table), str(schema) if is_default else ""
            ): f"{quoted(str(schema))}.{quoted(str(table))}"
            for schema, table, is_default in self._rows(_TABLES)
        }

    def columns(self, relation: str) -> list[SourceColumn]:
        with self._explained("read"), self._connection.cursor() as cursor:
            schema = cursor.adbc_execute_schema(f"select * from {relation} as q")
        kinds = [(field.name, *_postgres_type(field)) for field in schema]
        odd = self._measured(
            relation, [(name, kind) for name, kind, _ in kinds if kind == "numeric" or kind in _MOMENTS]
        )
        return [_column(name, kind, modifier, odd.get(name)) for name, kind, modifier in kinds]

    def rows(self, relation: str) -> int:
        return int(str(self._rows(f"select count(*) from {relation} as q")[0][0]))

    def batches(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        with self._explained("read"), self._connection.cursor() as cursor:
            cursor.execute(sql)
            for batch in cursor.fetch_record_batch():
                yield pa.record_batch(
                    [pc.cast(array, kind) for array, kind in zip(batch.columns, schema.types, strict=True)], schema
                )

    def close(self) -> None:
        self._connection.close()

    def _measured(self, relation: str, columns: Sequence[tuple[str, str]]) -> dict[str, tuple[bool, int, int]]:
        """Of moments and numbers: whether some value is not finite, most digits before and after the point."""
        found: dict[str, tuple[bool, int, int]] = {}
        for start in range(0, len(columns), _MEASURED_AT_ONCE):
            some = columns[start : start + _MEASURED_AT_ONCE]
            asked = ", ".join(_measures(f"q.{quoted(name)}", kind) for name, kind in some)
            values = self._rows(f"select {asked} from {relation} as q")[0]
            for position, (name, _) in enumerate(some):
                endless, before, after = values[3 * position : 3 * position + 3]
                found[name] = (bool(endless), int(str(before)), int(str(after)))
        return found

    def _rows(self, sql: str) -> list[tuple[object, ...]]:
        with self._explained("read"), self._connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall()) if cursor.description else []

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        from adbc_driver_postgresql import dbapi

        try:
            yield
        except (dbapi.Error, pa.ArrowException, OSError) as problem:
            # Rows arrive as a stream, whose faults are Arrow's.
            raise self._error(doing, str(problem)) from None

    def _error(self, doing: str, text: str) -> PullError:
        said = _first_words(text, self._secrets)
        if re.search(r"server closed the connection|terminating connection|no connection to the server", text):
            return SourceUnreachableError(
                "the Postgres server broke off", place=self._place, expected="all rows", got=f"{self.shown}: {said}",
                remedy="pull again; the landing file stands as it was",
            )  # fmt: skip
        if doing == "read":
            return PullError(
                "Postgres refuses", place=self._place, expected="a table or query that this user may read",
                got=f"{self.shown}: {said}", remedy=_hint(text) or "correct the table or the query",
            )  # fmt: skip
        if re.search(r"authentication|password|role .* does not exist|pg_hba", text):
            return PullError(
                "Postgres does not let this user in", place=self._place, expected="a user and password that the server knows",
                got=f"{self.shown}: {said}", remedy="correct the environment variable that holds the URL",
            )  # fmt: skip
        if re.search(r"database .* does not exist", text):
            return PullError(
                "Postgres has no such database", place=self._place, expected="a database of this server", got=f"{self.shown}: {said}",
                remedy="correct the name after the last / of the URL",
            )  # fmt: skip
        return SourceUnreachableError(
            "the Postgres server cannot be reached", place=self._place, expected=f"an answer within {_CONNECT_SECONDS} s",
            got=f"{self.shown}: {said}", remedy="start it, or correct host and port of the URL; nothing was written",
        )  # fmt: skip


def _checked(url: str, place: str) -> tuple[str, tuple[str, ...]]:
    """How a URL is shown, and the secrets in it; `DeclarationError` for one that the client would misread and then print."""
    shown = without_password(url)
    try:
        parts = urlsplit(url)
        readable = parts.netloc.count("@") <= 1 and (parts.port or 1) > 0 and not re.search(r"%(?![0-9A-Fa-f]{2})", url)
    except ValueError:
        readable = False
    if not readable:
        raise DeclarationError(
            "the URL of Postgres cannot be read", place=place, expected="postgresql://USER:PASSWORD@HOST:PORT/DATABASE", got=shown,
            remedy="write special characters of user and password in percent-encoding, such as %40 for @",
        )  # fmt: skip
    given = [parts.password, dict(parse_qsl(parts.query)).get("password")]
    return shown, tuple(form for secret in given if secret for form in (secret, unquote(secret)))


def _with_timeout(url: str) -> str:
    if "connect_timeout=" in url:
        return url
    return f"{url}{'&' if urlsplit(url).query else '?'}connect_timeout={_CONNECT_SECONDS}"


def _first_words(text: str, secrets: Sequence[str]) -> str:
    """What the server said, on one line, without the statement and without a secret."""
    said = re.split(r"\n\nQuery was:|\nQuery was:|\. SQLSTATE", text)[0]
    line = " ".join(said.split()).removeprefix("IO: [libpq] ")
    for secret in secrets:
        line = line.replace(secret, "…")
    return line


def _hint(text: str) -> str:
    found = re.search(r"HINT:\s*(.*)", text)
    return found.group(1).strip() if found else ""


def _postgres_type(field: pa.Field) -> tuple[str, int]:
    """Name and modifier of a column's Postgres type."""
    metadata = field.metadata or {}
    return metadata.get(b"POSTGRESQL:type", b"").decode(), int(metadata.get(b"POSTGRESQL:typmod", b"-1"))


def _measures(sql: str, kind: str) -> str:
    if kind in _MOMENTS:
        return f"coalesce(bool_or(not isfinite({sql})), false), 0, 0"
    odd = f"{sql}::text in ('NaN', 'Infinity', '-Infinity')"
    return f"coalesce(bool_or({odd}), false), coalesce(max(length(trunc(abs({sql}))::text)), 1), coalesce(max(scale({sql})), 0)"


def _column(name: str, kind: str, modifier: int, odd: tuple[bool, int, int] | None) -> SourceColumn:
    sql = f"q.{quoted(name)}"
    if kind in _PLAIN:
        type_, arrow = _PLAIN[kind]
        return SourceColumn(name, kind, type_, sql, arrow)
    endless, before, after = odd or (False, 0, 0)
    if kind == "numeric" and not endless:
        precision, scale = _declared_digits(modifier) or (_MOST_DIGITS, after)
        if max(before + scale, precision) <= _MOST_DIGITS:
            return SourceColumn(name, kind, "decimal", f"{sql}::text", pa.decimal128(precision, scale))
    if kind == "date" and not endless:
        return SourceColumn(name, kind, "date", sql, pa.date32())
    if kind in ("timestamp", "timestamptz") and not endless:
        read = f"{sql} at time zone 'UTC'" if kind == "timestamptz" else sql
        return SourceColumn(name, kind, "timestamp", read, pa.timestamp("us"))
    read = (
        f"encode({sql}, 'hex')"
        if kind == "bytea"
        else f"array_to_json({sql})::text"
        if kind.startswith("_")
        else f"{sql}::text"
    )
    return SourceColumn(name, kind, "string", read, pa.string())


def _declared_digits(modifier: int) -> tuple[int, int] | None:
    """Precision and scale of `numeric(p, s)`; None where neither is declared, or not as Arrow knows them."""
    if modifier < 0:
        return None
    precision, scale = ((modifier - 4) >> 16) & 0xFFFF, (modifier - 4) & 0x7FF
    return (precision, scale) if scale <= precision else None
