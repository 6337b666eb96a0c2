"""Fetch a raw table's landing file from another database: the way in stays the landing folder.

Rows go to a hidden file beside the landing file, which takes its place when it is complete. Equal rows in a declared order
are equal bytes, and then the landing file is not touched: nothing is to be done downstream.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from ml_assets.errors import PullError, SourceUnreachableError, UnknownNameError
from ml_assets.ingest.landing import content_hash
from ml_assets.ingest.sources.location import database_url, opened_source
from ml_assets.ingest.sources.source import Source, SourceColumn, SourceTable
from ml_assets.specs.pulls import PullSpec
from ml_assets.specs.tables import RawTableSpec
from ml_assets.warehouse.asset import Progress

# A row group is what is held in memory; its size must not depend on how the source happens to batch its rows.
_MOST_ROWS, _LEAST_ROWS, _MOST_VALUES = 100_000, 1_000, 2_000_000


@dataclass(frozen=True)
class Pulled:
    """What became of one landing file. `changed` is False where the rows are those that lay there already.

    `order_by` is empty where the source's own order was taken: then equal rows may give other bytes.
    """

    path: Path
    rows: int
    sha256: str
    changed: bool
    order_by: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        order = "" if self.order_by else "; in the source's own order, as neither key nor order_by is declared"
        return f"{self.rows:,} rows{'' if self.changed else ', unchanged'}{order}"


def preview(url: str, project_root: Path, place: str = "the database") -> list[SourceTable]:
    """The tables and views of a database (URL as in `PullSpec.database`, or Postgres's), with columns and numbers of rows.

    Reads types from the values where the database has none of its own (SQLite). Raises `DeclarationError`, `PullError`.
    """
    with opened_source(url, project_root, place) as source:
        return source.preview()


def pull_table(
    spec: RawTableSpec, folder: Path, project_root: Path, place: str, progress: Progress | None = None
) -> Pulled:  # fmt: skip
    """Make the landing file of `spec` in `folder` hold the rows that its `pull` names; killed half-way, the old file stands.

    Memory is bounded by two million values. Raises `DeclarationError` for a URL, table or column that is not there,
    `PullError` for what the database refuses, `SourceUnreachableError` (transient) where it does not answer.
    """
    pull = spec.pull
    if pull is None:
        raise PullError(
            f"raw.{spec.name} declares no pull", place=place, expected="pull: {database: …, table: …}", got="landing files that others put there",
            remedy="declare where its landing file comes from",
        )  # fmt: skip
    with opened_source(database_url(pull.database, place), project_root, place) as source:
        relation = source.relation(pull, place)
        columns = _columns(source, relation, spec, place)
        order_by = pull.order_by or tuple(spec.contract.header_of(name) for name in spec.key)
        _check_names(source, columns, order_by, place)
        total = 0 if progress is None else source.rows(relation)

        def said(rows: int) -> None:
            if progress is not None:
                progress(f"pull raw.{spec.name}", rows, total)

        return fetch(source, relation, columns, order_by, folder / spec.files, said)


def fetch(
    source: Source, relation: str, columns: Sequence[SourceColumn], order_by: Sequence[str], path: Path,
    said: Callable[[int], None] | None = None,
) -> Pulled:  # fmt: skip
    """Make the Parquet file `path` hold the rows of a relation of an open source; it is not touched where it does so already."""
    schema = pa.schema([(column.name, column.arrow) for column in columns])
    with _alone_with(path) as unfinished:
        rows = _write(unfinished, schema, source.batches(source.select(relation, columns, order_by), schema), said)
        sha256 = content_hash(unfinished)
        changed = not path.exists() or content_hash(path) != sha256
        if changed:
            unfinished.replace(path)
    return Pulled(path, rows, sha256, changed, tuple(order_by))


def _columns(source: Source, relation: str, spec: RawTableSpec, place: str) -> list[SourceColumn]:
    """All of the relation's columns, so that ingest can judge undeclared ones; where those are discarded, the declared ones."""
    found = source.columns(relation)
    names = [column.name for column in found]
    wanted = [spec.contract.header_of(name) for name in spec.contract.columns]
    for name in wanted:
        if name not in names:
            raise UnknownNameError(f"column of {_asked(spec.pull)}", name, names, place=place)
    repeated = sorted({name for name in names if [other.casefold() for other in names].count(name.casefold()) > 1})
    if repeated:
        raise PullError(
            "a column name stands twice", place=place, expected="every name once, in any case", got=", ".join(repeated),
            remedy="rename one of them in a query: select a as first_a, b.a as second_a",
        )  # fmt: skip
    return [column for column in found if column.name in wanted or spec.contract.extra_columns != "discard"]


def _asked(pull: PullSpec | None) -> str:
    return f"table {pull.table}" if pull is not None and pull.table is not None else "the query"


def _check_names(source: Source, columns: Sequence[SourceColumn], order_by: Sequence[str], place: str) -> None:
    names = [column.name for column in columns]
    for name in order_by:
        if name not in names:
            raise UnknownNameError(f"column to order by, of {source.shown}", name, names, place=place)


@contextmanager
def _alone_with(path: Path) -> Iterator[Path]:
    """The hidden file in which the next content of `path` is written, for one process at a time; gone afterwards."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    with path.with_name(f".{path.name}.lock").open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            raise SourceUnreachableError(
                f"another process is pulling {path.name}", place=path, expected="one at a time", got="its lock is held",
                remedy="wait until it is done; nothing was written",
            ) from problem  # fmt: skip
        try:
            yield unfinished
        finally:
            unfinished.unlink(missing_ok=True)


def _write(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], said: Callable[[int], None] | None) -> int:
    """How many rows were written; the file is on the disk when this returns."""
    from pyarrow.parquet import ParquetWriter

    size = max(_LEAST_ROWS, min(_MOST_ROWS, _MOST_VALUES // max(1, len(schema))))
    rows = 0
    with path.open("wb") as stream:
        with ParquetWriter(stream, schema, compression="zstd") as writer:
            for table in _row_groups(batches, schema, size):
                writer.write_table(table, row_group_size=size)
                rows += table.num_rows
                if said is not None:
                    said(rows)
        stream.flush()
        os.fsync(stream.fileno())
    return rows


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema, size: int) -> Iterator[pa.Table]:
    """The same rows in tables of exactly `size` rows, the last one shorter."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        while count >= size:
            table = pa.Table.from_batches(waiting, schema)
            yield table.slice(0, size).combine_chunks()
            waiting, count = table.slice(size).to_batches(), count - size
    if count:
        yield pa.Table.from_batches(waiting, schema).combine_chunks()
