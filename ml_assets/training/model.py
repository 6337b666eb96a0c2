"""Models: every trained version with its package and manifest, appended to `models.<name>`."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version as package_version
from typing import Any

import numpy as np
import pyarrow as pa

from ml_assets.specs.features import FeatureSetSpec
from ml_assets.specs.models import ModelSpec
from ml_assets.training.baselines import Constant, OneRule
from ml_assets.training.estimators import Estimator, Rows, fit_lightgbm
from ml_assets.training.linear import Linear
from ml_assets.training.matrix import Encoder, arrow_rows
from ml_assets.training.model_checks import model_checks
from ml_assets.training.package import CANDIDATE, Package, hashes_of
from ml_assets.training.training_set import feature_columns
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint, manifest_of, naive_utc
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

_PACKAGES = ("lightgbm", "numpy", "duckdb", "pyarrow")
VERSION_COLUMNS = (
    "version integer, package_sha256 varchar, trained_at timestamp, manifest json, files map(varchar, varchar)"
)


class ModelAsset(ComputedTable):
    """`models.<name>`: grain one trained version; numbers count up from 1 and are never reused."""

    kinds = ("duckdb", "lightgbm")

    def __init__(self, spec: ModelSpec, sets: Mapping[str, FeatureSetSpec], place: str, use_case: str) -> None:
        super().__init__(TableName("models", spec.name), spec, place, use_case=use_case)
        self.spec: ModelSpec = spec
        self.sets = sets
        self.training = TableName("training", spec.name)

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.training,)

    @property
    def features(self) -> dict[str, str]:
        """Feature column → declared type, in model order."""
        return feature_columns(self.spec, self.sets)

    @property
    def logic(self) -> str:
        return fingerprint(
            "model/2", self.spec.estimator.model_dump(mode="json"), self.features, self.spec.categorical, self.spec.task
        )

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        row = manifest_of(bench, self.training).get(UNPARTITIONED)
        return {UNPARTITIONED: {str(self.training): row.content}} if row else {}

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        started, cpu = time.monotonic(), time.process_time()
        context.progress(str(self.name), 0, 2)
        package, facts = self._fit(bench)
        context.progress(str(self.name), 2, 2)
        files = package.to_files()
        known = bench.has_table(self.name)
        number = int(bench.value(f"select coalesce(max(version), 0) from {self.name.quoted}")) + 1 if known else 1
        manifest = self._manifest(bench, files, number, facts | {
            "seconds": round(time.monotonic() - started, 3), "cpu_seconds": round(time.process_time() - cpu, 3),
        }, context)  # fmt: skip
        sha = fingerprint(manifest["files"])
        bench.execute(f"create or replace temp table versions ({VERSION_COLUMNS})")
        if known:
            bench.execute(f"insert into versions by name select * from {self.name.quoted}")
        bench.execute(
            "insert into versions values (?, ?, ?, ?, map(?, ?))",
            [
                number,
                sha,
                naive_utc(context.now),
                json.dumps(manifest, sort_keys=True),
                list(files),
                list(files.values()),
            ],
        )
        return Staged("(select * from versions order by version)", {"version": number, "package": sha, **facts})

    def _fit(self, bench: Workbench) -> tuple[Package, dict[str, Any]]:
        features = tuple(self.features)
        table = self._rows_until_test(bench)
        encoder = Encoder.fit(table.filter(table["_trains"]), features, self.spec.categorical, self.place)
        everything = encoder.rows(table)
        searched = None
        if self.spec.estimator.early_stopping_rounds is not None:
            searched = (_chosen(everything, table["_trains"]), _chosen(everything, table["_validates"]))
        if self.spec.estimator.refit:
            learnt = everything
        else:
            learnt = searched[0] if searched else _chosen(everything, table["_trains"])
        categorical = encoder.categorical_positions
        candidate, facts = fit_lightgbm(learnt, self.spec.estimator, categorical, searched=searched, place=self.place)
        rule = OneRule.fit(*learnt, features)
        baselines: dict[str, Estimator] = {
            "constant": Constant.fit(learnt[1]),
            "one_rule": rule,
            "linear": Linear.fit(*learnt, categorical),
        }
        return Package(encoder, {CANDIDATE: candidate, **baselines}), {
            **facts, "features": len(features), "rows_trained_on": len(learnt[1]), "rule_feature": rule.feature,
        }  # fmt: skip

    def _rows_until_test(self, bench: Workbench) -> pa.Table:
        """Features, label and part of every row up to the last validation snapshot, oldest first."""
        columns = ", ".join(quoted(name) for name in self.features)
        return arrow_rows(
            bench,
            f"select {columns}, label, part = 'train' as _trains, part = 'validation' as _validates from {self.training.quoted} "
            f"where snapshot <= (select max(snapshot) from {self.training.quoted} where part = 'validation') "
            f"order by snapshot, {quoted(self.spec.entity)}",
        )

    def _manifest(
        self, bench: Workbench, files: Mapping[str, str], number: int, facts: Mapping[str, Any], context: RunContext
    ) -> dict[str, Any]:
        training = manifest_of(bench, self.training)[UNPARTITIONED]
        return {
            "model": self.spec.name, "version": number, "task": self.spec.task, "files": hashes_of(files),
            "training_set": {"content": training.content, "batch": training.batch, "rows": training.rows, "logic": training.logic,
                             "inputs": dict(training.inputs)},
            "label": self.spec.label.model_dump(mode="json"), "split": self.spec.split.model_dump(mode="json"),
            "estimator": self.spec.estimator.model_dump(mode="json"), "features": self.features, "facts": dict(facts),
            "logic": self.logic, "trained_at": context.now.isoformat(),
            "packages": {name: package_version(name) for name in _PACKAGES} | {"ml_assets": context.package_version},
            "machine": {"python": platform.python_version(), "system": platform.system(), "processor": platform.machine()},
        }  # fmt: skip

    @property
    def checks(self) -> tuple[Check, ...]:
        return model_checks(self.spec)


def _chosen(rows: Rows, wanted: pa.ChunkedArray) -> Rows:
    kept = wanted.to_numpy()
    return np.asfortranarray(rows[0][kept]), rows[1][kept]
