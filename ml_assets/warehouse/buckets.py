"""Content hashes by hour of event, so that "what was known before T" has a fingerprint without reading the table.

A table with an event time keeps one row an (event hour, available hour) in `ops.buckets`. Snapshots lie at UTC
midnight, so the rows before a snapshot are a union of whole buckets. Hours are UTC.
"""

from __future__ import annotations

from datetime import datetime

from ml_assets.warehouse.manifest import content_of, naive_utc, row_hash
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.store import Workbench


def bucket_query(name: TableName, part: str, relation: str, columns: list[str], event: str, available: str | None) -> str:
    """SQL for the bucket rows of `relation`; `part` tells apart pieces that are replaced one by one."""
    available_at = quoted(available or event)
    return f"""
        select {literal(str(name))} as asset, {part} as part, date_trunc('hour', {quoted(event)}) as event_bucket,
               date_trunc('hour', {available_at}) as available_bucket, count(*) as rows,
               sum({row_hash(columns)}) as content
        from {relation} group by all
    """


def replace_buckets(bench: Workbench, name: TableName, relation: str, event: str, available: str | None) -> None:
    """Inside a commit: the buckets of an unpartitioned table become those of `relation`."""
    bench.execute("delete from wh.ops.buckets where asset = ?", [str(name)])
    query = bucket_query(name, "''", relation, list(bench.columns(relation)), event, available)
    bench.execute(f"insert into wh.ops.buckets by name {query}")


class BucketIndex:
    """The bucket sums of one table in memory; answers for any snapshot without touching the warehouse again."""

    def __init__(self, bench: Workbench, name: TableName) -> None:
        self._rows = bench.rows(
            "select event_bucket, available_bucket, sum(rows)::bigint, sum(content) from wh.ops.buckets "
            "where asset = ? and event_bucket is not null group by all",
            [str(name)],
        )

    def known_at(self, snapshot: datetime, since: datetime | None = None) -> str:
        """Content of rows with event in [since, snapshot) that were available at the snapshot."""
        return self._content(since, snapshot, snapshot)

    def within(self, start: datetime, end: datetime) -> str:
        """Content of rows with event in [start, end), whenever they became available."""
        return self._content(start, end, None)

    def _content(self, start: datetime | None, end: datetime, known: datetime | None) -> str:
        low = naive_utc(start) if start else None
        high, seen = naive_utc(end), naive_utc(known) if known else None
        chosen = [
            row for row in self._rows
            if (low is None or row[0] >= low) and row[0] < high and (seen is None or row[1] is None or row[1] <= seen)
        ]  # fmt: skip
        return content_of(sum(row[2] for row in chosen), sum(row[3] for row in chosen))
