"""Models: every trained version with its package and manifest, appended to `models.<name>`."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml_assets.errors import shortened
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.splits import TimeSplitSpec
from ml_assets.training.examples import FeatureColumns
from ml_assets.training.model_checks import model_checks
from ml_assets.training.training_set import feature_columns
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.manifest import UNPARTITIONED, ManifestRow, fingerprint, manifest_of, naive_utc
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.retrain_requests import open_requests
from ml_assets.warehouse.store import Workbench

if TYPE_CHECKING:
    import pyarrow as pa

VERSION_COLUMNS = (
    "version integer, package_sha256 varchar, trained_at timestamp, manifest json, files map(varchar, varchar)"
)


class ModelAsset(ComputedTable):
    """`models.<name>`: grain one trained version; numbers count up from 1 and are never reused."""

    kinds = ("duckdb", "lightgbm")

    def __init__(self, spec: ModelSpec, sets: Mapping[str, FeatureColumns], place: str, use_case: str) -> None:
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
            "model/3", self.spec.estimator.model_dump(mode="json"), self.features, self.spec.categorical, self.spec.task,
            self.spec.unseen_categories, self.spec.calibration, self.spec.label.classes,
            self.spec.costs.model_dump(mode="json") if self.spec.costs else None,
            self.spec.tuning.model_dump(mode="json") if self.spec.tuning else None,
        )  # fmt: skip

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        row = manifest_of(bench, self.training).get(UNPARTITIONED)
        return {UNPARTITIONED: {str(self.training): row.content}} if row else {}

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        from ml_assets.training.archive import write_archive
        from ml_assets.training.fitting import fit_package
        from ml_assets.training.package import size_bytes

        started, cpu = time.monotonic(), time.process_time()
        context.progress(str(self.name), 0, 2)
        rows = self._rows_until_test(bench)
        package, facts = fit_package(rows, self.spec, self.features, self.place, context.progress)
        context.progress(str(self.name), 2, 2)
        files = package.to_files()
        known = bench.has_table(self.name)
        number = int(bench.value(f"select coalesce(max(version), 0) from {self.name.quoted}")) + 1 if known else 1
        facts |= {
            "seconds": round(time.monotonic() - started, 3), "cpu_seconds": round(time.process_time() - cpu, 3),
            "package_bytes": size_bytes(files),
        }  # fmt: skip
        archive = write_archive(context.home, self.spec.name, rows)
        manifest = self._manifest(bench, files, number, facts, context, archive)
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

    def _rows_until_test(self, bench: Workbench) -> pa.Table:
        """What `fit_package` needs of every row that may be learnt from, and no row of the test.

        By time these are all rows up to the last validation snapshot, those in the embargo before it too.
        """
        from ml_assets.training.matrix import arrow_rows

        split = self.spec.split
        names = (*self.features, "label", "snapshot", self.spec.entity, *self.spec.carried, "part")
        columns = ", ".join(quoted(name) for name in dict.fromkeys(names))
        past = f"snapshot <= (select max(snapshot) from {self.training.quoted} where part = 'validation')"
        learnable = past if isinstance(split, TimeSplitSpec) else "part in ('train', 'validation')"
        return arrow_rows(
            bench,
            f"select {columns} from {self.training.quoted} where {learnable} and part <> 'test' order by snapshot, {quoted(self.spec.entity)}",
        )

    def _manifest(
        self,
        bench: Workbench,
        files: Mapping[str, str],
        number: int,
        facts: Mapping[str, Any],
        context: RunContext,
        archive: str,
    ) -> dict[str, Any]:
        from ml_assets.training.package import hashes_of
        from ml_assets.training.provenance import data_snapshots, machine, packages, trained_by

        training = manifest_of(bench, self.training)[UNPARTITIONED]
        extra = (("skops",) if self.spec.estimator.kind == "sklearn" else ()) + (
            ("optuna",) if self.spec.tuning else ()
        )
        return {
            "model": self.spec.name, "version": number, "task": self.spec.task, "files": hashes_of(files),
            "training_set": {"content": training.content, "batch": training.batch, "rows": training.rows, "logic": training.logic,
                             "inputs": dict(training.inputs), "archive": archive, "parts": self._parts(bench)},
            "label": self.spec.label.model_dump(mode="json"), "split": self.spec.split.model_dump(mode="json"),
            "estimator": self.spec.estimator.model_dump(mode="json"), "spec": self.spec.model_dump(mode="json"),
            "features": self.features, "facts": dict(facts), "data": data_snapshots(bench, self.training),
            "logic": self.logic, "trained_at": context.now.isoformat(), "trained_by": trained_by(), "packages": packages(context.package_version, *extra),
            "machine": machine(), "because": self._because(bench, training),
        }  # fmt: skip

    def _because(self, bench: Workbench, training: ManifestRow) -> str:
        """Why this version is trained: who asked for it, or why its training set was made."""
        asked = open_requests(bench, self.spec.name)
        return "; ".join(request.said for request in asked) or f"training set {shortened(training.note)}"

    def _parts(self, bench: Workbench) -> dict[str, Any]:
        """Rows of each part, and of what was left out why."""
        rows = bench.rows(f"select part, reason, count(*) from {self.training.quoted} group by all order by all")
        return {part: {"rows": count} | ({"reason": reason} if reason else {}) for part, reason, count in rows}

    @property
    def checks(self) -> tuple[Check, ...]:
        return model_checks(self.spec)
