"""Trouble with what serves: the champion's standing, age and package, requests nobody served, tables that are overdue."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from ml_assets.errors import NotMaterializedError, PackageError
from ml_assets.operations.signals import Signal
from ml_assets.operations.watch import Watch
from ml_assets.registry.champion import ChampionAsset
from ml_assets.registry.golden import answer_golden
from ml_assets.registry.resolve import standing
from ml_assets.scoring.example_scores import ExampleScoresAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs.times import span_length
from ml_assets.training.versions import load_version
from ml_assets.warehouse.aliases import CHAMPION, version_at
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.manifest import whole_manifest
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench


def champions(bench: Workbench, watch: Watch) -> Iterator[tuple[ChampionAsset, int]]:
    """Every model that has a champion, and its version."""
    for asset in watch.graph:
        if isinstance(asset, ChampionAsset) and bench.has_table(TableName("models", asset.spec.name)):
            version = version_at(bench, asset.spec.name, CHAMPION)
            if version is not None:
                yield asset, version


def champion_signals(bench: Workbench, watch: Watch) -> Iterator[Signal]:
    """Champions that may not serve, and those older than a monitor of their scores allows."""
    now = watch.context.now
    for asset, version in champions(bench, watch):
        model, place = asset.spec.name, asset.place
        table = TableName("models", model)
        trained = _trained_at(bench, table, version)
        if trained is None:
            yield Signal(
                "champion", "champion_is_there", "model", "error", now, f"{model}@{version} is champion and not among the versions",
                str(asset.name), str(table), numbers={"version": version}, place=place,
            )  # fmt: skip
            continue
        found = standing(bench, model, version, now)
        if found.refusal:
            since = found.verdict.judged_at if found.verdict is not None else now
            yield Signal(
                "champion", "champion_may_serve", "model", "error", min(since, now), f"champion {model}@{version}: {found.refusal}",
                str(asset.name), str(table), numbers={"version": version}, place=place,
            )  # fmt: skip
        yield from _age(watch, asset, version, trained)


def _trained_at(bench: Workbench, table: TableName, version: int) -> datetime | None:
    trained = bench.value(f"select trained_at from {table.quoted} where version = ?", [version])
    return trained.replace(tzinfo=UTC) if trained is not None else None


def _age(watch: Watch, asset: ChampionAsset, version: int, trained: datetime) -> Iterator[Signal]:
    model, now = asset.spec.name, watch.context.now
    limits = [
        monitor.retrain.max_age
        for scores in _scores_of(watch, model) for monitor in watch.monitors_of(str(scores.name))
        if "age" in monitor.retrain.when
    ]  # fmt: skip
    if not limits:
        return
    limit = min(limits, key=span_length)
    age = now - trained
    if age > span_length(limit):
        yield Signal(
            "champion", "champion_is_young_enough", "model", "warn", trained + span_length(limit),
            f"champion {model}@{version} was trained on {trained:%Y-%m-%d}, {age.days} days ago (limit {limit})",
            str(asset.name), str(TableName("models", model)), last_at=now,
            numbers={"version": version, "age_days": age.days, "limit_days": span_length(limit).days}, place=asset.place,
        )  # fmt: skip


def _scores_of(watch: Watch, model: str) -> list[ScoresAsset | ExampleScoresAsset]:
    return [scores for scores in watch.scores() if scores.model.name == model]


def package_signals(bench: Workbench, watch: Watch) -> Iterator[Signal]:
    """Champions whose package is not what its manifest says, or that no longer give the scores they gave when judged."""
    for asset, version in champions(bench, watch):
        model, table = asset.spec.name, TableName("models", asset.spec.name)
        numbers: dict[str, float | int] = {"version": version}
        try:
            loaded = load_version(bench, model, version)
            answer = answer_golden(bench, loaded)
        except NotMaterializedError:
            continue
        except PackageError as problem:
            name, said, code = "package_is_intact", f"{problem.subject}: {problem.got}", problem.code
        else:
            if answer.exact:
                continue
            numbers |= {"rows": answer.rows, "differing": answer.differing, "largest": answer.largest}
            name, code = "golden_rows_are_answered", "GT003"
            said = f"{model}@{version} answers {answer.differing} of {answer.rows} golden rows otherwise, by at most {answer.largest:g}"
        yield Signal(
            "package", name, "model", "error", watch.context.now, said, str(asset.name), str(table), code=code, numbers=numbers,
            place=asset.place,
        )  # fmt: skip


def unserved_requests(bench: Workbench, watch: Watch) -> Iterator[Signal]:
    """Requests for a challenger that nobody has trained within the shortest distance of two requests."""
    now = watch.context.now
    rows = bench.rows(
        "select model, monitor, arg_max(reasons, requested_at), min(requested_at) from wh.ops.retrain_requests "
        "group by all order by all"
    )
    for model, monitor, reasons, asked in rows:
        table = TableName("models", model)
        spec = next(
            (m for s in _scores_of(watch, model) for m in watch.monitors_of(str(s.name)) if m.name == monitor), None
        )
        if spec is None or not bench.has_table(table):
            continue
        asked = bench.value(
            "select min(requested_at) from wh.ops.retrain_requests where model = ? and monitor = ? and requested_at > "
            f"coalesce((select max(trained_at) from {table.quoted}), timestamp '0001-01-01')", [model, monitor],
        )  # fmt: skip
        if asked is None:
            continue
        since, limit = asked.replace(tzinfo=UTC), spec.retrain.at_most_every
        if now - since > span_length(limit):
            yield Signal(
                "request", "requests_are_served", "model", "warn", since,
                f"{monitor} asked for a new version of {model} on {since:%Y-%m-%d}, {(now - since).days} days ago, and none was trained: {reasons}",
                str(table), str(table), last_at=now, numbers={"waiting_days": (now - since).days, "limit_days": span_length(limit).days},
            )  # fmt: skip


def overdue_tables(bench: Workbench, watch: Watch) -> Iterator[Signal]:
    """Tables that are out of date, and were last made longer ago than their declared age allows; scores that are missing.

    Without a declared age a table with snapshots may lie one step of its grid and a day back, any other as long as the
    profile's `fresh_for` says. What was never made is not overdue.
    """
    context = watch.context
    scores = {asset.name for asset in watch.scores()}
    manifest = whole_manifest(bench)
    for asset in watch.graph:
        rows = manifest.get(str(asset.name))
        if not rows:
            continue
        made = max(row.made_at for row in rows.values())
        late = made + watch.allowed_age(asset)
        why = ""
        if context.now > late:
            why = next(iter(asset.stale(bench, context, asset.partitions(context.now)).values()), "")
        if not why and asset.name in scores and asset.snapshots is not None:
            late, why = _missing_snapshot(asset, max(rows), context.now)
        if why:
            yield Signal(
                "stale", "table_is_current", "stale", "error" if asset.name in scores else "warn", late,
                f"{asset.name} is out of date ({why}) and was last made on {made:%Y-%m-%d %H:%M}", str(asset.name), str(asset.name),
                last_at=context.now, numbers={"age_days": round((context.now - made) / timedelta(days=1), 1)}, place=asset.place,
            )  # fmt: skip


def _missing_snapshot(scores: TableAsset, newest: str, now: datetime) -> tuple[datetime, str]:
    """A snapshot that should have scores for a day already, and since when; no words where there is none.

    Scores wait for features, features for rows: a table that waits is not out of date by itself, but products miss it.
    """
    missing = [key for key in scores.partitions(now) if key > newest]
    late = datetime.fromisoformat(missing[0]).replace(tzinfo=UTC) + timedelta(days=1) if missing else now
    return late, f"no scores of {missing[0]}" if missing and now > late else ""
