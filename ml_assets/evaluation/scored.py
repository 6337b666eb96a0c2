"""What every estimator of a version says about rows whose outcome is known, and how good that is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ml_assets.evaluation.metrics import Vector, binary_metrics
from ml_assets.training.matrix import arrow_rows
from ml_assets.training.versions import ModelVersion
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

PARTS = ("train", "validation", "test")


class MeasuredValue(NamedTuple):
    """One row of `evaluation.<model>`. A null snapshot is the part as a whole; a metric that does not exist is null."""

    version: int
    estimator: str
    part: str
    snapshot: datetime | None
    metric: str
    value: float | None
    rows: int
    positives: int


@dataclass(frozen=True)
class ScoredRows:
    """Rows of train, validation and test: label, snapshot (naive UTC), part, and the probability by each estimator.

    All vectors have shape (n_rows,), in order of snapshot and entity.
    """

    label: Vector
    snapshot: npt.NDArray[np.datetime64]
    parts: Mapping[str, npt.NDArray[np.bool_]]
    scores: Mapping[str, Vector]

    def test(self, estimator: str) -> tuple[Vector, Vector]:
        """Label and probability of the test rows."""
        chosen = self.parts["test"]
        return self.label[chosen], self.scores[estimator][chosen]


def score_rows(bench: Workbench, version: ModelVersion, training: TableName, entity: str) -> ScoredRows:
    """Let every estimator of the version judge the rows of the training set, those in the embargo left out."""
    encoder = version.package.encoder
    columns = ", ".join(quoted(name) for name in encoder.features)
    flags = ", ".join(f"part = '{part}' as {quoted(f'_{part}')}" for part in PARTS)
    table = arrow_rows(
        bench,
        f"select snapshot as _snapshot, label::double as _label, {flags}, {columns} from {training.quoted} "
        f"where part <> 'embargo' order by snapshot, {quoted(entity)}",
    )
    matrix, _ = encoder.encode(table)
    return ScoredRows(
        table["_label"].to_numpy(),
        table["_snapshot"].to_numpy(),
        {part: table[f"_{part}"].to_numpy() for part in PARTS},
        {name: version.package.predict(matrix, name) for name in version.package.estimators},
    )


def measured(scored: ScoredRows, version: int) -> list[MeasuredValue]:
    """Each estimator on each part, and on each test snapshot."""
    found = []
    for part, moment, chosen in _groups(scored):
        label = scored.label[chosen]
        for estimator, score in scored.scores.items():
            for metric, value in binary_metrics(label, score[chosen]).items():
                stored = None if math.isnan(value) else value
                found.append(
                    MeasuredValue(version, estimator, part, moment, metric, stored, len(label), int(label.sum()))
                )
    return found


def _groups(scored: ScoredRows) -> Iterator[tuple[str, datetime | None, npt.NDArray[np.bool_]]]:
    for part in PARTS:
        yield part, None, scored.parts[part]
    for moment in np.unique(scored.snapshot[scored.parts["test"]]):
        yield "test", moment.astype("datetime64[us]").item(), scored.parts["test"] & (scored.snapshot == moment)


def whole_test(values: Sequence[MeasuredValue]) -> dict[str, dict[str, float | None]]:
    """Estimator → metric → value on the whole test part."""
    found: dict[str, dict[str, float | None]] = {}
    for row in values:
        if row.part == "test" and row.snapshot is None:
            found.setdefault(row.estimator, {})[row.metric] = row.value
    return found
