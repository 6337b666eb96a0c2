"""From a table of training rows to a package: pure, so that a replay calls what training called."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import TrainingError, UnknownNameError
from ml_assets.specs.estimators import LightGBMSpec
from ml_assets.specs.models import ModelSpec
from ml_assets.training.baselines import Constant, OneRule
from ml_assets.training.boosting import Fitted, fit_lightgbm
from ml_assets.training.calibration import choose_calibration
from ml_assets.training.columns import usable_features
from ml_assets.training.encoder import Encoder
from ml_assets.training.estimators import Estimator
from ml_assets.training.linear import Linear
from ml_assets.training.package import CANDIDATE, Package
from ml_assets.training.rows import LabelledRows
from ml_assets.training.signature import Signature
from ml_assets.training.sklearn_fitting import class_weight_of, fit_sklearn
from ml_assets.training.target import Target
from ml_assets.training.thresholds import DEFAULT_THRESHOLD, choose_threshold
from ml_assets.training.tuning import Search, tune

Progress = Callable[[str, int, int], None]
_DIRECTIONS = {"increasing": 1, "decreasing": -1}


@dataclass(frozen=True)
class Prepared:
    """Everything that fitting needs, as numbers."""

    spec: ModelSpec
    place: str
    encoder: Encoder
    target: Target
    train: LabelledRows
    validation: LabelledRows
    learnt: LabelledRows
    validation_entity: npt.NDArray[np.int64]
    directions: tuple[int, ...]
    left_out: Mapping[str, str]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 3)


def fit_package(
    table: pa.Table, spec: ModelSpec, features: Mapping[str, str], place: str, progress: Progress
) -> tuple[Package, dict[str, Any]]:
    """Candidate, baselines and calibration of these rows, and facts about how they were made.

    `table` has the feature columns, `label`, `snapshot`, the entity, the carried columns of `spec` and `part`; the order
    of its columns is the order of the model's features, that of `features` (name → declared type) means nothing. Rows of
    part `train` train, those of `validation` decide (rounds, parameters, calibration, threshold); with `refit` the
    candidate and its baselines then learn from all rows given. Rows of part `test` are refused: nothing here may see them.
    Equal tables give equal packages; only `facts["timings"]` (seconds) differ.
    """
    prepared = _prepared(table, spec, features, place)
    facts: dict[str, Any] = {}
    if spec.tuning is not None:
        with prepared.timed("tuning"):
            search = Search(
                prepared.train,
                prepared.validation,
                prepared.target,
                prepared.encoder.categorical_positions,
                prepared.directions,
            )
            parameters, facts["tuning"] = tune(search, spec, spec.tuning, place, progress)
        estimator = spec.estimator.model_copy(update={"parameters": {**spec.estimator.parameters, **parameters}})
        prepared = replace(prepared, spec=spec.model_copy(update={"estimator": estimator}))
    with prepared.timed("candidate"):
        fitted = _candidate(prepared, progress)
    with prepared.timed("baselines"):
        baselines = _baselines(prepared)
    package = Package(prepared.encoder, {CANDIDATE: fitted.final, **baselines}, _signature(prepared, features))
    package, decided = _decided(prepared, package, fitted)
    rule = baselines["one_rule"]
    assert isinstance(rule, OneRule)
    facts |= {
        **fitted.facts, **decided, "features": len(prepared.encoder.features), "left_out_features": dict(prepared.left_out),
        "rows_trained_on": len(prepared.learnt.label), "rule_feature": rule.feature, "seeds": _seeds(spec),
        "unseen_in_validation": _unseen(prepared, table), "timings": prepared.seconds,
    }  # fmt: skip
    return package, facts


def _prepared(table: pa.Table, spec: ModelSpec, features: Mapping[str, str], place: str) -> Prepared:
    table = _in_order(table, spec)
    parts = np.asarray(table["part"].to_pylist(), dtype=object)
    trains, validates = parts == "train", parts == "validation"
    if (parts == "test").any() or not trains.any() or not validates.any():
        counts = {str(part): int((parts == part).sum()) for part in dict.fromkeys(parts.tolist())}
        raise TrainingError(
            "the rows to learn from are not those of a split", place=place, expected="rows of train and validation, none of test",
            got=counts or "no rows", remedy="make the training set anew",
        )  # fmt: skip
    learning = table.filter(pa.array(trains))
    kept, left_out = usable_features(learning, [name for name in table.column_names if name in features], place)
    encoder = Encoder.fit(learning, kept, [name for name in spec.categorical if name in kept], place)
    target = Target.fit(spec.task, learning["label"], spec.label.classes, place)
    label = target.vector(table["label"], place)
    _refuse_one_outcome(label, {"train": trains, "validation": validates}, target, place)
    weight = class_weight_of(label, spec.estimator.class_weights, target, place)
    everything = LabelledRows(encoder.encode(table)[0], label, weight, query_codes(table, spec))
    train, validation = everything.chosen(trains), everything.chosen(validates)
    return Prepared(
        spec, place, encoder, target, train, validation, everything if spec.estimator.refit else train,
        _codes(table[spec.entity]).astype(np.int64)[validates], _directions(spec, features, encoder, place), left_out,
    )  # fmt: skip


def _in_order(table: pa.Table, spec: ModelSpec) -> pa.Table:
    """Rows by snapshot and entity, within the query where there is one: the order in which rows lie changes no byte."""
    query = [spec.label.query] if spec.label.query else []
    return table.sort_by([(name, "ascending") for name in dict.fromkeys(("snapshot", *query, spec.entity))])


def _codes(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Equal numbers for equal values."""
    return np.asarray(pc.rank(column, tiebreaker="dense").to_numpy(zero_copy_only=False))


