"""What every estimator of a version says about rows whose outcome is known, and how good that is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.evaluation.bootstrap import BootstrapReport
from ml_assets.evaluation.catalogue import MetricOptions
from ml_assets.evaluation.measured_values import MeasuredValue
from ml_assets.evaluation.metrics import Vector, measure
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.splits import ChronologicalSplitSpec
from ml_assets.training.fitting import query_codes
from ml_assets.training.matrix import arrow_rows
from ml_assets.training.package import Package
from ml_assets.training.versions import ModelVersion
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

PARTS = ("train", "validation", "test")
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class ScoredRows:
    """Rows of train, validation and test, in order of snapshot and entity: what happened and what each estimator said.

    `label` (n_rows,) as numbers of the task; `scores`: estimator → (n_rows,) or (n_rows, n_classes); `cluster` (n_rows,)
    numbers the entities (or the groups that a source's rows belong to); `query` (n_rows,) of a ranking, else None; `matrix` (n_rows, n_features) is what the model saw;
    `table` holds the columns as they are.
    """

    task: str
    label: Vector
    snapshot: npt.NDArray[np.datetime64] | None
    parts: Mapping[str, Mask]
    scores: Mapping[str, Vector]
    cluster: Codes
    query: Codes | None
    matrix: Vector
    table: pa.Table

    def test(self, estimator: str) -> tuple[Vector, Vector]:
        """Label and score of the test rows."""
        chosen = self.parts["test"]
        return self.label[chosen], self.scores[estimator][chosen]

    def of(self, chosen: Mask) -> tuple[Vector, Codes | None]:
        """Labels and queries of some rows."""
        return self.label[chosen], None if self.query is None else self.query[chosen]

    @property
    def test_cluster(self) -> Codes:
        return self.cluster[self.parts["test"]]

    @property
    def test_query(self) -> Codes | None:
        return self.of(self.parts["test"])[1]


def score_rows(bench: Workbench, version: ModelVersion, training: TableName, spec: ModelSpec) -> ScoredRows:
    """Let every estimator of the version judge the rows of the training set; those that were left out of it are not."""
    listed = ", ".join(f"'{part}'" for part in PARTS)
    table = arrow_rows(
        bench,
        f"select * from {training.quoted} where part in ({listed}) order by snapshot, {quoted(spec.entity)}",
    )
    package = version.package
    matrix, _ = package.encoder.encode(table)
    part = table["part"]
    query = query_codes(table, spec)
    return ScoredRows(
        spec.task,
        package.signature.target.vector(table["label"], version.model),
        _moments(table["snapshot"], spec),
        {name: np.asarray(pc.equal(part, name).to_numpy(zero_copy_only=False), dtype=np.bool_) for name in PARTS},
        {name: package.predict(matrix, name) for name in package.estimators},
        codes_of(table[spec.cluster]),
        None if query is None else query.astype(np.intp),
        matrix,
        table,
    )


def _moments(snapshot: pa.ChunkedArray, spec: ModelSpec) -> npt.NDArray[np.datetime64] | None:
    """Snapshot of each row, or the period its event time lies in; None for rows without an order in time."""
    if isinstance(spec.split, ChronologicalSplitSpec):
        snapshot = pc.floor_temporal(snapshot, unit=spec.split.every)
    elif spec.source is not None:
        return None
    return np.asarray(snapshot.to_numpy(), dtype="datetime64[us]")


def codes_of(column: pa.ChunkedArray) -> Codes:
    """A number for each distinct value, counting from 0."""
    ranked = pc.rank(column, tiebreaker="dense").to_numpy(zero_copy_only=False)
    return np.asarray(ranked, dtype=np.intp) - 1


def scores_of(package: Package, scored: ScoredRows) -> Vector | None:
    """What another version's candidate says about the test rows; None where they lack columns that it needs."""
    table = scored.table.filter(pa.array(scored.parts["test"]))
    if any(name not in table.column_names for name in package.encoder.features):
        return None
    if package.signature.target.to_json()["task"] != scored.task:
        return None
    return package.predict(package.encoder.encode(table)[0])


def measured(scored: ScoredRows, version: int, options: MetricOptions, report: BootstrapReport) -> list[MeasuredValue]:
    """Each estimator on each part, and on each test snapshot; intervals are those of the report."""
    found = []
    for part, moment, chosen in _groups(scored):
        label, query = scored.of(chosen)
        whole = part == "test" and moment is None
        positives = int(label.sum()) if scored.task == "binary" else None
        for estimator, score in scored.scores.items():
            for metric, value in measure(scored.task, label, score[chosen], query, options).items():
                estimate = report.estimates[estimator][metric] if whole else None
                found.append(
                    MeasuredValue(
                        version, estimator, part, moment, metric, None if math.isnan(value) else value,
                        estimate.low if estimate else None, estimate.high if estimate else None, len(label), positives,
                    )
                )  # fmt: skip
    return found


def _groups(scored: ScoredRows) -> Iterator[tuple[str, datetime | None, Mask]]:
    for part in PARTS:
        yield part, None, scored.parts[part]
    if scored.snapshot is None:
        return
    for moment in np.unique(scored.snapshot[scored.parts["test"]]):
        yield "test", moment.astype("datetime64[us]").item(), scored.parts["test"] & (scored.snapshot == moment)
