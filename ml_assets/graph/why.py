"""Why one entity has its score: version and who let it serve, feature values with contributions, source rows, files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isclose
from typing import Any

import pyarrow as pa

from ml_assets.errors import NotMaterializedError, SelectionError, UnknownNameError, nearest
from ml_assets.evaluation.explanations import tree_contributions
from ml_assets.graph.compile import Graph
from ml_assets.graph.personal import hidden_columns
from ml_assets.graph.provenance import rows_behind, shown_values
from ml_assets.registry.book import verdicts
from ml_assets.scoring.scores import ScoresAsset, score_columns
from ml_assets.specs.times import snapshot_key
from ml_assets.training.estimators import Boosted
from ml_assets.training.matrix import arrow_rows
from ml_assets.training.package import CANDIDATE
from ml_assets.training.versions import ModelVersion, load_version
from ml_assets.warehouse.aliases import move_at, version_at
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.manifest import UNPARTITIONED, manifest_of
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.store import Workbench

_UNITS = {"binary": "log odds", "regression": "the predicted unit", "ranking": "score"}
_PERSONAL = "(personal data)"
# One row and many are not added up in the same order by linear algebra.
_ROUNDING = 1e-9


def why_score(
    bench: Workbench, context: RunContext, graph: Graph, name: str, key: str, snapshot: str | None, most: int
) -> dict[str, Any]:
    """Inside a reading block: everything that one score rests on, as plain data; at most `most` rows of each source.

    Raises for a name that is no scores table, and for a key or snapshot without a score, with the nearest ones. Values of
    personal columns are masked, those of the key included.
    """
    asset = _scores_named(graph, name)
    if not bench.has_table(asset.name):
        raise NotMaterializedError(
            f"{asset.name} has not been made", place=asset.place, expected="scores", got="no table",
            remedy=f"ml-assets run +{asset.name}",
        )  # fmt: skip
    hidden = asset.personal.union(*(hidden_columns(bench, graph, name) for name in asset.deps))
    at = _snapshot_of(bench, asset, key, snapshot, masked=asset.model.entity in hidden)
    score = _score(bench, asset, key, at)
    made = manifest_of(bench, asset.name).get(at or UNPARTITIONED)
    made_at = made.made_at if made is not None else context.now
    version = load_version(bench, asset.model.name, score["model_version"])
    features = _features(bench, asset, version, key, at, score, hidden)
    changed = _changed_since(bench, at, dict(made.inputs) if made is not None else {})
    return {
        "scores": str(asset.name), "entity": asset.model.entity, "key": _PERSONAL if asset.model.entity in hidden else key, "snapshot": at,
        "score": score["score"], "predicted": score.get("predicted"), "made_at": made_at, "batch": made.batch if made is not None else None,
        "model": _model(bench, asset, version, made_at), **features, "inputs_changed_since": changed,
        "sources": rows_behind(bench, graph, asset, key, at, most), "asked_rows": most,
    }  # fmt: skip


def _scores_named(graph: Graph, name: str) -> ScoresAsset:
    known = {str(one.name): one for one in graph if isinstance(one, ScoresAsset)}
    wanted = name.replace("/", ".")
    found = known.get(wanted) or known.get(f"scores.{wanted}")
    if found is None:
        raise UnknownNameError("scored output", name, known)
    return found


def entity_is(entity: str, key: str) -> str:
    """SQL: whether a row is about this entity; keys are compared as text, whatever their type."""
    return f"cast({quoted(entity)} as varchar) = {literal(key)}"


def _snapshot_of(bench: Workbench, asset: ScoresAsset, key: str, asked: str | None, *, masked: bool) -> str | None:
    """The snapshot of the score, None for scores without snapshots; raises where this entity has none there."""
    entity = asset.model.entity
    if asset.snapshots is None:
        if not bench.value(f"select count(*) from {asset.name.quoted} where {entity_is(entity, key)}"):
            raise _no_such_key(bench, asset, key, masked=masked)
        return None
    found = [
        snapshot_key(row[0].replace(tzinfo=UTC))
        for row in bench.rows(
            f"select distinct snapshot from {asset.name.quoted} where {entity_is(entity, key)} order by 1"
        )
    ]
    if not found:
        raise _no_such_key(bench, asset, key, masked=masked)
    if asked is not None and asked not in found:
        near = sorted(found, key=lambda one: abs(_ordinal(one) - _ordinal(asked)))[:3]
        raise SelectionError(
            f"no score of this {entity} at {asked}", place=asset.place, expected=f"one of {len(found)} snapshots from {found[0]} to {found[-1]}",
            got=asked, remedy=f"nearest: {', '.join(sorted(near))}",
        )  # fmt: skip
    return asked or found[-1]


def _ordinal(key: str) -> int:
    try:
        return datetime.fromisoformat(key).toordinal()
    except ValueError as problem:
        raise SelectionError(
            f"{key!r} is no snapshot", expected="a date such as 2011-10-03", got=key, remedy="correct --snapshot"
        ) from problem


def _no_such_key(bench: Workbench, asset: ScoresAsset, key: str, *, masked: bool) -> SelectionError:
    entity = asset.model.entity
    if masked:
        remedy = "correct --row; keys that are near are personal data and not shown"
    else:
        # The engine narrows millions of keys down to those that look alike.
        rows = bench.rows(
            f"select k from (select distinct cast({quoted(entity)} as varchar) as k from {asset.name.quoted}) "
            "where k is not null order by levenshtein(k, ?), k limit 50",
            [key],
        )
        alike = [str(row[0]) for row in rows]
        near = nearest(key, alike) or alike[:3]
        remedy = f"nearest: {', '.join(near)}" if near else "there are no scores at all"
    return SelectionError(
        f"{asset.name} has no score of {entity} {key!r}" if not masked else f"{asset.name} has no score of this {entity}",
        place=asset.place, expected=f"a value of {entity} among the scored rows", got=_PERSONAL if masked else key, remedy=remedy,
    )  # fmt: skip


def _at(snapshot: str | None) -> str:
    return "" if snapshot is None else f" and snapshot = timestamp {literal(snapshot)}"


def _score(bench: Workbench, asset: ScoresAsset, key: str, snapshot: str | None) -> dict[str, Any]:
    where = f"{entity_is(asset.model.entity, key)}{_at(snapshot)}"
    return bench.records(f"select * from {asset.name.quoted} where {where} limit 1")[0]


def _model(bench: Workbench, asset: ScoresAsset, version: ModelVersion, made_at: datetime) -> dict[str, Any]:
    """The version that scored, how it was named then, who had let it serve, and where the alias points now."""
    spec = asset.spec
    move = None if spec.version is not None else move_at(bench, spec.model, spec.alias, made_at)
    given = [one for one in verdicts(bench, spec.model, version.version) if one.judged_at <= made_at]
    now = spec.version if spec.version is not None else version_at(bench, spec.model, spec.alias)
    training = version.manifest["training_set"]
    return {
        "version": str(version), "package_sha256": version.package_sha256, "reference": spec.reference,
        "trained_at": version.manifest.get("trained_at"), "trained_rows": training["rows"], "training_content": training["content"],
        "alias": None if move is None or move.version != version.version else vars(move),
        "verdict": {"passed": given[-1].passed, "reasons": given[-1].reasons, "judged_at": given[-1].judged_at} if given else None,
        "serves_now": now,
    }  # fmt: skip


def _changed_since(bench: Workbench, snapshot: str | None, inputs: Mapping[str, str]) -> list[str]:
    """Inputs of the score whose content is another one now: their rows are not those that were scored."""
    found = []
    for name, content in inputs.items():
        if "." in name:
            row = manifest_of(bench, TableName.parse(name)).get(snapshot or UNPARTITIONED)
            if row is None or row.content != content:
                found.append(name)
    return found


def _features(
    bench: Workbench, asset: ScoresAsset, version: ModelVersion, key: str, snapshot: str | None, score: Mapping[str, Any],
    hidden: frozenset[str],
) -> dict[str, Any]:  # fmt: skip
    """Values of the features as they are now, their exact contributions where the model has such, largest first."""
    table = _feature_row(bench, asset, key, snapshot)
    absent = [name for name in version.package.signature.columns if name not in table.column_names]
    if table.num_rows != 1 or absent:
        what = f"columns {', '.join(absent)}" if absent else "the rows"
        return {
            "features": [],
            "contributions": f"not applicable: {what} that were scored are no longer there",
            "recomputed": None,
        }
    matrix, _ = version.package.encode(table)
    again = score_columns(version.package, version.package.predict(matrix))["score"][0].as_py()
    candidate, task = version.package.estimators[CANDIDATE], version.package.signature.target.task
    names = [name for name in version.package.signature.columns if name in table.column_names]
    values = shown_values({name: table[name][0].as_py() for name in names}, hidden)
    found: dict[str, Any] = {"recomputed": again, "agrees": isclose(again, score["score"], rel_tol=_ROUNDING)}
    if not isinstance(candidate, Boosted) or task == "multiclass":
        why_not = "not applicable: exact contributions are those of LightGBM trees with one output"
        return found | {"features": [{"feature": name, "value": value, "contribution": None} for name, value in values.items()],
                        "contributions": why_not}  # fmt: skip
    told = tree_contributions(candidate.text, matrix, version.package.encoder.features, trees=candidate.trees)
    sizes = dict(zip(told.features, told.values[0].tolist(), strict=True))
    rows = [{"feature": name, "value": value, "contribution": sizes.get(name)} for name, value in values.items()]
    rows.sort(key=lambda one: (-abs(one["contribution"] or 0.0), one["feature"]))
    calibrated = " before calibration" if version.package.calibration is not None else ""
    return found | {
        "features": rows, "contributions": f"exact TreeSHAP, in {_UNITS.get(task, 'raw score')}{calibrated}",
        "base": told.base, "raw_score": float(told.raw_scores[0]),
    }  # fmt: skip


def _feature_row(bench: Workbench, asset: ScoresAsset, key: str, snapshot: str | None) -> pa.Table:
    rows = asset.rows([snapshot or UNPARTITIONED])
    return arrow_rows(bench, f"select * from ({rows}) where {entity_is(asset.model.entity, key)} limit 1")
