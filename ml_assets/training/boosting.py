"""Fitting LightGBM for each task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_assets.specs.estimators import LightGBMSpec
from ml_assets.training.estimators import Boosted, Estimator
from ml_assets.training.lightgbm_library import TrainedTrees, refuse_parameters, train_trees
from ml_assets.training.rows import LabelledRows
from ml_assets.training.target import Target

# Bit-equal models on every run: no feature bundling by sampled conflicts, rows in fixed order.
_DETERMINISTIC = {"deterministic": True, "force_row_wise": True, "verbosity": -1, "num_threads": 0}
_RESERVED = (
    "objective", "metric", "seed", "num_iterations", "early_stopping_round", "categorical_feature", "data", "valid", "task",
    "num_class", "eval_at", "monotone_constraints", *_DETERMINISTIC,
)  # fmt: skip
_OBJECTIVES = {"binary": "binary", "multiclass": "multiclass", "ranking": "lambdarank"}
_METRICS = {"binary": "binary_logloss", "multiclass": "multi_logloss", "ranking": "ndcg"}
NDCG_AT = 10
_BINARY = Target()


@dataclass(frozen=True)
class Fitted:
    """What was learnt, what was learnt from training rows alone (None where nobody needs it), and facts about it."""

    final: Estimator
    of_train: Estimator | None
    facts: Mapping[str, Any]


def boosting_parameters(
    spec: LightGBMSpec, target: Target, directions: Sequence[int], place: str, metric: str | None = None
) -> dict[str, Any]:
    """What LightGBM is told; raises on declared parameters that it does not know or that are set here."""
    refuse_parameters(spec.parameters, _RESERVED, place)
    objective = _OBJECTIVES.get(target.task) or spec.objective or "l2"
    parameters: dict[str, Any] = {"objective": objective, "metric": metric or _METRICS.get(target.task) or objective}
    if target.task == "multiclass":
        parameters["num_class"] = target.outputs
    if target.task == "ranking":
        parameters["eval_at"] = NDCG_AT
    if any(directions):
        parameters["monotone_constraints"] = list(directions)
    return {**parameters, **spec.parameters, **_DETERMINISTIC, "seed": spec.seed}


def fit_lightgbm(
    learnt: LabelledRows, spec: LightGBMSpec, categorical: list[int], *, searched: tuple[LabelledRows, LabelledRows], place: str,
    target: Target = _BINARY, directions: Sequence[int] = (), needs_train: bool = False,
    on_round: Callable[[int, int], None] | None = None,
) -> Fitted:  # fmt: skip
    """Train on `learnt`, with the number of rounds found on validation where that is declared.

    `searched` are the rows of training and validation. `needs_train` asks for the model of training rows alone as well.
    """
    parameters = boosting_parameters(spec, target, directions, place)
    train, validation = searched
    rounds, of_train = spec.max_rounds, None
    if spec.early_stopping_rounds is not None:
        of_train = searched_trees(train, validation, parameters, spec, categorical, on_round)
        rounds = of_train.rounds
    elif learnt is train or needs_train:
        of_train = train_trees(train, parameters, rounds, categorical=categorical)
    final = of_train if of_train is not None and learnt is train else None
    if final is None:
        final = train_trees(learnt, parameters, rounds, categorical=categorical)
    facts = {"rounds": final.rounds, "validation_loss": of_train.loss if of_train is not None else None}
    return Fitted(Boosted(final.text), Boosted(of_train.text) if of_train is not None else None, facts)


def searched_trees(
    train: LabelledRows, validation: LabelledRows, parameters: Mapping[str, Any], spec: LightGBMSpec, categorical: list[int],
    on_round: Callable[[int, int], None] | None = None, stops: Callable[[int, float], bool] | None = None,
) -> TrainedTrees:  # fmt: skip
    """Trees of the training rows up to the best round on validation."""

    def watched(done: int, loss: float) -> bool:
        if on_round is not None:
            on_round(done, spec.max_rounds)
        return stops is not None and stops(done, loss)

    return train_trees(
        train, parameters, spec.max_rounds, categorical=categorical, validation=validation,
        patience=spec.early_stopping_rounds or spec.max_rounds, stops=watched,
    )  # fmt: skip
