"""Declarations of models and scored outputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    model_validator,
)

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


class ColumnLabelSpec(Spec):
    """A column of the source table that holds the outcome of each row. A row whose outcome is missing teaches nothing."""

    column: str = Field(description="Column of the source that is to be predicted.")
    positive: StrictBool | StrictInt | StrictStr | None = Field(
        default=None, description="Value of a binary label that counts as 1, any other as 0; default: 1 and true do."
    )
    classes: tuple[StrictStr | StrictInt, ...] | None = Field(
        default=None, description="All classes of a multiclass label; default is those found in training."
    )
    query: str | None = Field(
        default=None, description="Column of the source within whose values rows are ranked (ranking only)."
    )


def _label_kind(value: Any) -> str:
    return "column" if (value.get("column") if isinstance(value, Mapping) else hasattr(value, "column")) else "sql"


AnyLabelSpec = Annotated[
    Annotated[LabelSpec, Tag("sql")] | Annotated[ColumnLabelSpec, Tag("column")], Discriminator(_label_kind)
]
ROW_ID = "row_id"


def _valid_source(value: str) -> str:
    if not re.fullmatch(r"(raw|staging)\.[a-z][a-z0-9_]*", value):
        raise ValueError(f"{value!r} names no table of examples: write raw.NAME or staging.NAME")
    return value


SourceTable = Annotated[str, AfterValidator(_valid_source)]


class ModelSpec(Described):
    """Label and training set, candidate with baselines, evaluation, champion.

    Two forms: with `source`, each row of a table is an example and a column is the label; with `snapshots`, `features`
    and a label in SQL, each entity at each snapshot is one.
    """

    task: Task = Field(default="binary", description="What is predicted.")
    source: SourceTable | None = Field(
        default=None,
        description="Table with one example a row, such as raw.customers; its other columns are the features.",
    )
    entity: str = Field(
        default=ROW_ID,
        description="Column that names the entity; with `source`, one that names a row (default: file and row of a raw table).",
    )
    snapshots: SnapshotSpec | None = Field(
        default=None, description="For which instants labels and training rows are made; not with `source`."
    )
    label: AnyLabelSpec = Field(description="What is to be predicted.")
    features: tuple[str, ...] = Field(default=(), description="Names of the feature sets; not with `source`.")
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
        default="weekly",
        description="When newly matured labels lead to a new candidate; a monitor may ask for one earlier.",
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

    @model_validator(mode="after")
    def _one_form(self) -> ModelSpec:
        wrong = "; ".join(_unfit_form(self))
        if wrong:
            raise ValueError(wrong)
        return self

    @property
    def grid(self) -> SnapshotSpec:
        """The snapshots of a model that has them."""
        assert self.snapshots is not None, f"{self.name} learns from {self.source}"
        return self.snapshots

    @property
    def outcome(self) -> LabelSpec:
        """The label of a model with snapshots."""
        assert isinstance(self.label, LabelSpec), f"{self.name} learns from {self.source}"
        return self.label

    @property
    def label_column(self) -> ColumnLabelSpec:
        """The label of a model with a source table."""
        assert isinstance(self.label, ColumnLabelSpec), f"{self.name} has snapshots"
        return self.label

    @property
    def cluster(self) -> str:
        """Column of what is independent of each other: entities, or the groups that rows of a source are held together by."""
        group = self.split.column if isinstance(self.split, GroupSplitSpec) else None
        return group if group is not None and self.source is not None else self.entity

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


def _unfit_form(spec: ModelSpec) -> Iterator[str]:
    """What does not belong together: a table of examples, or a history with snapshots."""
    if spec.source is not None:
        misplaced = [word for word in ("snapshots", "features") if getattr(spec, word)]
        if misplaced:
            yield f"{' and '.join(misplaced)} and source exclude each other: rows of a source are the examples"
        if not isinstance(spec.label, ColumnLabelSpec):
            yield "with source, the label is a column: write label: {column: …}"
        if spec.split.kind == "time":
            yield "split by time counts snapshots; with source use kind: chronological (needs the source's event_time)"
        return
    missing = [word for word in ("snapshots", "features") if not getattr(spec, word)]
    if missing or spec.entity == ROW_ID:
        wanted = [*missing, *(["entity"] if spec.entity == ROW_ID else [])]
        yield f"{', '.join(wanted)} missing: declare them, or source, a table with one example a row"
    if isinstance(spec.label, ColumnLabelSpec):
        yield "label.column is a column of source, which is not declared"
    if spec.split.kind == "chronological":
        yield "split chronological is of a source's rows; with snapshots use kind: time"


def _unfit_label(label: LabelSpec | ColumnLabelSpec, task: str) -> Iterator[str]:
    if label.classes is not None:
        if task != "multiclass":
            yield "classes are declared of multiclass labels only"
        if len({str(name) for name in label.classes}) < max(2, len(label.classes)):
            yield "classes must be at least two, each once"
    if label.query is not None and task != "ranking":
        yield "query is declared of ranking only"
    if isinstance(label, ColumnLabelSpec):
        if label.positive is not None and task != "binary":
            yield "positive is declared of binary labels only"
        if label.query is None and task == "ranking":
            yield "label.query is missing: the column within whose values rows are ranked"
        return
    if task != "multiclass" and isinstance(label.default, str):
        yield f"the default label {label.default!r} is no number"
    if task in ("binary", "ranking") and isinstance(label.default, float):
        yield f"the default label {label.default} is no whole number"


class ScoredOutputSpec(Described):
    """`scores.<name>`: one score an entity and snapshot (or row of a source), by the version an alias points to."""

    model: str = Field(description="Name of the model.")
    alias: Literal["champion", "challenger", "pinned"] = Field(
        default="champion", description="Alias that is resolved when scoring."
    )
    version: int | None = Field(default=None, ge=1, description="Pinned version; overrides the alias.")
    source: SourceTable | None = Field(
        default=None, description="Of a model with a source: the table whose rows are scored; default is that source."
    )
    snapshots: SnapshotSpec | None = Field(
        default=None, description="For which instants scores are made; needed where the model has snapshots."
    )
    min_coverage: float = Field(
        default=1.0, ge=0, le=1, description="Least share of the population that must be scored."
    )

    @property
    def grid(self) -> SnapshotSpec:
        """The snapshots of scores that have them."""
        assert self.snapshots is not None, f"{self.name} scores the rows of a table"
        return self.snapshots

    @property
    def reference(self) -> str:
        """How the model version is named: `name@champion` or `name@3`."""
        return f"{self.model}@{self.version or self.alias}"
