"""Splits by a seeded hash: whole groups, shares of every label, or plain rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml_assets.errors import TrainingError
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.splits import GroupSplitSpec, SharesSpec, StratifiedSplitSpec
from ml_assets.warehouse.names import literal, quoted
from ml_assets.warehouse.store import Workbench

PARTS = ("train", "validation", "test")
# Hexadecimal digits of the hash that a double holds exactly.
_DIGITS = 13


def hashed_parts(spec: ModelSpec, labels: str, kept: Sequence[str] = ()) -> str:
    """SQL: rows of `labels` (snapshot, entity, carried columns, label) with `part` and, where it is left_out, `reason`,
    and the columns `kept` behind them.

    Groups and plain rows are placed by their own hash alone, so that nothing moves when rows come or go. Strata are cut
    at exact shares of the rows of each label in order of their hash: a row more or less moves at most one row over each
    boundary. MD5 is the hash: its value is the same on every machine and in every version of the engine.
    """
    split = spec.split
    assert isinstance(split, SharesSpec)
    columns = ", ".join(quoted(name) for name in ("snapshot", spec.entity, *spec.carried, "label"))
    grouped = isinstance(split, GroupSplitSpec)
    group = quoted(split.column or spec.entity) if isinstance(split, GroupSplitSpec) else None
    key = (
        f"cast({group} as varchar)"
        if grouped
        else f"coalesce(strftime(snapshot, '%Y-%m-%d') || '/', '') || cast({quoted(spec.entity)} as varchar)"
    )
    drawn = f"('0x' || md5({literal(f'{split.seed}/')} || {key})[1:{_DIGITS}])::bigint / {16**_DIGITS}.0"
    absent = f"{group} is null" if grouped else "false"
    place = "_drawn"
    if isinstance(split, StratifiedSplitSpec):
        order = f"partition by label order by _drawn, snapshot, {quoted(spec.entity)}"
        place = f"(row_number() over ({order}) - 0.5) / count(*) over (partition by label)"
    part = (
        f"case when {absent} then 'left_out' when _place < {split.test} then 'test' "
        f"when _place < {split.test + split.validation} then 'validation' else 'train' end"
    )
    reason = f"case when {absent} then 'no {_named(spec)}' end" if grouped else "null::varchar"
    behind = "".join(f", {quoted(name)}" for name in kept)
    return (
        f"(select {columns}, {part} as part, {reason} as reason{behind} from (select *, {place} as _place "
        f"from (select *, {drawn} as _drawn from {labels})))"
    )


def _named(spec: ModelSpec) -> str:
    split = spec.split
    column = split.column if isinstance(split, GroupSplitSpec) else None
    return (column or spec.entity).replace("'", "''")


def refuse_thin_parts(bench: Workbench, spec: ModelSpec, relation: str, place: str) -> None:
    """Raise TrainingError when a part has no rows, or a class has fewer rows than there are parts."""
    counts: Mapping[str, int] = dict(bench.rows(f"select part, count(*) from {relation} group by 1"))
    empty = [part for part in PARTS if not counts.get(part)]
    if empty:
        raise TrainingError(
            f"the {spec.split.kind} split leaves no rows for {' and '.join(empty)}", place=place,
            expected="rows in train, validation and test", got=", ".join(f"{part}: {rows}" for part, rows in sorted(counts.items())) or "no rows",
            remedy="larger shares, more rows or groups, or another seed",
        )  # fmt: skip
    if spec.task not in ("binary", "multiclass"):
        return
    rare = bench.rows(
        f"select label, count(*) from {relation} where part <> 'left_out' group by 1 having count(*) < {len(PARTS)} order by 1"
    )
    if rare:
        raise TrainingError(
            "fewer rows of a class than parts", place=place, expected=f"at least {len(PARTS)} rows of every class",
            got=", ".join(f"{label}: {rows}" for label, rows in rare), remedy="widen the population or the snapshots, or merge rare classes in the label SQL",
        )  # fmt: skip
