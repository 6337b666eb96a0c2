"""Monitors: what they watch is declared, and of a kind that can be watched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ml_assets.errors import DeclarationError, UnknownNameError
from ml_assets.features.labels import LabelAsset
from ml_assets.graph.project import Declaration
from ml_assets.scoring.example_scores import ExampleScoresAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs import MonitorSpec, RawTableSpec, SqlTableSpec
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.names import TableName

SUFFIXES_OF_SCORES: tuple[str, ...] = ("drift", "early_outcomes", "performance", "retraining")
SUFFIXES_OF_TABLE: tuple[str, ...] = ("days",)


@dataclass(frozen=True)
class WatchedScores:
    """Scores that a monitor watches. `labels` is None for a model whose label is a column of its source."""

    scores: ScoresAsset | ExampleScoresAsset
    labels: LabelAsset | None


def monitor_tables(spec: MonitorSpec) -> list[TableName]:
    """The tables that a monitor yields, by its declaration alone."""
    suffixes = SUFFIXES_OF_SCORES if spec.scores is not None else SUFFIXES_OF_TABLE
    return [TableName("monitoring", f"{spec.name}__{suffix}") for suffix in suffixes]


def monitor_assets(declaration: Declaration, assets: Mapping[TableName, TableAsset]) -> list[TableAsset]:
    """The assets of a monitor; `assets` are those of every other declaration."""
    spec = declaration.spec
    assert isinstance(spec, MonitorSpec)
    if spec.scores is not None:
        return _of_scores(declaration, spec, _watched_scores(declaration, spec, assets))
    return _of_table(declaration, spec, _watched_table(declaration, spec, assets))


def _of_scores(declaration: Declaration, spec: MonitorSpec, watched: WatchedScores) -> list[TableAsset]:
    from ml_assets.monitoring.drift import DriftAsset
    from ml_assets.monitoring.performance_assets import performance_assets

    place, use_case, scores = declaration.place, declaration.use_case, watched.scores
    labels = None if watched.labels is None else watched.labels.name
    return [
        DriftAsset(spec, scores, labels, place, use_case),
        *performance_assets(spec, scores, watched.labels, place, use_case),
    ]


def _of_table(declaration: Declaration, spec: MonitorSpec, watched: TableAsset) -> list[TableAsset]:
    from ml_assets.monitoring.days import DaysAsset

    return [DaysAsset(spec, watched, declaration.place, declaration.use_case)]


def _watched_scores(
    declaration: Declaration, spec: MonitorSpec, assets: Mapping[TableName, TableAsset]
) -> WatchedScores:
    found = assets.get(TableName("scores", str(spec.scores)))
    if not isinstance(found, ScoresAsset | ExampleScoresAsset):
        known = [name.table for name in assets if name.schema == "scores"]
        raise UnknownNameError("scored output", str(spec.scores), known, place=declaration.place_of("scores"))
    labels = assets.get(TableName("labels", found.model.name))
    return WatchedScores(found, labels if isinstance(labels, LabelAsset) else None)


def _watched_table(declaration: Declaration, spec: MonitorSpec, assets: Mapping[TableName, TableAsset]) -> TableAsset:
    name = TableName.parse(str(spec.table))
    if name not in assets:
        known = [str(found) for found in assets if found.schema in ("raw", "staging")]
        raise UnknownNameError("table", str(spec.table), known, place=declaration.place_of("table"))
    found = assets[name].spec
    assert isinstance(found, RawTableSpec | SqlTableSpec)
    if found.event_time is None:
        raise DeclarationError(
            f"{name} has no days to watch", place=declaration.place_of("table"), expected="a table with an event_time", got="none declared",
            remedy=f"declare event_time at {assets[name].place}, or watch another table",
        )  # fmt: skip
    return assets[name]
