"""Search for parameters under a budget. It is given training and validation rows; test rows never reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ml_assets.errors import DeclarationError, MlAssetsError
from ml_assets.specs.estimators import LightGBMSpec, RangeSpec, SklearnSpec, TuningSpec
from ml_assets.specs.models import ModelSpec
from ml_assets.training.boosting import boosting_parameters, searched_trees
from ml_assets.training.lightgbm_library import HIGHER_IS_BETTER
from ml_assets.training.rows import LabelledRows
from ml_assets.training.sklearn_fitting import fit_sklearn
from ml_assets.training.target import Target

if TYPE_CHECKING:
    from optuna import Trial

DEFAULT_SPACE = {
    "learning_rate": RangeSpec(low=0.01, high=0.2, log=True),
    "num_leaves": RangeSpec(low=4, high=128, log=True, whole=True),
    "min_data_in_leaf": RangeSpec(low=5, high=500, log=True, whole=True),
    "feature_fraction": RangeSpec(low=0.4, high=1.0),
    "lambda_l2": RangeSpec(low=0.001, high=30.0, log=True),
}
METRICS = {
    "binary": ("binary_logloss", "auc", "average_precision", "binary_error"),
    "multiclass": ("multi_logloss", "multi_error", "auc_mu"),
    "regression": ("l2", "l1", "rmse", "mape", "huber", "quantile", "poisson", "gamma", "tweedie"),
    "ranking": ("ndcg", "map"),
}
# A trial that is worse than the median of earlier ones is given up, after so many whole trials and rounds.
_WHOLE_TRIALS, _FREE_ROUNDS, _ROUNDS_A_REPORT = 5, 10, 5


@dataclass(frozen=True)
class Search:
    """The rows that a search may see, and how an estimator is to read them."""

    train: LabelledRows
    validation: LabelledRows
    target: Target
    categorical: list[int]
    directions: Sequence[int]


def tune(
    search: Search, spec: ModelSpec, tuning: TuningSpec, place: str, progress: Callable[[str, int, int], None]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The best parameters by loss on validation, and facts: trials run and pruned, the best loss, the first one.

    Tree-structured Parzen estimators, seeded: without `minutes`, equal rows and declaration give equal parameters.
    """
    optuna = _optuna()
    metric = tuning.metric or METRICS[search.target.task][0]
    if tuning.metric is not None and tuning.metric not in METRICS[search.target.task]:
        raise DeclarationError(
            f"tuning cannot judge a {search.target.task} task by {metric}", place=place,
            expected=f"one of {', '.join(METRICS[search.target.task])}", got=metric, remedy="correct `tuning.metric`",
        )  # fmt: skip
    space = _space(spec, tuning, place)
    objective = _boosting_loss if isinstance(spec.estimator, LightGBMSpec) else _sklearn_loss
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=tuning.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_WHOLE_TRIALS, n_warmup_steps=_FREE_ROUNDS),
    )

    def loss(trial: Trial) -> float:
        drawn = {name: _drawn(trial, name, values) for name, values in space.items()}
        return objective(search, spec, drawn, tuning.metric, place, trial)

    study.optimize(
        loss, n_trials=tuning.trials, timeout=None if tuning.minutes is None else tuning.minutes * 60,
        callbacks=[lambda _, trial: progress(f"models.{spec.name} trials", trial.number + 1, tuning.trials)],
    )  # fmt: skip
    states = [trial.state.name for trial in study.trials]
    facts = {
        "trials": len(states), "pruned": states.count("PRUNED"), "metric": metric, "loss": study.best_value,
        "first_loss": study.trials[0].value, "parameters": dict(study.best_params), "seed": tuning.seed,
        "stopped_by": "trials" if len(states) >= tuning.trials else "minutes",
    }  # fmt: skip
    return dict(study.best_params), facts


def _optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError as problem:
        raise MlAssetsError(
            "tuning needs Optuna", expected="the extra `tune`", got="Optuna is not installed",
            remedy="pip install 'ml-assets[tune]', or leave `tuning` out",
        ) from problem  # fmt: skip
    return optuna


def _space(spec: ModelSpec, tuning: TuningSpec, place: str) -> Mapping[str, RangeSpec]:
    if tuning.space:
        return tuning.space
    if isinstance(spec.estimator, SklearnSpec):
        raise DeclarationError(
            f"there is no search space of {spec.estimator.path}", place=place, expected="`tuning.space`: parameter → low and high, or choices",
            got="none", remedy="declare the parameters to try",
        )  # fmt: skip
    return {name: values for name, values in DEFAULT_SPACE.items() if name not in spec.estimator.parameters}


def _drawn(trial: Trial, name: str, values: RangeSpec) -> Any:
    if values.choices is not None:
        return trial.suggest_categorical(name, list(values.choices))
    assert values.low is not None
    assert values.high is not None
    if values.whole:
        return trial.suggest_int(name, round(values.low), round(values.high), log=values.log)
    return trial.suggest_float(name, values.low, values.high, log=values.log)


def _boosting_loss(
    search: Search, spec: ModelSpec, drawn: Mapping[str, Any], metric: str | None, place: str, trial: Trial
) -> float:
    """Loss on validation at the best round; raises TrialPruned where earlier trials were better by then."""
    assert isinstance(spec.estimator, LightGBMSpec)
    estimator = spec.estimator.model_copy(update={"parameters": {**spec.estimator.parameters, **drawn}})
    parameters = boosting_parameters(estimator, search.target, search.directions, place, metric)
    lowest, pruned = float("inf"), False

    def stops(done: int, loss: float) -> bool:
        nonlocal lowest, pruned
        lowest = min(lowest, loss)
        if done % _ROUNDS_A_REPORT == 0:
            trial.report(lowest, done)
            pruned = trial.should_prune()
        return pruned

    found = searched_trees(search.train, search.validation, parameters, estimator, search.categorical, stops=stops)
    if pruned:
        raise _optuna().TrialPruned
    trial.set_user_attr("rounds", found.rounds)
    assert found.loss is not None
    return found.loss


def _sklearn_loss(
    search: Search, spec: ModelSpec, drawn: Mapping[str, Any], metric: str | None, place: str, _: Trial
) -> float:
    """Log loss or mean squared error on validation."""
    assert isinstance(spec.estimator, SklearnSpec)
    if metric not in (None, METRICS[search.target.task][0]) or metric in HIGHER_IS_BETTER:
        raise DeclarationError(
            f"tuning judges {spec.estimator.path} by the loss of the task alone", place=place,
            expected=METRICS[search.target.task][0], got=metric, remedy="leave `tuning.metric` out",
        )  # fmt: skip
    estimator = spec.estimator.model_copy(update={"parameters": {**spec.estimator.parameters, **drawn}})
    fitted = fit_sklearn(
        search.train, estimator, search.categorical, searched=(search.train, search.validation), place=place,
        target=search.target, directions=search.directions,
    )  # fmt: skip
    score, label = fitted.final.predict(search.validation.matrix), search.validation.label
    if not search.target.classifies:
        return float(np.mean((score - label) ** 2))
    chance = (
        score[np.arange(len(score)), label.astype(int)] if score.ndim == 2 else np.where(label == 1, score, 1 - score)
    )
    return float(-np.mean(np.log(np.clip(chance, 1e-15, 1))))
