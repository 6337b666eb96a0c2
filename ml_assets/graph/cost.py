"""What a run will cost in time, judged by what the book of steps and the manifest say of past ones."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml_assets.graph.forecast import AssetForecast
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

_REMEMBERED = 9


@dataclass(frozen=True)
class Cost:
    """Seconds of one asset's certain work and of what may be added, None without a past run; `basis` says what they rest on,
    `runs` on how many past runs."""

    seconds: float | None
    perhaps: float | None
    basis: str
    runs: int = 0


@dataclass(frozen=True)
class _Past:
    seconds: float
    partitions: int
    rows_read: int


def costs(bench: Workbench, found: Sequence[AssetForecast]) -> dict[TableName, Cost]:
    """Inside a reading block: the median of past steps by partition (of raw tables by row read), times what is to be made.

    Steps that wrote nothing say nothing. A step's time is never taken for less than the quickest past one's.
    """
    past = _past_steps(bench)
    return {one.asset.name: _cost(one, past.get(str(one.asset.name), [])) for one in found}


def _cost(one: AssetForecast, past: Sequence[_Past]) -> Cost:
    if not past:
        return Cost(None, None, "no past run")
    runs = f"{len(past)} past runs" if len(past) > 1 else "one past run"
    read = [step for step in past if step.rows_read]
    if isinstance(one.asset, RawTableAsset) and one.rows.read is not None and read:
        return Cost(
            _total([(step.seconds, step.rows_read) for step in read], one.rows.read), 0.0, f"{runs}, by row", len(past)
        )
    pieces = [(step.seconds, step.partitions) for step in past]
    certain, whole = _total(pieces, len(one.will)), _total(pieces, len(one.will) + len(one.may))
    basis = f"{runs}, by snapshot" if one.asset.snapshots is not None else runs
    return Cost(certain, whole - certain, basis, len(past))


def _total(past: Sequence[tuple[float, int]], pieces: int) -> float:
    """Seconds for so many pieces (partitions, rows), by past (seconds, pieces)."""
    if not pieces:
        return 0.0
    each = statistics.median(seconds / done for seconds, done in past)
    # A step costs something whatever it makes; of one past step alone that share is not known.
    least = min(seconds for seconds, _ in past) if len(past) > 1 else 0.0
    return max(least, each * pieces)


def _past_steps(bench: Workbench) -> dict[str, list[_Past]]:
    rows = bench.rows(
        "select asset, epoch(ended_at - started_at), made, facts from wh.ops.steps where status = 'made' "
        "and contains(made::varchar, '\"changed\": true') "
        "qualify row_number() over (partition by asset order by started_at desc) <= ?",
        [_REMEMBERED],
    )
    found: dict[str, list[_Past]] = {}
    for asset, seconds, made, facts in rows:
        changed = sum(bool(one["changed"]) for one in json.loads(made))
        if changed:
            read: Mapping[str, object] = json.loads(facts)
            found.setdefault(asset, []).append(_Past(seconds, changed, int(str(read.get("rows_read") or 0))))
    for asset, partitions, seconds in _batches(bench):
        if asset not in found:
            found[asset] = [_Past(seconds, partitions, 0)]
    return found


def _batches(bench: Workbench) -> list[tuple[str, int, float]]:
    """What runs through Dagster left: the newest batch of each asset in the manifest."""
    return [
        (str(row[0]), int(row[1]), float(row[2]))
        for row in bench.rows(
            "select asset, count(*), max(seconds) from wh.ops.manifest group by asset, batch "
            "qualify row_number() over (partition by asset order by batch desc) = 1"
        )
    ]
