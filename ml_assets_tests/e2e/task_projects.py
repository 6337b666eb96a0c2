"""The tiny project with other models: each task, estimators of scikit-learn, and each way to divide rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ml_assets_tests.tiny import DECLARATIONS, TinyProject

_BOOSTED = """\
  estimator:
    max_rounds: 8
    early_stopping_rounds: null
    parameters: {num_leaves: 4, min_data_in_leaf: 10}
"""
_TIME = "  split: {test_snapshots: 3, validation_snapshots: 2}\n"
_JUDGED = """\
  evaluation:
    draws: 200
    seeds: 1
    slices: [{columns: [channel]}, {columns: [orders_28d]}]
    sensitive: [channel]
"""
_HABITS = DECLARATIONS["habits"] + (
    "    spend_7d: {type: float, nullable: false, min: 0}\n"
    "    spend_14d: {type: float, nullable: false, min: 0}\n"
    "    channel: {type: string, nullable: false}\n"
)
_HABITS_SQL = (
    "select customer_id, count(*) filter (where ordered_at >= $snapshot - interval 28 day) as orders_28d,\n"
    "    sum(amount) as spend, date_diff('day', max(ordered_at), $snapshot) as days_since_last,\n"
    "    coalesce(sum(amount) filter (where ordered_at >= $snapshot - interval 7 day), 0) as spend_7d,\n"
    "    coalesce(sum(amount) filter (where ordered_at < $snapshot - interval 7 day and ordered_at >= $snapshot - interval 14 day), 0) as spend_14d,\n"
    "    case customer_id % 3 when 0 then 'shop' when 1 then 'web' else 'post' end as channel\n"
    "from staging.sales\ngroup by customer_id\n"
)
_CLASSES_SQL = "select customer_id, case when sum(amount) > 25 then 'much' else 'little' end as label\nfrom staging.sales\ngroup by customer_id\n"
_SPEND_SQL = "select customer_id, sum(amount) as label\nfrom staging.sales\ngroup by customer_id\n"
_GRADES_SQL = "select customer_id, 1 + (sum(amount) > 25)::int as label\nfrom staging.sales\ngroup by customer_id\n"
_CITIES_SQL = "select distinct customer_id, customer_id % 5 as city\nfrom staging.sales\n"


@dataclass(frozen=True)
class TaskCase:
    """What differs from the tiny project's model. `label` and `population` are SQL; `lines` end the declaration."""

    task: str
    lines: str = _BOOSTED
    split: str = _TIME
    label: str | None = None
    population: str | None = None
    stated: str = ""
    judged: str = _JUDGED
    parts: frozenset[str] = field(default=frozenset({"train", "validation", "test", "embargo"}))

    @property
    def declaration(self) -> str:
        return (
            "type: ml_assets.Model\nattributes:\n  name: again\n  description: What a customer does within a week.\n"
            f"  owners: [team:shop]\n  task: {self.task}\n  entity: customer_id\n  snapshots: {{every: week, last: 12}}\n"
            f"  label: {{sql: shop/again.sql, population: shop/customers.sql, horizon: 7 days{self.stated}}}\n"
            f"  features: [habits]\n{self.split}{self.lines}{self.judged}  gate: {{better_than: []}}\n"
        )

    def written(self, root: Path) -> TinyProject:
        """The project with landing files; nothing is made yet."""
        project = TinyProject.create(root)
        project.declare("habits", _HABITS)
        project.state("habits", _HABITS_SQL)
        project.declare("again", self.declaration)
        if self.label is not None:
            project.state("again", self.label)
        if self.population is not None:
            project.state("customers", self.population)
        return project


_SHARED = frozenset({"train", "validation", "test"})
CASES = {
    "binary": TaskCase("binary", lines=_BOOSTED + "  costs: {false_positive: 1, false_negative: 2}\n  calibration: auto\n"),
    "multiclass": TaskCase("multiclass", label=_CLASSES_SQL, stated=", default: nothing"),
    "declared_classes": TaskCase(
        "multiclass", label=_CLASSES_SQL, stated=", default: nothing, classes: [nothing, little, much]"
    ),
    "regression": TaskCase("regression", label=_SPEND_SQL, stated=", default: 0.0"),
    "median": TaskCase(
        "regression", label=_SPEND_SQL, stated=", default: 0.0",
        lines=_BOOSTED.replace("  estimator:\n", "  estimator:\n    objective: l1\n"),
    ),
    "ranking": TaskCase("ranking", label=_GRADES_SQL, population=_CITIES_SQL, stated=", query: city"),
    "ranking_of_snapshots": TaskCase("ranking", label=_GRADES_SQL),
    "histogram_trees": TaskCase(
        "binary",
        lines="  estimator: {kind: sklearn, path: sklearn.ensemble.HistGradientBoostingClassifier, parameters: {max_iter: 8}}\n",
    ),
    "logistic_pipeline": TaskCase(
        "binary",
        lines="  estimator:\n    kind: sklearn\n    path: sklearn.linear_model.LogisticRegression\n"
        "    steps: [{path: sklearn.preprocessing.StandardScaler}]\n",
    ),
    "sklearn_multiclass": TaskCase(
        "multiclass", label=_CLASSES_SQL, stated=", default: nothing",
        lines="  estimator: {kind: sklearn, path: sklearn.ensemble.RandomForestClassifier, parameters: {n_estimators: 8, max_depth: 3}}\n",
    ),
    "sklearn_regression": TaskCase(
        "regression", label=_SPEND_SQL, stated=", default: 0.0", lines="  estimator: {kind: sklearn, path: sklearn.linear_model.Ridge}\n",
    ),
    "group_split": TaskCase("binary", split="  split: {kind: group}\n", parts=_SHARED),
    "group_column_split": TaskCase(
        "regression", split="  split: {kind: group, column: city, seed: 3}\n", population=_CITIES_SQL, label=_SPEND_SQL,
        stated=", default: 0.0", parts=_SHARED,
    ),
    "stratified_split": TaskCase(
        "multiclass", split="  split: {kind: stratified}\n", label=_CLASSES_SQL, stated=", default: nothing", parts=_SHARED
    ),
    "random_split": TaskCase("ranking", split="  split: {kind: random}\n", label=_GRADES_SQL, parts=_SHARED),
}  # fmt: skip
