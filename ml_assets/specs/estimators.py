"""How a model learns: estimators, tuning, calibration and costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from ml_assets.specs.base import Spec

Calibration = Literal["none", "platt", "isotonic", "auto"]
Objective = Literal["l2", "l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie"]


class _LearningSpec(Spec):
    """What every kind of estimator can be told."""

    parameters: dict[str, Any] = Field(default_factory=dict, description="Passed to the estimator as they are.")
    class_weights: Literal["balanced"] | dict[str, float] | None = Field(
        default=None, description="Weight of a row by its class: `balanced`, or class → weight."
    )
    monotone: dict[str, Literal["increasing", "decreasing"]] = Field(
        default_factory=dict, description="Feature → the only direction in which it may move the prediction."
    )
    refit: bool = Field(
        default=True, description="Train again, with what validation has decided, on training and validation rows."
    )
    seed: int = Field(default=7, description="Seed of everything random in training.")

    @model_validator(mode="after")
    def _weights_are_positive(self) -> _LearningSpec:
        if isinstance(self.class_weights, dict):
            bad = {name: weight for name, weight in self.class_weights.items() if not weight > 0}
            if bad:
                raise ValueError(f"class weights must be above 0: {bad}")
        return self


class LightGBMSpec(_LearningSpec):
    """LightGBM, deterministic profile."""

    kind: Literal["lightgbm"] = "lightgbm"
    objective: Objective | None = Field(default=None, description="Loss of a regression; default l2.")
    max_rounds: int = Field(default=1000, ge=1, description="Most boosting rounds.")
    early_stopping_rounds: int | None = Field(
        default=50, ge=1, description="Stop after this many rounds without gain on validation; null takes max_rounds."
    )


class StepSpec(Spec):
    """One transformer of a pipeline."""

    path: str = Field(description="Import path of a scikit-learn transformer.")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Its parameters.")


class SklearnSpec(_LearningSpec):
    """Any scikit-learn estimator by import path. Holes and categories it cannot take are encoded before it."""

    kind: Literal["sklearn"] = "sklearn"
    path: str = Field(description="Import path, such as sklearn.ensemble.HistGradientBoostingClassifier.")
    steps: tuple[StepSpec, ...] = Field(default=(), description="Transformers before it, in order.")


def _kind(value: Any) -> str:
    declared = value.get("kind", "lightgbm") if isinstance(value, Mapping) else getattr(value, "kind", "lightgbm")
    return str(declared)


EstimatorSpec = Annotated[
    Annotated[LightGBMSpec, Tag("lightgbm")] | Annotated[SklearnSpec, Tag("sklearn")], Discriminator(_kind)
]


class CostSpec(Spec):
    """What each outcome of a yes-or-no decision costs; negative numbers are gains."""

    false_positive: float = Field(allow_inf_nan=False, description="Said yes, was no.")
    false_negative: float = Field(allow_inf_nan=False, description="Said no, was yes.")
    true_positive: float = Field(default=0.0, allow_inf_nan=False, description="Said yes, was yes.")
    true_negative: float = Field(default=0.0, allow_inf_nan=False, description="Said no, was no.")

    @model_validator(mode="after")
    def _errors_cost_more(self) -> CostSpec:
        if self.false_positive <= self.true_negative or self.false_negative <= self.true_positive:
            raise ValueError(
                "an error must cost more than the right answer: false_positive above true_negative, "
                "false_negative above true_positive"
            )
        return self


class RangeSpec(Spec):
    """Values that tuning may try: a range, or a list of choices."""

    low: float | None = Field(default=None, allow_inf_nan=False, description="Smallest value.")
    high: float | None = Field(default=None, allow_inf_nan=False, description="Largest value.")
    log: bool = Field(default=False, description="Draw on a logarithmic scale.")
    whole: bool = Field(default=False, description="Whole numbers only.")
    choices: tuple[bool | int | float | str, ...] | None = Field(default=None, description="The only values to try.")

    @model_validator(mode="after")
    def _says_one_thing(self) -> RangeSpec:
        if (self.choices is None) == (self.low is None or self.high is None):
            raise ValueError("give either low and high, or choices")
        if self.low is not None and self.high is not None and (self.low >= self.high or (self.log and self.low <= 0)):
            raise ValueError(f"low {self.low} must be below high {self.high}, and above 0 where log is on")
        return self


class TuningSpec(Spec):
    """A search for parameters on train and validation rows, under a budget."""

    trials: int = Field(default=30, ge=1, description="Most trials.")
    minutes: float | None = Field(
        default=None, gt=0, description="Most minutes; what a run finds then depends on the machine's speed."
    )
    space: dict[str, RangeSpec] = Field(
        default_factory=dict, description="Parameter → values to try; default is a sensible one for LightGBM."
    )
    metric: str | None = Field(
        default=None, description="What is judged on validation rows; default is the loss of the task."
    )
    seed: int = Field(default=7, description="Seed of the search.")
