"""What indicators are computed from, read from the warehouse's books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ml_assets.monitoring.kpis import NOTHING_ASKED, IncidentRow, KpiFacts, Promotion, Stated, StepRow, Window
from ml_assets.monitoring.production import ProductionAsset
from ml_assets.specs.monitors import OperationsSpec
from ml_assets.specs.times import span_length
from ml_assets.warehouse.history import verdicts
from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

if TYPE_CHECKING:
    from ml_assets.registry.drill import Readiness

_HOUR_SECONDS = 3600
# A step of a run that began before a window is not of the window; so far around it all steps are looked at.
_LONGEST_RUN = timedelta(days=2)


@dataclass(frozen=True)
class Declared:
    """What the graph knows of itself, as plain data. `models`: every declared one with its task; `documented`: what of their
    documentation people have stated; `lost_runbooks`: declared for codes of checks, and no files. `root`: of the project."""

    production: tuple[ProductionAsset, ...] = ()
    models: tuple[tuple[str, str], ...] = ()
    documented: Stated = NOTHING_ASKED
    lost_runbooks: tuple[str, ...] = ()
    root: Path = Path()


def window_of(spec: OperationsSpec, now: datetime) -> Window:
    """The declared span up to and including now, from the midnight (UTC) of its first day on, because verdicts count by day."""
    first = now.astimezone(UTC) - span_length(spec.window)
    return Window(first.replace(hour=0, minute=0, second=0, microsecond=0), now + timedelta(microseconds=1))


def own_table(spec: OperationsSpec) -> TableName:
    """The table of the indicators."""
    return TableName("monitoring", spec.name)


def read_facts(bench: Workbench, spec: OperationsSpec, declared: Declared, window: Window, now: datetime) -> KpiFacts:
    """Inside a reading block: everything that indicators of a window are computed from.

    The step that makes them is left out of all counts: else it would count itself the next time, and never come to rest.
    """
    from ml_assets.monitoring.kpi_gains import gain_pairs

    own = str(own_table(spec))
    price = None if spec.cost is None else (spec.cost.cpu_hour / _HOUR_SECONDS, spec.cost.currency)
    return KpiFacts(
        window, steps_in(bench, window, own), _verdicts(bench, window, own), _fresh_days(bench, window, own), _incidents(bench),
        promotions(bench), gain_pairs(bench, declared.production, dict(declared.models)), watched(declared.production),
        ready(bench, declared.production, now), declared.documented, len(declared.models), price,
    )  # fmt: skip


def steps_in(bench: Workbench, window: Window, own: str = "") -> list[StepRow]:
    """Steps of a window by the clock of their run (the real time, of steps older than that), in order of run and asset.

    An asset in a run is one step, though Dagster makes and judges it in two. Runs that only judge are left out.
    """
    return [
        StepRow(run, asset, at.replace(tzinfo=UTC), failed, seconds, rows, cpu, error)
        for run, asset, at, failed, seconds, rows, cpu, error in bench.rows(
            "select run_id, asset, min(coalesce(clock_time, started_at)) as moment, bool_or(status = 'failed' or message <> ''), "
            "sum(epoch(ended_at - started_at))::double, coalesce(sum(rows), 0)::bigint, "
            "case when count(cpu_seconds) = count(*) then sum(cpu_seconds) end, "
            "case when count(cpu_seconds) = count(*) then sum(cpu_error) end "
            f"from (select *, {_ROWS_WRITTEN} as rows from wh.ops.steps left join wh.ops.step_costs using (run_id, step) "
            "where command <> 'check' and asset <> ? and coalesce(clock_time, started_at) between ? and ?) "
            "group by run_id, asset having moment >= ? and moment < ? order by 1, 2",
            [
                own,
                *(
                    naive_utc(moment)
                    for moment in (window.since - _LONGEST_RUN, window.until + _LONGEST_RUN, window.since, window.until)
                ),
            ],
        )
    ]


_ROWS_WRITTEN = (
    'list_sum(list_transform(list_filter(from_json(made, \'[{"rows": "bigint", "changed": "boolean"}]\'), '
    "lambda one: one.changed), lambda one: one.rows))"
)


def _verdicts(bench: Workbench, window: Window, own: str) -> tuple[int, int]:
    passed, failed = bench.rows(
        "select count(*) filter (where status = 'passed'), count(*) filter (where status = 'failed') "
        f"from {verdicts(window.since, window.until)} where asset <> ?",
        [own],
    )[0]
    return passed, failed


def _fresh_days(bench: Workbench, window: Window, own: str) -> tuple[int, int]:
    fresh, judged = bench.rows(
        "select count(*) filter (where status = 'passed'), count(*) from (select day, asset, status "
        f"from {verdicts(window.since, window.until)} where code = 'FR001' and status <> 'not_applicable' and asset <> ? "
        "qualify row_number() over (partition by day, asset order by last_recorded_at desc) = 1)",
        [own],
    )[0]
    return fresh, judged


def _incidents(bench: Workbench) -> list[IncidentRow]:
    return [
        IncidentRow(
            began.replace(tzinfo=UTC),
            opened.replace(tzinfo=UTC),
            waiting.replace(tzinfo=UTC),
            _utc(acknowledged),
            _utc(closed),
            dismissed,
        )
        for began, opened, waiting, acknowledged, closed, dismissed in bench.rows(
            "select began_at, opened_at, coalesce(waiting_since, opened_at), acknowledged_at, closed_at, status = 'dismissed' from wh.ops.incidents order by incident"
        )
    ]


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def promotions(bench: Workbench) -> list[Promotion]:
    """Every version that became champion other than by a rollback, oldest first."""
    return [
        Promotion(model, version, at.replace(tzinfo=UTC), back)
        for model, version, at, back in bench.rows(
            "with promoted as (select *, lead(moved_at) over (partition by model, version order by moved_at, line) as again_at "
            "from (select *, rowid as line from wh.ops.aliases) a where alias = 'champion' and not exists ("
            "select 1 from wh.ops.registry_actions r where r.action = 'rollback' and r.model = a.model and r.other = a.version "
            "and r.done_at = a.moved_at)) "
            "select model, version, moved_at, exists (select 1 from wh.ops.registry_actions r where r.action = 'rollback' "
            "and r.model = p.model and r.version = p.version and r.done_at >= p.moved_at "
            "and (p.again_at is null or r.done_at < p.again_at)) from promoted p order by moved_at, line"
        )
    ]


def watched(production: Sequence[ProductionAsset]) -> Stated:
    """How much of production is watched."""
    missing = [str(one.name) for one in production if not one.is_watched]
    return Stated(len(production) - len(missing), len(production), missing)


def readiness(bench: Workbench, production: Sequence[ProductionAsset], now: datetime) -> Mapping[str, Readiness]:
    """Inside a reading block: model in production → whether it could be rolled back now."""
    from ml_assets.registry.drill import rollback_readiness

    models = dict.fromkeys(one.model for one in production if one.model is not None)
    return {model: rollback_readiness(bench, model, now) for model in models}


def ready(bench: Workbench, production: Sequence[ProductionAsset], now: datetime) -> Stated:
    """How many models in production could be rolled back."""
    found = readiness(bench, production, now)
    missing = [f"{model} ({one.reason})" for model, one in found.items() if not one.is_ready]
    return Stated(len(found) - len(missing), len(found), missing)
