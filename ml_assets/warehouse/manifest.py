"""The manifest: for every asset and partition what it was made from, by which logic, and what came out.

Two hashes decide whether work is needed. `inputs` are the content hashes of what was read, `logic` is the fingerprint
of the statement or code. Content hashes do not depend on row order, so a rebuilt table with equal rows changes nothing
downstream.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

UNPARTITIONED = ""


@dataclass(frozen=True)
class ManifestRow:
    """One partition as last made. `made_at` is by the (possibly replayed) clock, UTC."""

    asset: str
    partition: str
    inputs: Mapping[str, str]
    logic: str
    rows: int
    content: str
    batch: int
    made_at: datetime
    seconds: float
    note: str = ""


def fingerprint(*parts: object) -> str:
    """A short stable hash of plain data (numbers, texts, lists, mappings)."""
    text = json.dumps(parts, sort_keys=True, default=str, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def naive_utc(moment: datetime) -> datetime:
    """Warehouse columns hold UTC without a zone."""
    return moment.astimezone(UTC).replace(tzinfo=None)


def row_hash(columns: Iterable[str]) -> str:
    """SQL: the 64-bit hash of a row over `columns`, in that order."""
    listed = ", ".join(quoted(column) for column in columns)
    return f"hash({listed})"


def content_of(rows: int, hash_sum: int) -> str:
    """Row count and order-free hash sum as one text."""
    return f"{rows}:{hash_sum % 2**64:016x}"


def relation_content(bench: Workbench, relation: str) -> tuple[int, str]:
    """Row count and content hash of a whole relation."""
    columns = bench.columns(relation)
    rows, total = bench.rows(f"select count(*), coalesce(sum({row_hash(columns)}), 0) from {relation}")[0]
    return rows, content_of(rows, total)


def partition_contents(bench: Workbench, relation: str, column: str) -> dict[str, tuple[int, str]]:
    """Row count and content hash for each value of a snapshot column, by partition key."""
    columns = bench.columns(relation)
    grouped = bench.rows(
        f"select strftime({quoted(column)}, '%Y-%m-%d'), count(*), sum({row_hash(columns)}) from {relation} group by 1"
    )
    return {key: (rows, content_of(rows, total)) for key, rows, total in grouped}


def manifest_of(bench: Workbench, name: TableName) -> dict[str, ManifestRow]:
    """Partition key → manifest row of one asset; empty when it was never made."""
    rows = bench.rows(
        "select asset, partition, inputs, logic, rows, content, batch, made_at, seconds, note "
        "from wh.ops.manifest where asset = ?",
        [str(name)],
    )
    return {row[1]: _row(row) for row in rows}


def whole_manifest(bench: Workbench) -> dict[str, dict[str, ManifestRow]]:
    """Asset → partition key → manifest row, for everything ever made."""
    found: dict[str, dict[str, ManifestRow]] = {}
    for row in bench.rows(
        "select asset, partition, inputs, logic, rows, content, batch, made_at, seconds, note from wh.ops.manifest"
    ):
        found.setdefault(row[0], {})[row[1]] = _row(row)
    return found


def _row(row: tuple[object, ...]) -> ManifestRow:
    asset, partition, inputs, logic, rows, content, batch, made_at, seconds, note = row
    assert isinstance(made_at, datetime)
    return ManifestRow(
        str(asset), str(partition), json.loads(str(inputs)), str(logic), int(str(rows)), str(content),
        int(str(batch)), made_at.replace(tzinfo=UTC), float(str(seconds)), str(note),
    )  # fmt: skip


def begin_batch(
    bench: Workbench, name: TableName, *, partitions: int, rows: int, run_id: str, clock_time: datetime, version: str
) -> int:
    """Inside a commit: number this write and note who made it and how long the lock was waited for."""
    batch = int(bench.value("select coalesce(max(batch), 0) + 1 from wh.ops.batches"))
    bench.execute(
        "insert into wh.ops.batches values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [batch, str(name), partitions, rows, run_id, naive_utc(clock_time), naive_utc(datetime.now(UTC)),
         bench.lock_wait_seconds, version],
    )  # fmt: skip
    return batch


def record(bench: Workbench, rows: Iterable[ManifestRow]) -> None:
    """Inside a commit: these partitions are now as described."""
    insert_rows(
        bench, "ops.manifest",
        [
            [row.asset, row.partition, json.dumps(row.inputs, sort_keys=True), row.logic, row.rows, row.content, row.batch,
             naive_utc(row.made_at), row.seconds, row.note]
            for row in rows
        ],
    )  # fmt: skip


def insert_rows(bench: Workbench, table: str, rows: Sequence[Sequence[object]]) -> None:
    """Inside a commit: insert or replace rows of a book (`ops.…`), in one statement rather than one a row."""
    if rows:
        unnested = ", ".join("unnest(?)" for _ in rows[0])
        bench.execute(
            f"insert or replace into wh.{table} select {unnested}", [list(column) for column in zip(*rows, strict=True)]
        )


def correct_contents(bench: Workbench, name: TableName, contents: Mapping[str, tuple[int, str]]) -> None:
    """Inside a commit: rows that stay got other columns, so their manifest rows get the content they have now."""
    bench.execute(
        "update wh.ops.manifest set rows = n.rows, content = n.content from "
        "(select unnest(?) as partition, unnest(?) as rows, unnest(?) as content) n "
        "where asset = ? and manifest.partition = n.partition",
        [
            list(contents),
            [rows for rows, _ in contents.values()],
            [content for _, content in contents.values()],
            str(name),
        ],
    )
