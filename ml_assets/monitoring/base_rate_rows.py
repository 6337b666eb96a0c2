"""The base rate of each snapshot as it could be told at each whole age of its outcome window, and at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from ml_assets.evaluation.metrics import Vector
from ml_assets.monitoring.base_rate import Grown, Projection, ages, gap, log_odds_of, projected
from ml_assets.specs.times import snapshot_key, snapshot_time
from ml_assets.warehouse.manifest import fingerprint, manifest_of
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

BASE_RATE_COLUMNS = (
    "snapshot timestamp, age_days double, model_version integer, rows bigint, positives bigint, usual_share double, "
    '"references" integer, projected double, projected_low double, projected_high double, mean_score double, '
    "deviations double, p_value double"
)
# Growth of the window from longer ago says little about this one's.
_MOST_REFERENCES = 52


class BaseRateRow(NamedTuple):
    """One row of `monitoring.<monitor>__base_rate`, without its snapshot.

    `usual_share`: share of positives of earlier snapshots at this age. At the end of the window (`references` null) the
    projected rate is the observed one. `deviations`: how far it is from the mean score, `p_value`: by chance.
    """

    age_days: float
    model_version: int
    rows: int
    positives: int
    usual_share: float | None
    references: int | None
    projected: float | None
    projected_low: float | None
    projected_high: float | None
    mean_score: float
    deviations: float | None
    p_value: float | None


@dataclass(frozen=True)
class OutcomeHistory:
    """What is known of all snapshots: `early`: (snapshot, age) → (rows, positives); `final`: snapshot → the same at the end."""

    horizon: timedelta
    early: Mapping[tuple[datetime, timedelta], tuple[int, int]]
    final: Mapping[datetime, tuple[int, int]]

    @classmethod
    def read(cls, bench: Workbench, early: TableName, labels: TableName, horizon: timedelta) -> OutcomeHistory:
        """Inside a reading block."""
        shares = f"select snapshot, age_days, rows, positives from {early.quoted}" if bench.has_table(early) else None
        ends = f"select snapshot, count(label), coalesce(sum(label), 0)::bigint from {labels.quoted} group by 1"
        utc = snapshot_time("2000-01-01").tzinfo
        return cls(
            horizon,
            {(row[0].replace(tzinfo=utc), timedelta(days=row[1])): (row[2], row[3]) for row in bench.rows(shares)} if shares else {},
            {row[0].replace(tzinfo=utc): (row[1], row[2]) for row in bench.rows(ends)} if bench.has_table(labels) else {},
        )  # fmt: skip

    def references(self, snapshot: datetime, age: timedelta) -> list[Grown]:
        """Earlier snapshots whose end was known when this one had this age, newest last."""
        moments = [
            one for one in sorted(self.final) if one + self.horizon <= snapshot + age and (one, age) in self.early
        ]
        return [
            Grown(self.early[one, age][0], self.early[one, age][1], self.final[one][1])
            for one in moments[-_MOST_REFERENCES:]
        ]

    def rows_of(
        self, key: str, now: datetime, version: int, score: Vector
    ) -> tuple[list[BaseRateRow], Projection | str]:
        """Every age that has passed, then the end; and the projection at the last age, or why there is none."""
        snapshot = snapshot_time(key)
        found: list[BaseRateRow] = []
        last: Projection | str = "no whole part of the outcome window has passed"
        for age in ages(self.horizon, now - snapshot):
            if (snapshot, age) not in self.early:
                continue
            counted = self.early[snapshot, age]
            references = self.references(snapshot, age)
            projection = projected(*counted, references)
            found.append(_row(age, version, counted, references, projection, score))
            last = (
                projection
                or f"{len(references)} earlier snapshots have ended by then: too few to tell how this one will"
            )
        final = self.final.get(snapshot)
        if final is not None and final[0] and snapshot + self.horizon <= now:
            found.append(_last_row(self.horizon, version, final, score))
        return found, last


def _row(
    age: timedelta, version: int, counted: tuple[int, int], references: Sequence[Grown], projection: Projection | None,
    score: Vector,
) -> BaseRateRow:  # fmt: skip
    rows, positives = counted
    usual = sum(one.early for one in references) / sum(one.rows for one in references) if references else None
    head = (_days(age), version, rows, positives, usual, len(references))
    mean = float(score.mean())
    if projection is None:
        return BaseRateRow(*head, None, None, None, mean, None, None)
    apart = gap(score, projection.centre, projection.spread, projection.references)
    return BaseRateRow(*head, projection.rate, *projection.interval(), mean, apart.deviations, apart.p_value)


def _last_row(horizon: timedelta, version: int, final: tuple[int, int], score: Vector) -> BaseRateRow:
    rows, positives = final
    apart, rate = gap(score, log_odds_of(positives, rows)), positives / rows
    return BaseRateRow(
        _days(horizon), version, rows, positives, None, None, rate, rate, rate, float(score.mean()), apart.deviations,
        apart.p_value,
    )  # fmt: skip


def _days(age: timedelta) -> float:
    return age.total_seconds() / 86400


def reference_contents(
    bench: Workbench, early: TableName, labels: TableName, horizon: timedelta, partitions: Sequence[str], now: datetime
) -> dict[str, str]:
    """Inside a reading block: partition → content of the earlier snapshots that it is compared with."""
    known, ended = manifest_of(bench, early), manifest_of(bench, labels)
    found = {}
    for key in partitions:
        passed = ages(horizon, now - snapshot_time(key))
        if passed:
            newest = snapshot_key(snapshot_time(key) + passed[-1] - horizon)
            read = [
                (one, known[one].content, ended[one].content) for one in sorted(ended) if one <= newest and one in known
            ]
            found[key] = fingerprint(read[-_MOST_REFERENCES:])
    return found
