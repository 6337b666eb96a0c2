"""Declarations of models and scored outputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, StrictFloat, StrictInt, StrictStr, model_validator

from ml_assets.specs.base import Described, Spec
from ml_assets.specs.estimators import Calibration, CostSpec, EstimatorSpec, LightGBMSpec, TuningSpec
from ml_assets.specs.evaluation import EvaluationSpec
from ml_assets.specs.gate import CardSpec, GateSpec, PromotionSpec
from ml_assets.specs.splits import GroupSplitSpec, SplitSpec
from ml_assets.specs.tables import SqlPath
from ml_assets.specs.times import SnapshotSpec, Span

Task = Literal["binary", "multiclass", "regression", "ranking"]


class LabelSpec(Spec):
    """An outcome in [snapshot, snapshot + horizon); made only when that window has fully passed."""

    sql: SqlPath = Field(description="Returns entity and `label`; sees only rows inside the window.")
    horizon: Span = Field(description="Length of the outcome window.")
    population: SqlPath = Field(description="Returns the entities to judge; sees only rows before the snapshot.")
    default: StrictInt | StrictFloat | StrictStr = Field(
        default=0, description="Label of an entity in the population that the SQL does not return."
    )
    classes: tuple[StrictStr | StrictInt, ...] | None = Field(
        default=None, description="All classes of a multiclass label; default is those found in training."
    )
    query: str | None = Field(
        default=None,
        description="Column of the population within whose values rows are ranked; default is the snapshot.",
    )


class ModelSpec(Described):
    """Label and training set, candidate with baselines, evaluation, champion."""

    task: Task = Field(default="binary", description="What is predicted.")
    entity: str = Field(description="Column that names the entity.")
    snapshots: SnapshotSpec = Field(description="For which instants labels and training rows are made.")
    label: LabelSpec = Field(description="What is to be predicted.")
    features: tuple[str, ...] = Field(min_length=1, description="Names of the feature sets.")
    exclude: tuple[str, ...] = Field(default=(), description="Feature columns that are left out.")
    categorical: tuple[str, ...] = Field(default=(), description="Feature columns that are categories; text always is.")
    unseen_categories: Literal["missing", "error"] = Field(
        default="missing",
        description="A category that training has not seen: taken as missing and counted, or refused.",
    )
    split: SplitSpec = Field(description="How rows are divided into train, validation and test.")
    estimator: EstimatorSpec = Field(default=LightGBMSpec(), description="How the model learns.")
    tuning: TuningSpec | None = Field(default=None, description="Search for the estimator's parameters (extra `tune`).")
    calibration: Calibration = Field(
        default="none", description="Probabilities set right on validation rows; `auto` takes what evidence supports."
    )
    costs: CostSpec | None = Field(
        default=None, description="Costs by which the threshold of a yes-or-no decision is chosen; default is 0.5."
    )
    evaluation: EvaluationSpec = Field(
        default=EvaluationSpec(), description="What is judged beside the metrics of the task."
    )
    gate: GateSpec = Field(default=GateSpec(), description="What a candidate must hold to become champion.")
    promotion: PromotionSpec = Field(default=PromotionSpec(), description="Who makes a passing version champion.")
    card: CardSpec = Field(default=CardSpec(), description="Texts of the model card that no table can give.")
    retrain: Literal["daily", "weekly", "monthly", "manual"] = Field(
        default="weekly", description="When newly matured labels lead to a new candidate."
    )

    @model_validator(mode="after")
    def _features_once(self) -> ModelSpec:
        repeated = sorted({name for name in self.features if self.features.count(name) > 1})
        if repeated:
            raise ValueError(f"feature sets named twice: {repeated}")
        return self

    @model_validator(mode="after")
    def _fits_the_task(self) -> ModelSpec:
        wrong = "; ".join(_unfit(self))
        if wrong:
            raise ValueError(f"task {self.task}: {wrong}")
        return self

    @property
    def carried(self) -> tuple[str, ...]:
        """Columns beside the entity that the population returns and every table after it keeps."""
        group = self.split.column if isinstance(self.split, GroupSplitSpec) else None
        named = dict.fromkeys(name for name in (self.label.query, group) if name)
        return tuple(name for name in named if name != self.entity)


def _unfit(spec: ModelSpec) -> Iterator[str]:
    """What the declaration says that its task cannot mean."""
    classifies = spec.task in ("binary", "multiclass")
    yield from _unfit_label(spec.label, spec.task)
    if not classifies:
        if spec.calibration != "none":
            yield "calibration is of probabilities, and this task has none"
        if spec.estimator.class_weights is not None:
            yield "class_weights need classes"
        if spec.split.kind == "stratified":
            yield "a stratified split needs classes; use time, group or random"
    if spec.costs is not None and spec.task != "binary":
        yield "costs decide a threshold, which only a binary task has"
    if isinstance(spec.estimator, LightGBMSpec):
        if spec.estimator.objective is not None and spec.task != "regression":
            yield "objective is declared of regression only"
    elif spec.task == "ranking":
        yield "ranking is learnt by kind: lightgbm"


def _unfit_label(label: LabelSpec, task: str) -> Iterator[str]:
    if label.classes is not None:
        if task != "multiclass":
            yield "classes are declared of multiclass labels only"
        if len({str(name) for name in label.classes}) < max(2, len(label.classes)):
            yield "classes must be at least two, each once"
    if label.query is not None and task != "ranking":
        yield "query is declared of ranking only"
    if task != "multiclass" and isinstance(label.default, str):
        yield f"the default label {label.default!r} is no number"
    if task in ("binary", "ranking") and isinstance(label.default, float):
        yield f"the default label {label.default} is no whole number"


class ScoredOutputSpec(Described):
    """`scores.<name>`: one score an entity and snapshot, by the version an alias pointed to when it was made."""

    model: str = Field(description="Name of the model.")
    alias: Literal["champion", "challenger", "pinned"] = Field(
        default="champion", description="Alias that is resolved when scoring."
    )
    version: int | None = Field(default=None, ge=1, description="Pinned version; overrides the alias.")
    snapshots: SnapshotSpec = Field(description="For which instants scores are made.")
    min_coverage: float = Field(
        default=1.0, ge=0, le=1, description="Least share of the population that must be scored."
    )

    @property
    def reference(self) -> str:
        """How the model version is named: `name@champion` or `name@3`."""
        return f"{self.model}@{self.version or self.alias}"
