"""Content hashes by hour of event, so that "what was known before T" has a fingerprint without reading the table.

A table with an event time keeps one row an (event hour, available hour) in `ops.buckets`. Snapshots lie at UTC
midnight, so the rows before a snapshot are a union of whole buckets. The event hour is rounded down, the available hour up. Hours are UTC.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timedelta
from itertools import accumulate

from ml_assets.warehouse.manifest import content_of, naive_utc, row_hash
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.store import Workbench

_HOUR = timedelta(hours=1)
# Naive like the warehouse's columns.
_BEGINNING, _END = datetime(1, 1, 1), datetime(9999, 12, 31)  # noqa: DTZ001


def bucket_query(
    name: TableName, part: str, relation: str, columns: list[str], event: str, available: str | None
) -> str:
    """SQL for the bucket rows of `relation`; `part` tells apart pieces that are replaced one by one."""
    # Rounded up: rows of 23:20 and of 00:00 are known at midnight, those of 00:01 are not.
    available_at = f"date_trunc('hour', {quoted(available or event)} - interval 1 microsecond) + interval 1 hour"
    return f"""
        select {literal(str(name))} as asset, {part} as part, date_trunc('hour', {quoted(event)}) as event_bucket,
               {available_at} as available_bucket, count(*) as rows,
               sum({row_hash(columns)}) as content
        from {relation} group by all
    """


def replace_buckets(bench: Workbench, name: TableName, relation: str, event: str, available: str | None) -> None:
    """Inside a commit: the buckets of an unpartitioned table become those of `relation`."""
    bench.execute("delete from wh.ops.buckets where asset = ?", [str(name)])
    query = bucket_query(name, "''", relation, list(bench.columns(relation)), event, available)
    bench.execute(f"insert into wh.ops.buckets by name {query}")


class BucketIndex:
    """The bucket sums of one table in memory; answers for any window without touching the warehouse again.

    Rows that were available within the hour of their event are summed up in order of time, so that a window costs two
    look-ups; later ones are gone through one by one.
    """

    def __init__(self, bench: Workbench, name: TableName) -> None:
        rows = bench.rows(
            "select event_bucket, greatest(event_bucket + interval 1 hour, coalesce(available_bucket, event_bucket)), "
            "sum(rows)::bigint, sum(content) from wh.ops.buckets "
            "where asset = ? and event_bucket is not null group by all order by all",
            [str(name)],
        )
        prompt = [row for row in rows if row[1] == row[0] + _HOUR]
        self._late = [row for row in rows if row[1] != row[0] + _HOUR]
        self._hours = [row[0] for row in prompt]
        self._rows = [0, *accumulate(row[2] for row in prompt)]
        self._contents = [0, *accumulate(row[3] for row in prompt)]

    def known_at(self, snapshot: datetime, since: datetime | None = None) -> str:
        """Content of rows with event in [since, snapshot) that were available at the snapshot."""
        return self.within(since, snapshot, snapshot)

    def within(self, start: datetime | None, end: datetime | None, known_at: datetime | None = None) -> str:
        """Content of rows with event in [start, end), available at `known_at` (None: whenever).

        Bounds that are not whole hours take in the whole hour: at worst a change is noticed that made no difference.
        """
        low = _whole_hour(naive_utc(start)) if start else _BEGINNING
        high = naive_utc(end) if end else _END
        first, last = bisect_left(self._hours, low), bisect_left(self._hours, high)
        rows, content = self._rows[last] - self._rows[first], self._contents[last] - self._contents[first]
        seen = naive_utc(known_at) if known_at else _END
        for hour, visible_from, count, hashes in self._late:
            if low <= hour < high and visible_from <= seen:
                rows, content = rows + count, content + hashes
        return content_of(rows, content)


def _whole_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
