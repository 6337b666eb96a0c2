"""Training rows of every task, made by hand: what `fit_package` takes, without a warehouse."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from ml_assets.specs.models import ModelSpec
from ml_assets.training.fitting import fit_package
from ml_assets.training.package import Package
from ml_assets_tests.training.world import model_spec

FEATURES = {"first": "float", "second": "float", "kind": "string"}
TREES: dict[str, Any] = {
    "max_rounds": 30, "early_stopping_rounds": 5, "parameters": {"num_leaves": 4, "min_data_in_leaf": 10, "learning_rate": 0.2},
}  # fmt: skip


def training_rows(task: str = "binary", count: int = 600, seed: int = 3) -> pa.Table:
    """Rows of 100 entities over weekly snapshots, the newest third for validation; 5 % of the numbers are missing."""
    draw = np.random.default_rng(seed)
    first, second = draw.normal(size=count), draw.normal(size=count)
    kind = draw.choice(["x", "y", "z"], count)
    raw = 1.5 * first - second + (kind == "x")
    noisy = raw + draw.normal(size=count)
    label = {
        "binary": (draw.random(count) < 1 / (1 + np.exp(-raw))).astype(np.int64),
        "multiclass": np.array(["high", "low", "mid"])[np.searchsorted([-1.0, 1.0], noisy)],
        "regression": noisy,
        "ranking": np.clip(np.round(noisy + 2), 0, 4).astype(np.int64),
    }[task]
    first[draw.random(count) < 0.05] = np.nan
    week = np.arange(count) // 100
    return pa.table(
        {
            "first": pa.array(first, from_pandas=True), "second": second, "kind": kind, "label": label,
            "customer_id": np.arange(count) % 100,
            "snapshot": [datetime(2011, 1, 3) + timedelta(days=7 * int(number)) for number in week],
            "part": np.where(week < count // 100 * 2 // 3, "train", "validation"),
        }
    )  # fmt: skip


def task_spec(task: str = "binary", **changes: Any) -> ModelSpec:
    """The model of `training_rows`."""
    return model_spec(**{"task": task, "estimator": TREES, **changes})


def fitted(table: pa.Table, spec: ModelSpec, features: dict[str, str] | None = None) -> tuple[Package, dict[str, Any]]:
    return fit_package(table, spec, features or FEATURES, "model.yaml:1", lambda _label, _done, _total: None)
