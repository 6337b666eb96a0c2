"""Fitting any scikit-learn estimator that its declaration names by import path."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ml_assets.errors import DeclarationError, TrainingError
from ml_assets.specs.estimators import SklearnSpec
from ml_assets.training.boosting import Fitted
from ml_assets.training.lightgbm_library import patient_threads
from ml_assets.training.rows import LabelledRows
from ml_assets.training.sklearn_package import ScikitLearn
from ml_assets.training.target import Target

_ALLOWED = "sklearn"


def fit_sklearn(
    learnt: LabelledRows, spec: SklearnSpec, categorical: list[int], *, searched: tuple[LabelledRows, LabelledRows], place: str,
    target: Target, directions: Sequence[int] = (), needs_train: bool = False,
) -> Fitted:  # fmt: skip
    """Fit on `learnt`, and on the training rows alone too where they differ and `needs_train`."""
    with patient_threads():
        import sklearn  # noqa: F401
    train = searched[0]
    final = _fitted(learnt, spec, categorical, target, directions, place)
    of_train = final if learnt is train else None
    if of_train is None and needs_train:
        of_train = _fitted(train, spec, categorical, target, directions, place)
    return Fitted(final, of_train, {"rounds": None, "validation_loss": None, "estimator": spec.path})


def _fitted(
    rows: LabelledRows, spec: SklearnSpec, categorical: list[int], target: Target, directions: Sequence[int], place: str
) -> ScikitLearn:
    model = build(spec, categorical, rows.matrix.shape[1], target, directions, place)
    last = model.steps[-1][0]
    weights = {} if rows.weight is None else {f"{last}__sample_weight": rows.weight}
    if weights and "sample_weight" not in inspect.signature(model.steps[-1][1].fit).parameters:
        raise TrainingError(
            f"{spec.path} cannot weigh rows", place=place, expected="an estimator whose fit takes sample_weight", got="class_weights",
            remedy="leave class_weights out, or take another estimator",
        )  # fmt: skip
    try:
        model.fit(rows.matrix, rows.label, **weights)
    except ValueError as problem:
        raise TrainingError(
            f"{spec.path} could not be fitted", place=place, expected="parameters and rows that it can learn from", got=problem,
            remedy="correct `parameters`, or add a step that makes the rows fit",
        ) from problem  # fmt: skip
    if target.classifies and len(model.classes_) < len(target.class_names):
        raise TrainingError(
            "the rows trained on lack classes", place=place, expected=", ".join(target.class_names),
            got=f"{len(model.classes_)} classes", remedy="train on more rows, or declare fewer classes",
        )  # fmt: skip
    return ScikitLearn.of(model)


def build(
    spec: SklearnSpec, categorical: list[int], width: int, target: Target, directions: Sequence[int], place: str
) -> Any:
    """An unfitted pipeline: encoding of what the estimator cannot take, the declared steps, the estimator."""
    from sklearn.base import is_classifier, is_regressor
    from sklearn.pipeline import Pipeline

    final = _made(spec.path, _with_defaults(spec, categorical, directions, place), place)
    fits = is_classifier(final) and hasattr(final, "predict_proba") if target.classifies else is_regressor(final)
    if not fits or target.task == "ranking":
        wanted = "a classifier that gives probabilities" if target.classifies else "a regressor"
        raise DeclarationError(
            f"{spec.path} does not fit task {target.task}", place=place, expected=wanted,
            got=type(final).__name__, remedy="take another estimator, or correct `task`",
        )  # fmt: skip
    steps = [(f"step{number}", _made(step.path, step.parameters, place)) for number, step in enumerate(spec.steps, 1)]
    for (_, step), declared in zip(steps, spec.steps, strict=True):
        if not hasattr(step, "transform"):
            raise DeclarationError(
                f"{declared.path} is no transformer",
                place=place,
                expected="a class with transform",
                got=type(step).__name__,
            )
    native = "categorical_features" in type(final)().get_params() and not steps if _plain(type(final)) else False
    before = _encoding(
        width, [] if native else categorical, holes=not _take_holes([*(step for _, step in steps), final])
    )
    return Pipeline([*before, *steps, ("estimator", final)])


def _take_holes(chain: Sequence[Any]) -> bool:
    """Whether missing values may reach the first of these: each passes them on or takes them, up to one that fills them."""
    for step in chain:
        if not step.__sklearn_tags__().input_tags.allow_nan:
            return False
        if type(step).__module__.startswith("sklearn.impute"):
            return True
    return True


def _plain(kind: type) -> bool:
    """Whether the class can be made without arguments; one that wraps another estimator cannot."""
    parameters = list(inspect.signature(kind).parameters.values())
    return all(parameter.default is not inspect.Parameter.empty for parameter in parameters)


def _with_defaults(spec: SklearnSpec, categorical: list[int], directions: Sequence[int], place: str) -> dict[str, Any]:
    """Declared parameters, and those that ml_assets knows: seed, categories, directions, no early stopping on training rows."""
    known = inspect.signature(_class_at(spec.path, place)).parameters
    given: dict[str, Any] = {}
    if "random_state" in known:
        given["random_state"] = spec.seed
    if "early_stopping" in known:
        given["early_stopping"] = False
    if "categorical_features" in known and categorical and not spec.steps:
        given["categorical_features"] = list(categorical)
    if any(directions):
        if "monotonic_cst" not in known or spec.steps:
            raise DeclarationError(
                f"{spec.path} cannot keep to `monotone`", place=place, expected="an estimator with monotonic_cst, without steps before it",
                got=f"{sum(map(bool, directions))} monotone features", remedy="take HistGradientBoosting or kind: lightgbm, or leave it out",
            )  # fmt: skip
        given["monotonic_cst"] = list(directions)
    return {**given, **spec.parameters}


def _encoding(width: int, categorical: list[int], *, holes: bool) -> list[tuple[str, Any]]:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder

    numbers = [position for position in range(width) if position not in categorical]
    parts: list[tuple[str, Any, list[int]]] = []
    if categorical:
        parts.append(("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(categorical)))
    if holes:
        imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        parts.append(("numbers", imputer, numbers))
    return [("encoding", ColumnTransformer(parts, remainder="passthrough"))] if parts else []


def _class_at(path: str, place: str) -> type:
    """The class that a path names; nothing outside scikit-learn is imported."""
    module, _, name = path.rpartition(".")
    if module.partition(".")[0] != _ALLOWED or name.startswith("_"):
        raise DeclarationError(
            f"{path} is not allowed as an estimator", place=place, expected="a class of scikit-learn, such as sklearn.linear_model.Ridge",
            got=path, remedy="take an estimator of scikit-learn, or kind: lightgbm",
        )  # fmt: skip
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as problem:
        raise DeclarationError(
            f"there is no {path}", place=place, expected="the import path of a scikit-learn class", got=problem,
            remedy="correct the path",
        ) from problem  # fmt: skip
    if not (isinstance(found, type) and hasattr(found, "fit")):
        raise DeclarationError(
            f"{path} is no estimator", place=place, expected="a class with fit", got=type(found).__name__
        )
    return found


def _made(path: str, parameters: Mapping[str, Any], place: str) -> Any:
    kind = _class_at(path, place)
    known = inspect.signature(kind).parameters
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise DeclarationError(
            f"{path} has no parameter {', '.join(unknown)}", place=place, expected=", ".join(known), got=", ".join(unknown),
            remedy="correct or remove it",
        )  # fmt: skip
    try:
        return kind(**parameters)
    except (TypeError, ValueError) as problem:
        raise DeclarationError(
            f"{path} cannot be made", place=place, expected="all of its parameters", got=problem
        ) from problem


def class_weight_of(
    label: np.ndarray[Any, Any], weights: Any, target: Target, place: str
) -> np.ndarray[Any, Any] | None:
    """Weight of each row, shape (n_rows,): `balanced` makes every class weigh the same, and all rows weigh 1 on average."""
    if weights is None:
        return None
    codes, count = label.astype(np.int64), len(target.class_names)
    if weights == "balanced":
        rows = np.bincount(codes, minlength=count)
        return np.asarray((len(label) / (count * np.maximum(rows, 1)))[codes], dtype=np.float64)
    unknown = sorted(set(weights) - set(target.class_names))
    if unknown:
        raise DeclarationError(
            "class_weights name classes that do not occur", place=place, expected=", ".join(target.class_names), got=", ".join(unknown),
            remedy="name the classes as the label SQL returns them",
        )  # fmt: skip
    return np.asarray(np.take([float(weights.get(name, 1.0)) for name in target.class_names], codes))
