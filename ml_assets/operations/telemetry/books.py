"""The metrics that follow from the warehouse's books: runs, steps, checks, rows, lock, models, incidents."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

from ml_assets.graph.compile import Graph
from ml_assets.monitoring.operations_asset import OperationsAsset
from ml_assets.operations.incident_book import SEVERITIES
from ml_assets.operations.telemetry.readings import Histogram, Reading
from ml_assets.scoring.example_scores import ExampleScoresAsset
from ml_assets.scoring.scores import VERSION, ScoresAsset
from ml_assets.training.model import ModelAsset
from ml_assets.warehouse.aliases import ALIASES, CHAMPION, move_at
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.manifest import whole_manifest
from ml_assets.warehouse.store import Workbench

STEP_SECONDS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)
LOCK_SECONDS = (0.005, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 300.0)
_STATUS = "if(status <> 'failed' and message <> '', 'blocked', status)"
_MOST_NUMBERS = 40


def read_books(bench: Workbench, context: RunContext, graph: Graph) -> Reading:
    """Inside a reading block: everything that the books say of assets of the graph."""
    reading = Reading()
    names = [str(name) for name in graph.assets]
    _steps(bench, reading, names)
    _checks(bench, reading, graph)
    _assets(bench, context, reading, names)
    _lock(bench, reading)
    _models(bench, context, reading, graph)
    _scores(bench, reading, graph)
    _operations(bench, reading)
    _indicators(bench, reading, graph)
    return reading


def _steps(bench: Workbench, reading: Reading, names: list[str]) -> None:
    reading.put_rows("runs", bench.rows(
        "select command, if(bad, 'failed', 'done'), count(*) from (select run_id, any_value(command) as command, "
        "bool_or(message <> '' or status = 'failed') as bad from wh.ops.steps group by run_id) group by all"))  # fmt: skip
    reading.put_rows("run_last_timestamp_seconds", bench.rows(
        "select command, epoch(max(ended_at)) from wh.ops.steps group by command"))  # fmt: skip
    bench.execute(
        f"create or replace temp table known_steps as select asset, {_STATUS} as state, started_at, ended_at, run_id, step, "
        "epoch(ended_at - started_at) as seconds, command from wh.ops.steps where list_contains(?, asset)",
        [names],
    )
    reading.put_rows("steps", bench.rows("select asset, state, count(*) from known_steps group by all"))
    last = bench.rows(
        "select asset, seconds, epoch(ended_at), state in ('failed', 'blocked') from known_steps where command <> 'check' "
        "qualify row_number() over (partition by asset order by ended_at desc, step desc) = 1"
    )
    for asset, seconds, ended, failed in last:
        reading.put("step_last_duration_seconds", seconds, asset)
        reading.put("step_last_timestamp_seconds", ended, asset)
        reading.put("step_last_failed", int(failed), asset)
    reading.put_rows("step_cpu_seconds", bench.rows(
        "select asset, sum(cpu_seconds) from known_steps join wh.ops.step_costs using (run_id, step) group by asset"))  # fmt: skip
    observed = (
        f"select asset, {_bucket_sql('seconds', STEP_SECONDS)} from known_steps where state <> 'judged' group by asset"
    )
    for asset, *counts in bench.rows(observed):
        reading.put_histogram("step_duration_seconds", _histogram(counts, STEP_SECONDS), asset)


def _checks(bench: Workbench, reading: Reading, graph: Graph) -> None:
    known = {(str(asset.name), check.name) for asset in graph for check in asset.checks}
    rows = bench.rows(
        "select asset, check_name, code, severity, status = 'failed' from wh.ops.checks where status <> 'not_applicable' "
        "qualify row_number() over (partition by asset, check_name order by partition desc) = 1"
    )
    failing = {
        (asset, check): count
        for asset, check, count in bench.rows(
            "select c.asset, c.check_name, count(*) from wh.ops.checks c join wh.ops.manifest m "
            "on m.asset = c.asset and m.partition = c.partition and m.content = c.content where c.status = 'failed' group by all"
        )
    }
    for asset, check, code, severity, failed in rows:
        if (asset, check) in known:
            reading.put("check_failed", int(failed), asset, check, code, severity)
            reading.put("check_failed_partitions", failing.get((asset, check), 0), asset, check, code, severity)
    names = [str(name) for name in graph.assets]
    reading.put_rows("checks_judged_timestamp_seconds", bench.rows(
        "select asset, epoch(max(evaluated_at)) from wh.ops.checks where list_contains(?, asset) group by asset", [names]))  # fmt: skip
    watching = [name for name in names if name.startswith("monitoring.")]
    numbers = bench.rows(
        "select asset, check_name, code, number, value from (select asset, check_name, code, "
        "unnest(json_keys(numbers)) as number, try_cast(numbers ->> number as double) as value from (select * from wh.ops.checks "
        "where list_contains(?, asset) and status <> 'not_applicable' "
        "qualify row_number() over (partition by asset, check_name order by partition desc) = 1)) "
        "where value is not null qualify row_number() over (partition by asset, check_name order by number) <= ?",
        [watching, _MOST_NUMBERS],
    )
    reading.put_rows("monitor_value", (row for row in numbers if (row[0], row[1]) in known and math.isfinite(row[4])))


def _assets(bench: Workbench, context: RunContext, reading: Reading, names: list[str]) -> None:
    for asset, rows in whole_manifest(bench).items():
        if asset not in names:
            continue
        newest = rows[max(rows)]
        reading.put("asset_rows", newest.rows, asset)
        reading.put("asset_partitions", len(rows), asset)
        made_at = max(row.made_at for row in rows.values())
        reading.put("asset_age_seconds", (context.now - made_at).total_seconds(), asset)
        if newest.partition:
            moment = datetime.fromisoformat(newest.partition).replace(tzinfo=UTC)
            reading.put("asset_newest_partition_timestamp_seconds", moment.timestamp(), asset)
    reading.put_rows("asset_rows_written", bench.rows(
        "select asset, sum(rows)::double from wh.ops.batches where list_contains(?, asset) group by asset", [names]))  # fmt: skip
    reading.put_rows("quarantined_rows", bench.rows(
        "select asset, sum(rows_quarantined)::double from wh.ops.files where list_contains(?, asset) and status = 'loaded' "
        "group by asset", [names]))  # fmt: skip


def _lock(bench: Workbench, reading: Reading) -> None:
    [counts] = bench.rows(f"select {_bucket_sql('lock_wait_seconds', LOCK_SECONDS)} from wh.ops.batches")
    reading.put_histogram("lock_wait_seconds", _histogram(counts, LOCK_SECONDS))


def _models(bench: Workbench, context: RunContext, reading: Reading, graph: Graph) -> None:
    for asset in graph:
        if not isinstance(asset, ModelAsset):
            continue
        model = asset.spec.name
        for alias in ALIASES:
            moved = move_at(bench, model, alias)
            reading.put("model_version", None if moved is None else moved.version, model, alias)
            if moved is None or alias != CHAMPION:
                continue
            reading.put("model_champion", 1, model, str(moved.version))
            reading.put("model_champion_age_seconds", (context.now - moved.moved_at).total_seconds(), model)
            trained = bench.value(f"select trained_at from {asset.name.quoted} where version = ?", [moved.version])
            if trained is not None:
                age = context.now - trained.replace(tzinfo=UTC)
                reading.put("model_champion_trained_age_seconds", age.total_seconds(), model)
    reading.put_rows(
        "retrain_requests", bench.rows("select model, count(*) from wh.ops.retrain_requests group by model")
    )


def _scores(bench: Workbench, reading: Reading, graph: Graph) -> None:
    manifest = whole_manifest(bench)
    for asset in graph:
        rows = manifest.get(str(asset.name))
        if not isinstance(asset, ScoresAsset | ExampleScoresAsset) or not rows:
            continue
        newest, place = rows[max(rows)], (str(asset.name), asset.model.name)
        reading.put("scoring_rows", newest.rows, *place)
        reading.put("scoring_duration_seconds", newest.seconds, *place)
        reading.put("scoring_model_version", float(newest.inputs[VERSION]), *place)


def _operations(bench: Workbench, reading: Reading) -> None:
    """Incidents and alerts: absent until the first is written, because before that nobody may be looking."""
    ever = bench.value("select count(*) from wh.ops.incidents")
    if ever:
        reading.put("incidents", ever)
        opened = dict(
            bench.rows(
                "select severity, count(*) from wh.ops.incidents where status in ('open', 'acknowledged') group by all"
            )
        )
        for severity in SEVERITIES:
            reading.put("incidents_open", opened.get(severity, 0), severity)
    reading.put_rows("alerts", bench.rows(
        "select route, status, count(*) from wh.ops.alerts where status in ('sent', 'given_up') group by all"))  # fmt: skip
    reading.put_rows("alerts_waiting", bench.rows(
        "select route, count(*) filter (where status in ('due', 'failed')) from wh.ops.alerts group by route"))  # fmt: skip


def _indicators(bench: Workbench, reading: Reading, graph: Graph) -> None:
    for asset in graph:
        if isinstance(asset, OperationsAsset) and bench.has_table(asset.name):
            reading.put_rows("indicator", bench.rows(
                f"select indicator, unit, value from {asset.name.quoted} where day = (select max(day) from {asset.name.quoted})"))  # fmt: skip


def _bucket_sql(column: str, bounds: Iterable[float]) -> str:
    below = ", ".join(f"count(*) filter (where {column} <= {bound})" for bound in bounds)
    return f"{below}, count({column}), coalesce(sum({column}), 0)"


def _histogram(counts: Iterable[float], bounds: tuple[float, ...]) -> Histogram:
    *below, count, total = counts
    return Histogram(dict(zip(bounds, map(int, below), strict=True)), int(count), float(total))
