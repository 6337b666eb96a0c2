"""The evaluation of the newest candidate on the untouched test snapshots, beside its baselines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from ml_assets.evaluation.checks import evaluation_checks
from ml_assets.evaluation.metrics import METRICS, Vector
from ml_assets.evaluation.report import ReportFacts, render_report, write_report
from ml_assets.specs.models import ModelSpec
from ml_assets.training.matrix import arrow_rows
from ml_assets.training.versions import ModelVersion, load_version
from ml_assets.warehouse.asset import RunContext, Staged, TableAsset
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint, manifest_of
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

EVALUATION_COLUMNS = (
    "version integer, estimator varchar, part varchar, snapshot timestamp, metric varchar, value double, rows bigint, positives bigint"
)


class EvaluationAsset(TableAsset):
    """`evaluation.<model>`: grain (version, estimator, part, snapshot, metric); a null snapshot is the part as a whole."""

    kinds = ("duckdb", "altair")

    def __init__(self, spec: ModelSpec, place: str, use_case: str) -> None:
        super().__init__(TableName("evaluation", spec.name), spec, place, use_case=use_case)
        self.spec: ModelSpec = spec
        self.model = TableName("models", spec.name)
        self.training = TableName("training", spec.name)
        self.pages = self.name.sibling("reports")

    @property
    def description(self) -> str:
        return f"How good each version of {self.spec.name} is on its test snapshots, beside constant, one-rule and linear baselines."

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.model, self.training)

    @property
    def logic(self) -> str:
        return fingerprint("evaluation/1", sorted(METRICS))

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        rows = {table: manifest_of(bench, table).get(UNPARTITIONED) for table in self.deps}
        if any(row is None for row in rows.values()):
            return {}
        return {UNPARTITIONED: {str(table): row.content for table, row in rows.items() if row is not None}}

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        version = load_version(bench, self.spec.name)
        scored = self._score(bench, version)
        values = measured(scored, version)
        bench.execute(f"create or replace temp table measured ({EVALUATION_COLUMNS})")
        if bench.has_table(self.name):
            bench.execute(f"insert into measured by name select * from {self.name.quoted} where version <> {version.version}")
        bench.connection.executemany("insert into measured values (?, ?, ?, ?, ?, ?, ?, ?)", values)
        page = render_report(ReportFacts.of(self.spec, version, scored, values, context.now))
        path = write_report(context.home.reports, version, page)
        bench.execute("create or replace temp table report_page (version integer, html varchar)")
        bench.execute("insert into report_page values (?, ?)", [version.version, page])
        test = {
            f"{estimator}.{metric}": value for _, estimator, part, snapshot, metric, value, _, _ in values
            if part == "test" and snapshot is None
        }  # fmt: skip
        return Staged("(select * from measured order by all)", {"version": version.version, "report": str(path), **test})

    def after_write(self, bench: Workbench, context: RunContext, staged: Staged) -> None:
        bench.replace_rows(self.pages, "report_page", "version", [staged.facts["version"]])

    def _score(self, bench: Workbench, version: ModelVersion) -> pa.Table:
        """Label, snapshot, part and every estimator's probability for train, validation and test rows."""
        encoder = version.package.encoder
        columns = ", ".join(quoted(name) for name in encoder.features)
        table = arrow_rows(
            bench,
            f"select snapshot, part, label::double as label, {columns} from {self.training.quoted} "
            f"where part <> 'embargo' order by snapshot, {quoted(self.spec.entity)}",
        )
        matrix, _ = encoder.encode(table)
        found = {name: table[name] for name in ("snapshot", "part", "label")}
        found |= {name: pa.array(version.package.predict(matrix, name)) for name in version.package.estimators}
        return pa.table(found)

    @property
    def checks(self) -> tuple[Check, ...]:
        return evaluation_checks(self.spec)


def measured(scored: pa.Table, version: ModelVersion) -> list[list[Any]]:
    """Rows of the evaluation table: each estimator on each part, and on each test snapshot."""
    part = np.asarray(scored["part"].to_pylist())
    snapshot = scored["snapshot"].to_numpy()
    label = scored["label"].to_numpy()
    rows: list[list[Any]] = []
    for estimator in version.package.estimators:
        score = scored[estimator].to_numpy()
        for name in ("train", "validation", "test"):
            chosen = part == name
            rows += _measured_rows(version.version, estimator, name, None, label[chosen], score[chosen])
        for moment in np.unique(snapshot[part == "test"]):
            chosen = (part == "test") & (snapshot == moment)
            rows += _measured_rows(version.version, estimator, "test", moment.astype("datetime64[us]").item(), label[chosen], score[chosen])
    return rows


def _measured_rows(version: int, estimator: str, part: str, snapshot: Any, label: Vector, score: Vector) -> list[list[Any]]:
    found = []
    for metric, function in METRICS.items():
        value = function(label, score)
        # A metric that does not exist for these rows is null, never zero.
        found.append([version, estimator, part, snapshot, metric, None if math.isnan(value) else value, len(label), int(label.sum())])
    return found


def test_metrics(bench: Workbench, model: str, version: int) -> Mapping[str, Mapping[str, float | None]]:
    """Estimator → metric → value on the whole test part of one version."""
    found: dict[str, dict[str, float | None]] = {}
    for estimator, metric, value in bench.rows(
        f"select estimator, metric, value from {TableName('evaluation', model).quoted} "
        "where version = ? and part = 'test' and snapshot is null",
        [version],
    ):
        found.setdefault(estimator, {})[metric] = value
    return found
