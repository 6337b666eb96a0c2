"""Columns that are too good: one alone tells the target nearly perfectly, by its values or by being filled at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_assets.onboarding.facts import Examined
from ml_assets.onboarding.understanding import ColumnFacts, Value
from ml_assets.specs.models import Task
from ml_assets.warehouse.names import literal, quoted
from ml_assets.warehouse.store import Workbench

_BATCH = 50
_MOST_ROWS = 20_000
_LEAST_ROWS = 30
_BINS = 20
# A column is too good from these on. AUC of one column; share of the labels' uncertainty (or variance) that it takes away.
_MOST_AUC = 0.99
_MOST_TOLD = 0.97
_MOST_R2 = 0.99
_MOST_FILLED = 0.9
# A value tells something only if it stands in several rows.
_LEAST_REPEATED = 3


@dataclass(frozen=True)
class TargetOf:
    """The target for this purpose: SQL of its label, and its task."""

    column: ColumnFacts
    task: Task
    positive: Value | None

    @property
    def sql(self) -> str:
        name = quoted(self.column.name)
        if self.task != "binary":
            return name if self.column.type == "string" else f"cast({name} as double)"
        if self.column.type == "boolean":
            return f"cast({name} as int)" if self.positive in (None, True) else f"cast(not {name} as int)"
        value = 1 if self.positive is None else self.positive
        return f"cast({name} = {literal(value) if isinstance(value, str) else value} as int)"


def too_good(bench: Workbench, table: Examined, target: TargetOf, columns: Sequence[ColumnFacts]) -> dict[str, str]:
    """Column → why it cannot be an honest feature."""
    known = f"select *, {target.sql} as _y from {table.rows} where {quoted(target.column.name)} is not null"
    bench.execute(
        f"create or replace temp table judged_by as select * from ({known}) using sample reservoir({_MOST_ROWS} rows) repeatable (7)"
    )
    if int(bench.value("select count(*) from judged_by")) < _LEAST_ROWS:
        return {}
    found = _filled_for_some(bench, target, columns)
    numbers = [c for c in columns if c.type in ("integer", "float", "decimal", "date", "timestamp") and not c.constant]
    categories = [
        c for c in columns if c.type in ("string", "boolean") or (c.type == "integer" and c.distinct <= _BINS)
    ]
    measures = (
        _numbers_binary
        if target.task == "binary"
        else _numbers_told
        if target.task == "multiclass"
        else _numbers_regression
    )
    for start in range(0, len(numbers), _BATCH):
        found |= measures(bench, numbers[start : start + _BATCH])
    for start in range(0, len(categories), _BATCH):
        found |= _categories(bench, categories[start : start + _BATCH], target.task)
    return found


def _filled_for_some(bench: Workbench, target: TargetOf, columns: Sequence[ColumnFacts]) -> dict[str, str]:
    """Columns that are filled for one outcome and missing for the other, such as the date of the outcome."""
    partly = [column for column in columns if column.missing]
    if target.task not in ("binary", "multiclass"):
        return {}
    found = {}
    for start in range(0, len(partly), _BATCH):
        batch = partly[start : start + _BATCH]
        shares = ", ".join(f"count({quoted(column.name)}) / count(*)" for column in batch)
        rows = bench.rows(
            f"select _y, {shares} from judged_by group by 1 having count(*) >= {_LEAST_REPEATED} order by 1"
        )
        for position, column in enumerate(batch, 1):
            by_label = {row[0]: row[position] for row in rows}
            if by_label and max(by_label.values()) - min(by_label.values()) >= _MOST_FILLED:
                most = max(by_label, key=lambda label: by_label[label])
                shown = (
                    target.positive if target.task == "binary" and most == 1 and target.positive is not None else most
                )
                found[column.name] = (
                    f"it is filled where the target is {shown} ({by_label[most]:.0%}), and hardly elsewhere ({min(by_label.values()):.0%})"
                )
    return found


def _long(batch: Sequence[ColumnFacts]) -> str:
    """SQL: rows (c, v, _y): number of the column, value as a number, label."""
    moments = ("date", "timestamp")
    values = ", ".join(
        f"epoch(cast({quoted(c.name)} as timestamp))" if c.type in moments else f"cast({quoted(c.name)} as double)"
        for c in batch
    )
    return (
        f"(select unnest([{', '.join(map(str, range(len(batch))))}]) as c, unnest([{values}]) as v, _y from judged_by)"
    )


def _numbers_binary(bench: Workbench, batch: Sequence[ColumnFacts]) -> dict[str, str]:
    """By the area under the ROC curve of the column as a score; equal values count half."""
    rows = bench.rows(
        "with counted as (select c, v, sum(_y) as p, count(*) - sum(_y) as n from "
        + _long(batch)
        + " where v is not null group by 1, 2), "
        "below as (select *, coalesce(sum(n) over (partition by c order by v rows between unbounded preceding and 1 preceding), 0) as b from counted) "
        f"select c, sum(p * (b + n / 2)) / nullif(sum(p) * sum(n), 0), sum(p + n) from below group by 1 having sum(p + n) >= {_LEAST_ROWS} and sum(p) >= 5 and sum(n) >= 5"
    )
    told = {batch[row[0]].name: max(row[1], 1 - row[1]) for row in rows if row[1] is not None}
    return {
        name: f"it alone tells the target nearly perfectly (AUC {auc:.3f})"
        for name, auc in told.items()
        if auc >= _MOST_AUC
    }


def _numbers_told(bench: Workbench, batch: Sequence[ColumnFacts]) -> dict[str, str]:
    binned = (
        f"(select c, _y, ntile({_BINS}) over (partition by c order by v) as v from {_long(batch)} where v is not null)"
    )
    return _told(bench, batch, binned, f"its values, in {_BINS} ranges,")


def _numbers_regression(bench: Workbench, batch: Sequence[ColumnFacts]) -> dict[str, str]:
    """By the squared correlation, of values and of ranks."""
    rows = bench.rows(
        f"select c, greatest(corr(v, _y) ** 2, corr(r, s) ** 2) from (select *, rank() over (partition by c order by v) as r, "
        f"rank() over (partition by c order by _y) as s from {_long(batch)} where v is not null) group by 1 having count(*) >= {_LEAST_ROWS} and stddev(v) > 0"
    )
    return {
        batch[row[0]].name: f"it alone tells the target nearly perfectly (R² {row[1]:.3f})" for row in rows if row[1] is not None and row[1] >= _MOST_R2
    }  # fmt: skip


def _categories(bench: Workbench, batch: Sequence[ColumnFacts], task: Task) -> dict[str, str]:
    values = ", ".join(f"cast({quoted(c.name)} as varchar)" for c in batch)
    rows = (
        f"(select unnest([{', '.join(map(str, range(len(batch))))}]) as c, unnest([{values}]) as v, _y from judged_by)"
    )
    if task in ("binary", "multiclass"):
        return _told(bench, batch, f"(select * from {rows} where v is not null)", "its values")
    told = bench.rows(
        f"select c, 1 - sum(within) / nullif(any_value(total), 0) from (select c, v, var_pop(_y) * count(*) as within, count(*) as n from {rows} "
        "where v is not null group by 1, 2) join (select var_pop(_y) * count(*) as total from judged_by) on true "
        f"group by 1 having avg(n) >= {2 * _LEAST_REPEATED} and sum(n) >= 0.9 * (select count(*) from judged_by)"
    )
    return {
        batch[row[0]].name: f"its values tell the target nearly perfectly (R² {row[1]:.3f})"
        for row in told
        if row[1] is not None and row[1] >= _MOST_R2
    }


def _told(bench: Workbench, batch: Sequence[ColumnFacts], rows: str, what: str) -> dict[str, str]:
    """By the share of errors of "always the most frequent label" that knowing the value takes away (Goodman and Kruskal's lambda)."""
    told = bench.rows(
        f"with cells as (select c, v, _y, count(*) as n from {rows} group by all), "
        f"best as (select c, v, case when sum(n) >= {_LEAST_REPEATED} then max(n) else 0 end as right, sum(n) as n from cells group by 1, 2), "
        "usual as (select c, max(n) as n from (select c, _y, sum(n) as n from cells group by 1, 2) group by 1) "
        "select c, (sum(best.right) - any_value(usual.n)) / nullif(sum(best.n) - any_value(usual.n), 0), sum(best.n) from best join usual using (c) "
        f"group by 1 having sum(best.n) >= {_LEAST_ROWS} and sum(best.n) - any_value(usual.n) >= 5"
    )
    return {
        batch[row[0]].name: f"{what} determine the target nearly perfectly ({row[1]:.1%} of the errors gone)"
        for row in told if row[1] is not None and row[1] >= _MOST_TOLD
    }  # fmt: skip
