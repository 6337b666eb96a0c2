"""Declarations of what is watched in production, and of how the whole project is run."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ml_assets.specs.base import Described, Name, Severity, Spec
from ml_assets.specs.evaluation import SliceSpec
from ml_assets.specs.models import SourceTable
from ml_assets.specs.times import Span


def _valid_runbook(value: str) -> str:
    path = PurePosixPath(value)
    if value.startswith(("https://", "http://")):
        return value
    if path.is_absolute() or ".." in path.parts or path.suffix != ".md":
        raise ValueError(
            f"{value!r} is no runbook: give a .md file relative to the project's root, without '..', or a link"
        )
    return value


Runbook = Annotated[str, AfterValidator(_valid_runbook)]
Trigger = Literal["drift", "decay", "age", "labels"]


class FalseAlarmSpec(Spec):
    """How many alarms may come from chance alone: what thresholds are set by."""

    at_most: float = Field(default=1.0, gt=0, description="Alarms expected in one period although nothing has changed.")
    per: Literal["month", "year"] = Field(default="year", description="The period.")


class RetrainSpec(Spec):
    """When a challenger is asked for. It is judged by the same gate as every candidate and never promoted by a request."""

    when: tuple[Trigger, ...] = Field(
        default=("drift", "decay", "age", "labels"), description="Which of the reasons count; [] asks for none."
    )
    max_age: Span = Field(default="90 days", description="Age of the champion's training at which a new one is due.")
    new_labels: float = Field(
        default=0.5, gt=0, description="Labels matured since training, as a share of those it learnt from."
    )
    at_most_every: Span = Field(default="7 days", description="Shortest distance of two requests.")


class MonitorSpec(Described):
    """Watches scores (drift, performance, retraining), or the rows of a table day by day (volume, nulls, lateness).

    Two forms: with `scores`, the model behind them is watched; with `table`, the table's days are.
    """

    scores: Name | None = Field(default=None, description="Name of the scored output to watch. Or give `table`.")
    table: SourceTable | None = Field(
        default=None, description="Table with an event time whose days are watched, such as raw.orders."
    )
    false_alarms: FalseAlarmSpec = Field(
        default=FalseAlarmSpec(), description="Alarms that may come from chance alone; thresholds follow from it."
    )
    slices: tuple[SliceSpec, ...] = Field(
        default=(), description="Slices whose performance is followed; default are those of the model's evaluation."
    )
    retrain: RetrainSpec = Field(default=RetrainSpec(), description="When a challenger is asked for; with `scores`.")
    severity: Severity = Field(default="warn", description="Severity of this monitor's checks.")
    runbook: Runbook | None = Field(
        default=None,
        description="What to do when it fires: a file of the project or a link; default is the built-in one.",
    )
    alert: Name | None = Field(
        default=None, description="Name of an alert route of the profile; default is the log, and every route declared."
    )

    @model_validator(mode="after")
    def _watches_one_thing(self) -> MonitorSpec:
        if (self.scores is None) == (self.table is None):
            raise ValueError("give exactly one of scores (the name of a ScoredOutput) and table (such as raw.orders)")
        misplaced = [word for word in ("retrain", "slices") if word in self.model_fields_set]
        if self.table is not None and misplaced:
            raise ValueError(f"{' and '.join(misplaced)} belong to a monitor of scores, and this one watches a table")
        return self


class CostRateSpec(Spec):
    """What computing costs, for the cost of a thousand predictions and of a training run."""

    cpu_hour: float = Field(ge=0, description="Price of one CPU for one hour.")
    currency: str = Field(default="USD", min_length=1, max_length=8, description="Unit of the price.")


class OperationsSpec(Described):
    """How the project is run: on duty, prices, targets. One a project; yields `monitoring.<name>`, its KPIs with history."""

    window: Span = Field(default="30 days", description="Over which time indicators are computed.")
    cost: CostRateSpec | None = Field(default=None, description="Prices; without them costs are told in CPU-seconds.")
    on_duty: tuple[str, ...] = Field(
        default=(), description="Who gets incidents of assets without owners: e-mail addresses, or `team:name`."
    )
    escalate_after: Span = Field(
        default="4 hours", description="An open incident that nobody has acknowledged by then is told again, louder."
    )
    runbooks: dict[str, Runbook] = Field(
        default_factory=dict,
        description="Code of a check, or cause → runbook of your own, instead of the built-in one.",
    )
    free_disk: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of the state folder's disk that has to be free; below it an incident is opened.",
    )
