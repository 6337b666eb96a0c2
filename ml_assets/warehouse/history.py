"""The history of checks: what each of them said over time.

A check that says the same of the same content again gets no new row: the row of that verdict keeps the days on which it
was given. So a year of daily judging costs four bytes a day, check and partition, and every day still counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

_FINDING = (
    "asset", "partition", "check_name", "code", "status", "severity", "blocking", "content", "summary", "numbers", "evidence",
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What one check said of one partition on one day of the clock.

    `evaluated_at` and `last_evaluated_at` are the clock (UTC) when this very verdict was first and last given;
    `recorded_at` is the real time of the first.
    """

    day: date
    asset: str
    partition: str
    check: str
    code: str
    status: str
    severity: str
    blocking: bool
    summary: str
    evaluated_at: datetime
    last_evaluated_at: datetime
    recorded_at: datetime


@dataclass(frozen=True)
class PassRate:
    """How many verdicts held. `key` is the day (ISO), the asset or the code that was asked for."""

    key: str
    passed: int
    failed: int
    not_applicable: int

    @property
    def share(self) -> float | None:
        """Passed among those that could be judged; None where none could."""
        judged = self.passed + self.failed
        return self.passed / judged if judged else None


def append_history(bench: Workbench, findings: Sequence[Sequence[object]], now: datetime) -> None:
    """Inside a commit: these findings (rows as of `ops.checks`) were given now.

    One that equals the newest of its asset, partition and check in status, severity, content and words is counted there.
    """
    if not findings:
        return
    unnested = ", ".join(f"unnest(?) as {name}" for name in _FINDING)
    columns = [list(column) for column in zip(*(row[: len(_FINDING)] for row in findings), strict=True)]
    bench.execute(f"create or replace temp table given_verdicts as select {unnested}", columns)
    clock, real = naive_utc(now), naive_utc(datetime.now(UTC))
    bench.execute(
        "create or replace temp table same_verdicts as "
        "select h.position, g.partition, g.check_name from given_verdicts g join ("
        "select rowid as position, * from wh.ops.check_history where asset = ? "
        "qualify row_number() over (partition by partition, check_name order by last_recorded_at desc, rowid desc) = 1"
        ") h using (asset, partition, check_name, code, status, severity, blocking, content, summary)",
        [findings[0][0]],
    )
    bench.execute(
        "update wh.ops.check_history h set times = h.times + 1, days = list_sort(list_distinct(list_append(h.days, ?::date))), "
        "last_evaluated_at = greatest(h.last_evaluated_at, ?), last_recorded_at = ? from same_verdicts s where h.rowid = s.position",
        [clock, clock, real],
    )
    bench.execute(
        "insert into wh.ops.check_history by name select * exclude (evidence), "
        "?::timestamp as evaluated_at, ?::timestamp as recorded_at, 1 as times, [?::date] as days, "
        "?::timestamp as last_evaluated_at, ?::timestamp as last_recorded_at "
        "from given_verdicts anti join same_verdicts using (partition, check_name)",
        [clock, real, clock, clock, real],
    )


def verdicts(since: datetime, until: datetime) -> str:
    """SQL: every verdict of every day of the clock in [since, until), one row a day on which it was given.

    Columns: day, those of `ops.check_history` (`evaluated_at`, `last_evaluated_at`: when it was first and last given).
    A day counts from its midnight (UTC).
    """
    first, last = naive_utc(since).date(), naive_utc(until)
    return (
        "(select * from (select unnest(days) as day, * exclude (days) from wh.ops.check_history "
        f"where last_evaluated_at >= timestamp '{first}' and evaluated_at < timestamp '{last}') "
        f"where day >= date '{first}' and day < timestamp '{last}')"
    )


def check_history(
    bench: Workbench, since: datetime, until: datetime, names: Sequence[TableName] | None = None
) -> list[Verdict]:
    """Inside a reading block: what was said in [since, until), of all assets or of `names`, oldest first."""
    some = "" if names is None else "where list_contains(?, asset)"
    rows = bench.rows(
        "select day, asset, partition, check_name, code, status, severity, blocking, summary, evaluated_at, last_evaluated_at, "
        f"recorded_at from {verdicts(since, until)} {some} order by day, evaluated_at, asset, partition, check_name, recorded_at",
        None if names is None else [[str(name) for name in names]],
    )
    return [Verdict(*row[:9], *(moment.replace(tzinfo=UTC) for moment in row[9:])) for row in rows]


def pass_rates(
    bench: Workbench, since: datetime, until: datetime, by: Literal["day", "asset", "code"] = "day"
) -> list[PassRate]:
    """Inside a reading block: verdicts given in [since, until) that held, by day, asset or code, in that order.

    A verdict counts once a day, however often it was given on that day; what could not be judged is counted apart.
    """
    counts = ", ".join(
        f"count(*) filter (where status = '{status}')" for status in ("passed", "failed", "not_applicable")
    )
    return [
        PassRate(str(key), passed, failed, unjudged)
        for key, passed, failed, unjudged in bench.rows(
            f"select {by}, {counts} from {verdicts(since, until)} group by 1 order by 1"
        )
    ]
