"""A world for models: features and labels of 40 customers and 14 weekly snapshots, made by hand, and every asset after them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ml_assets.evaluation.evaluation import EvaluationAsset
from ml_assets.graph.judge import judge_asset
from ml_assets.registry.champion import ChampionAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs import FeatureSetSpec, ModelSpec, ScoredOutputSpec
from ml_assets.specs.base import Described
from ml_assets.specs.times import SnapshotSpec
from ml_assets.training.model import ModelAsset
from ml_assets.training.training_set import TrainingSetAsset
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.manifest import fingerprint
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.store import Workbench
from ml_assets_tests.builders import Lab, instant

SNAPSHOTS = {"every": "week", "start": "2011-01-03"}
FIRST_NOW = "2011-04-05"
CUSTOMERS = 40
FEATURES: dict[str, dict[str, Any]] = {
    "orders": {"type": "integer", "nullable": False, "min": 0},
    "spend": {"type": "float", "min": 0, "max": 1000},
    "loyal": {"type": "boolean"},
    "channel": {"type": "string"},
}
_DUCKDB = {"integer": "bigint", "float": "double", "boolean": "boolean", "string": "varchar", "timestamp": "timestamp"}

Row = tuple[Any, ...]


class GivenSnapshots(ComputedTable):
    """A table with exactly the given rows in each snapshot; rows begin with the entity."""

    def __init__(self, name: str, columns: Mapping[str, str], rows: Mapping[str, Sequence[Row]]) -> None:
        super().__init__(TableName.parse(name), Described(name="given"), "test:1", use_case="test")
        self.columns, self.rows = dict(columns), dict(rows)

    @property
    def snapshots(self) -> SnapshotSpec:
        return SnapshotSpec.model_validate(SNAPSHOTS)

    @property
    def deps(self) -> tuple[TableName, ...]:
        return ()

    @property
    def logic(self) -> str:
        return "given"

    @property
    def checks(self) -> tuple[Check, ...]:
        return ()

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        return {key: {"given": fingerprint(self.columns, self.rows[key])} for key in partitions if key in self.rows}

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        listed = ", ".join(f"{quoted(name)} {kind}" for name, kind in self.columns.items())
        bench.execute(f"create or replace temp table given (snapshot timestamp, {listed})")
        values = [[f"{key} 00:00:00", *row] for key in partitions for row in self.rows[key]]
        columns = [list(column) for column in zip(*values, strict=True)]
        if columns:
            bench.execute(f"insert into given select {', '.join(['unnest(?)'] * len(columns))}", columns)
        return Staged("given")


@cache
def simulated_row(customer: int, week: int) -> tuple[tuple[Any, ...], int]:
    """Features and label: more orders and the shop channel make a label likelier."""
    draw = np.random.default_rng([customer, week])
    orders, channel = int(draw.poisson(2)), ("shop", "web", "post")[int(draw.integers(3))]
    spend = None if draw.random() < 0.1 else round(float(draw.gamma(2, 20)), 2)
    label = int(draw.random() < 1 / (1 + np.exp(2.0 - orders - (channel == "shop"))))
    return (customer, orders, spend, bool(draw.random() < 0.5), channel), label


class World:
    """Everything from given features and labels to scores. `rows` may be changed before `give` is called again."""

    def __init__(self, root: Path, now: str = FIRST_NOW, customers: int = CUSTOMERS, **model: Any) -> None:
        self.lab = Lab(root, instant(now))
        self.declared = model
        self.columns = FEATURES
        self.kept = {
            key: [simulated_row(customer, week) for customer in range(1, customers + 1)]
            for week, key in enumerate(self._keys("2011-12-31"))
        }

    @classmethod
    def trained(cls, root: Path) -> World:
        """A world with a first champion, as `World(root).train()` makes it, copied from one that was made before."""
        shutil.copytree(_trained_home(), root, dirs_exist_ok=True)
        return cls(root)

    @staticmethod
    def _keys(until: str) -> list[str]:
        return SnapshotSpec.model_validate(SNAPSHOTS).keys(instant(until))

    @cached_property
    def spec(self) -> ModelSpec:
        return model_spec(**self.declared)

    @cached_property
    def sets(self) -> dict[str, FeatureSetSpec]:
        declared = {
            "name": "habits",
            "entity": "customer_id",
            "snapshots": SNAPSHOTS,
            "sql": "f.sql",
            "columns": self.columns,
        }
        return {"habits": FeatureSetSpec.model_validate(declared)}

    @property
    def training(self) -> TrainingSetAsset:
        return TrainingSetAsset(self.spec, self.sets, "model.yaml:1", "test")

    @property
    def model(self) -> ModelAsset:
        return ModelAsset(self.spec, self.sets, "model.yaml:1", "test")

    @property
    def evaluation(self) -> EvaluationAsset:
        return EvaluationAsset(self.spec, "model.yaml:1", "test")

    @property
    def champion(self) -> ChampionAsset:
        return ChampionAsset(self.spec, "model.yaml:1", "test")

    def scores(self, **changes: Any) -> ScoresAsset:
        """`scores.again` of the last three snapshots unless said otherwise."""
        declared = {"name": "again", "model": "again", "snapshots": {"every": "week", "last": 3}, **changes}
        return ScoresAsset(ScoredOutputSpec.model_validate(declared), self.spec, self.sets, "scores.yaml:1", "test")

    def give(self) -> None:
        """Put features, population and matured labels of the world's present into the warehouse."""
        keys = SnapshotSpec.model_validate(SNAPSHOTS).keys(self.lab.now)
        features = {key: [row for row, _ in self.kept[key]] for key in keys}
        labels = {
            key: [(row[0], label) for row, label in self.kept[key]]
            for key in keys
            if (self.lab.now - instant(key)).days >= 14
        }
        kinds = {name: _DUCKDB[column["type"]] for name, column in self.columns.items()}
        for asset in (
            GivenSnapshots("features.habits", {"customer_id": "bigint", **kinds}, features),
            GivenSnapshots("labels.again__population", {"customer_id": "bigint"}, {key: [row[:1] for row in rows] for key, rows in features.items()}),
            GivenSnapshots("labels.again", {"customer_id": "bigint", "label": "bigint"}, labels),
        ):  # fmt: skip
            self.lab.run(asset)

    def train(self, **changes: Any) -> None:
        """From the given tables to a judged version."""
        self.give()
        for asset in (self.training, self.model, self.evaluation, self.champion):
            self.lab.run(asset, **changes)

    def judge(self, asset: TableAsset) -> dict[str, CheckFinding]:
        """Judge and record all checks; check → finding of the last partition."""
        judgement = judge_asset(self.lab.context(), asset, asset.partitions(self.lab.now))
        assert not judgement.broken
        return {finding.check: finding for finding in judgement.findings}

    def versions(self) -> list[tuple[int, str]]:
        """Number and package hash of every stored version."""
        return [
            (row[0], row[1])
            for row in self.lab.rows("select version, package_sha256 from wh.models.again order by version")
        ]


@cache
def _trained_home() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="trained_world_")
    atexit.register(folder.cleanup)
    World(Path(folder.name)).train()
    return Path(folder.name)


def model_spec(**changes: Any) -> ModelSpec:
    """Model `again`: a few small trees on all features of `habits`."""
    declared = {
        "name": "again", "entity": "customer_id", "snapshots": SNAPSHOTS, "features": ("habits",),
        "label": {"sql": "l.sql", "population": "p.sql", "horizon": "14 days"},
        "split": {"test_snapshots": 2, "validation_snapshots": 1},
        "estimator": {
            "max_rounds": 12, "early_stopping_rounds": None, "parameters": {"num_leaves": 4, "min_data_in_leaf": 10, "learning_rate": 0.2},
        },
        **changes,
    }  # fmt: skip
    return ModelSpec.model_validate(declared)
