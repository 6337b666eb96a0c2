"""What promotions promised and what they brought, pair by pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ml_assets.evaluation.catalogue import LOSS, metric_info
from ml_assets.monitoring.kpis import GainPair
from ml_assets.monitoring.performance_words import ALL_ROWS
from ml_assets.monitoring.production import ProductionAsset
from ml_assets.warehouse.names import TableName, literal
from ml_assets.warehouse.store import Workbench


def gain_pairs(bench: Workbench, production: Sequence[ProductionAsset], tasks: Mapping[str, str]) -> list[GainPair]:
    """Inside a reading block: one pair for each promotion whose champion before is known, and whose outcomes are.

    Offline: by how much the evaluation's paired comparison found the version better than the champion of that day, on the same
    test rows, by the loss of the task. Online: by how much the observed loss of the snapshots that it scored is below that of
    the snapshots that the version before it scored, each snapshot weighing alike. These are other weeks and other rows: what
    the world changed between them is in the online gain, and one reason why few pairs say nothing.
    """
    found: list[GainPair] = []
    for model, monitor in _watched(production):
        task = tasks.get(model)
        compared, observed = (
            TableName("evaluation", f"{model}__comparisons"),
            TableName("monitoring", f"{monitor}__performance"),
        )
        if task is None or not (bench.has_table(compared) and bench.has_table(observed)):
            continue
        metric = LOSS[task]
        sign = 1 if metric_info(task, metric).higher_is_better else -1
        found += [
            GainPair(offline, online)
            for offline, online in bench.rows(
                _PAIRS.format(
                    model=literal(model), metric=literal(metric), all_rows=literal(ALL_ROWS), compared=compared.quoted,
                    observed=observed.quoted, sign=sign,
                )
            )
        ]  # fmt: skip
    return found


# Champions in order of time, rollbacks among them: each knows the one before. A version counts at its first promotion.
_PAIRS = """
with champions as (
    select version, lag(version) over (order by moved_at, rowid) as before, moved_at, rowid as line
    from wh.ops.aliases where model = {model} and alias = 'champion'
),
promoted as (
    select version, arg_min(before, line) as before from champions c
    where before is not null and not exists (
        select 1 from wh.ops.registry_actions r
        where r.model = {model} and r.action = 'rollback' and r.other = c.version and r.done_at = c.moved_at
    )
    group by version
),
losses as (
    select model_version as version, avg(observed) as loss from {observed}
    where slice = {all_rows} and metric = {metric} and observed is not null group by 1
)
select o.difference, {sign} * (a.loss - b.loss)
from promoted p
join {compared} o on o.version = p.version and o.other = 'champion' and o.metric = {metric} and isfinite(o.difference)
join losses a on a.version = p.version
join losses b on b.version = p.before
order by p.version
"""


def _watched(production: Sequence[ProductionAsset]) -> Iterator[tuple[str, str]]:
    """Each model in production with the first monitor of its scores."""
    seen: set[str] = set()
    for one in production:
        if one.role == "scores" and one.model is not None and one.watched_by and one.model not in seen:
            seen.add(one.model)
            yield one.model, one.watched_by[0]