def query_codes(table: pa.Table, spec: ModelSpec) -> npt.NDArray[np.int64] | None:
    """A number for each query; without a declared one, each snapshot is one."""
    if spec.task != "ranking":
        return None
    found = _codes(table["snapshot"]).astype(np.int64)
    if spec.label.query:
        found = found * (table.num_rows + 1) + _codes(table[spec.label.query]).astype(np.int64)
    return found


def _refuse_one_outcome(
    label: npt.NDArray[np.float64], parts: Mapping[str, npt.NDArray[np.bool_]], target: Target, place: str
) -> None:
    for part, chosen in parts.items():
        found = np.unique(label[chosen])
        wanted = len(target.class_names) if target.task == "multiclass" and part == "train" else 2
        if len(found) < wanted:
            names = target.class_names
            said = [names[int(value)] if names else f"{value:g}" for value in found]
            raise TrainingError(
                f"the {part} rows do not show what is to be told apart", place=place,
                expected=f"every one of {', '.join(names)}" if wanted > 2 else "at least two different labels",
                got=f"{int(chosen.sum())} rows, all of {', '.join(said)}" if said else "no rows",
                remedy="widen the snapshots or the population, or divide the rows otherwise",
            )  # fmt: skip


def _directions(spec: ModelSpec, features: Mapping[str, str], encoder: Encoder, place: str) -> tuple[int, ...]:
    for name in spec.estimator.monotone:
        if name not in features:
            raise UnknownNameError("feature of monotone", name, features, place=place)
        if name in encoder.categories:
            raise TrainingError(
                f"monotone names {name}, which is a category", place=place, expected="a feature with an order",
                got="categories", remedy=f"remove {name} from monotone",
            )  # fmt: skip
    return tuple(_DIRECTIONS.get(spec.estimator.monotone.get(name, ""), 0) for name in encoder.features)


def _candidate(prepared: Prepared, progress: Progress) -> Fitted:
    spec, label = prepared.spec.estimator, f"models.{prepared.spec.name}"
    needs = prepared.spec.calibration != "none" or prepared.spec.costs is not None
    common: dict[str, Any] = {
        "searched": (prepared.train, prepared.validation), "place": prepared.place, "target": prepared.target,
        "directions": prepared.directions, "needs_train": needs,
    }  # fmt: skip
    categorical = prepared.encoder.categorical_positions
    if isinstance(spec, LightGBMSpec):
        rounds = lambda done, total: progress(f"{label} rounds", done, total)  # noqa: E731
        return fit_lightgbm(prepared.learnt, spec, categorical, on_round=rounds, **common)
    return fit_sklearn(prepared.learnt, spec, categorical, **common)


def _baselines(prepared: Prepared) -> dict[str, Estimator]:
    learnt, target = prepared.learnt, prepared.target
    spec = prepared.spec.estimator
    median = isinstance(spec, LightGBMSpec) and spec.objective in ("l1", "mape")
    return {
        "constant": Constant.fit(learnt.label, target, median=median),
        "one_rule": OneRule.fit(learnt.matrix, learnt.label, prepared.encoder.features, target),
        "linear": Linear.fit(learnt.matrix, learnt.label, prepared.encoder.categorical_positions, target),
    }


def _signature(prepared: Prepared, features: Mapping[str, str]) -> Signature:
    columns = {name: features[name] for name in prepared.encoder.features}
    return Signature(prepared.target, columns, prepared.encoder.categories, prepared.spec.unseen_categories)


def _decided(prepared: Prepared, package: Package, fitted: Fitted) -> tuple[Package, dict[str, Any]]:
    """The package with its calibration, and the facts of calibration and threshold; both from validation rows."""
    spec, facts = prepared.spec, {}
    if prepared.target.task == "binary":
        facts["threshold"] = {"value": DEFAULT_THRESHOLD, "source": "default: no costs are declared"}
    if fitted.of_train is None or (spec.calibration == "none" and spec.costs is None):
        return package, facts | {"calibration": {"kind": "none"}}
    held, entity, label = prepared.validation, prepared.validation_entity, prepared.validation.label
    score = fitted.of_train.predict(held.matrix)
    with prepared.timed("calibration"):
        calibration, said = choose_calibration(
            spec.calibration, score, label, entity, spec.estimator.seed, prepared.place
        )
    if calibration is not None:
        said["fitted_on"] = "validation rows, scored by the model of the training rows alone" + (
            "; applied to the model fitted again on all rows" if fitted.of_train is not fitted.final else ""
        )
        score = calibration.apply(score)
    facts["calibration"] = said
    if spec.costs is not None:
        with prepared.timed("threshold"):
            chosen = choose_threshold(label, score, spec.costs, entity, spec.estimator.seed)
        facts["threshold"] = chosen.to_json() | {"costs": spec.costs.model_dump()}
    return replace(package, calibration=calibration), facts


def _seeds(spec: ModelSpec) -> dict[str, int]:
    found = {"estimator": spec.estimator.seed}
    if (split := getattr(spec.split, "seed", None)) is not None:
        found["split"] = split
    return found | ({"tuning": spec.tuning.seed} if spec.tuning is not None else {})


def _unseen(prepared: Prepared, table: pa.Table) -> dict[str, int]:
    """Category column → validation rows with a category that the training rows lack; columns with none are left out."""
    validated = table.filter(pc.equal(table["part"], "validation"))
    return {name: count for name, count in prepared.encoder.encode(validated)[1].items() if count}
