"""Declarations of what a version has to hold, who lets it serve, and what people are told about it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ml_assets.specs.base import Spec

Part = Literal["train", "validation", "test"]
Other = Literal["constant", "one_rule", "linear", "champion"]


class _Bounded(Spec):
    """A rule with a lower bound, an upper bound, or both."""

    min: float | None = Field(default=None, allow_inf_nan=False, description="Least value that holds; null: no limit.")
    max: float | None = Field(
        default=None, allow_inf_nan=False, description="Greatest value that holds; null: no limit."
    )

    @model_validator(mode="after")
    def _has_a_bound(self) -> _Bounded:
        if self.min is None and self.max is None:
            raise ValueError("a rule without min and max would always hold: give one of them")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: no value could hold")
        return self


class MetricRule(_Bounded):
    """A metric of the candidate lies within bounds."""

    kind: Literal["metric"]
    metric: str = Field(description="Name of a metric in `evaluation.<model>`, such as roc_auc or log_loss.")
    part: Part = Field(default="test", description="The part whose value is judged.")


class BeatsRule(Spec):
    """The candidate is better than a baseline or the champion on the same test rows (paired difference)."""

    kind: Literal["beats"]
    other: Other = Field(description="What is to be beaten.")
    metric: str | None = Field(
        default=None,
        description="Metric of the paired difference; positive is better, always. Default: the task's loss.",
    )
    by: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Margin in the metric's own units; the difference must exceed it.",
    )
    significant: bool = Field(
        default=True, description="Judge the lower bound of the paired 95 % interval, not the difference itself."
    )


class NoWorseThanChampionRule(Spec):
    """The candidate loses at most a tolerance against the champion on the same test rows."""

    kind: Literal["no_worse_than_champion"]
    metric: str | None = Field(default=None, description="Metric of the paired difference; default is the task's loss.")
    tolerance: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="Greatest loss that is accepted, in the metric's own units."
    )


class SliceFloorRule(_Bounded):
    """A metric lies within bounds in every slice that is large enough to be judged."""

    kind: Literal["slice_floor"]
    metric: str = Field(description="Name of a metric in `evaluation.<model>__slices`.")
    slices: Literal["declared", "found", "all"] = Field(
        default="declared", description="Declared slices, the worst ones found by search, or both."
    )


class CalibrationRule(Spec):
    """Stated probabilities are close to what happens: expected calibration error on the test part."""

    kind: Literal["calibration"]
    max: float = Field(default=0.05, gt=0, le=1, description="Greatest expected calibration error.")


class FairnessRule(Spec):
    """A fairness measure's gap over the groups of a sensitive column stays small."""

    kind: Literal["fairness"]
    measure: str = Field(description="Name of a measure in `evaluation.<model>__fairness`.")
    column: str = Field(description="Sensitive column, or intersection, as it is named there.")
    max: float = Field(default=0.1, ge=0, allow_inf_nan=False, description="Greatest gap over all groups.")


class OverfitRule(Spec):
    """The candidate is hardly better on what it learnt from than on the test part."""

    kind: Literal["overfit"]
    max: float = Field(default=0.05, ge=0, allow_inf_nan=False, description="Greatest gap of train and test.")


class StableUnderSeedRule(Spec):
    """Another seed of training gives about the same model."""

    kind: Literal["stable_under_seed"]
    max: float = Field(default=0.02, ge=0, allow_inf_nan=False, description="Greatest spread of the metric over seeds.")


class GoldenFeatureRule(Spec):
    """No single feature explains nearly everything, as a leaked label would."""

    kind: Literal["golden_feature"]
    max: float = Field(default=0.9, ge=0, lt=1, description="Below 1, which is what a golden feature counts.")


class PackageSizeRule(Spec):
    """The package is small enough to be moved and kept."""

    kind: Literal["package_size"]
    max: float = Field(default=50.0, gt=0, allow_inf_nan=False, description="Greatest size in MB (10^6 bytes).")


class PredictionTimeRule(Spec):
    """The version answers fast enough."""

    kind: Literal["prediction_time"]
    max: float = Field(default=1000.0, gt=0, allow_inf_nan=False, description="Greatest time a row, in microseconds.")


class DocumentationRule(Spec):
    """People know whose model this is and what it is for."""

    kind: Literal["documentation"]
    owner: bool = Field(default=True, description="An owner has to be declared.")
    description: bool = Field(default=True, description="A description has to be declared.")
    card: bool = Field(default=True, description="Every text of `card` has to be stated.")


GateRule = Annotated[
    MetricRule | BeatsRule | NoWorseThanChampionRule | SliceFloorRule | CalibrationRule | FairnessRule | OverfitRule
    | StableUnderSeedRule | GoldenFeatureRule | PackageSizeRule | PredictionTimeRule | DocumentationRule,
    Field(discriminator="kind", description="One rule; `kind` says which."),
]  # fmt: skip


class GateSpec(Spec):
    """Rules that a candidate has to hold before it may become champion."""

    better_than: tuple[Literal["constant", "one_rule", "linear"], ...] = Field(
        default=("constant",),
        description="Baselines whose test loss (log loss, RMSE, wrong pairs: by task) must be undercut.",
    )
    rules: tuple[GateRule, ...] = Field(
        default=(),
        description="Further rules, each with its `kind`; all of them must hold. What cannot be judged does not.",
    )


class PromotionSpec(Spec):
    """How a version that passed the gate becomes champion."""

    policy: Literal["automatic", "approval"] = Field(
        default="automatic",
        description="`automatic`: at once. `approval`: it waits as challenger until people have approved it.",
    )
    approvals: Literal[1, 2] = Field(
        default=1, description="How many persons of different names have to approve; only for policy approval."
    )


class CardSpec(Spec):
    """What only people can say about a model, for its card."""

    intended_use: str = Field(default="", description="What the predictions are for, and who acts on them.")
    out_of_scope: str = Field(default="", description="What they must not be used for.")
    limitations: str = Field(default="", description="Where the model is known to be weak.")
    ethical: str = Field(default="", description="Who may be harmed by wrong predictions, and what is done about it.")
    contact: str = Field(default="", description="Where questions and complaints go.")

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the texts that are not stated."""
        return tuple(name for name in type(self).model_fields if not str(getattr(self, name)).strip())
