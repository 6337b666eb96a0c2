"""Golden rows: a sample of test rows with the scores that a version gave when it was judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from ml_assets.errors import NotMaterializedError
from ml_assets.registry.book import ensure_book
from ml_assets.training.matrix import arrow_rows
from ml_assets.training.versions import ModelVersion
from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

MOST_ROWS = 100


@dataclass(frozen=True)
class GoldenRows:
    """`inputs`: the features as they were read; `scores`: shape (n_rows,) or, several numbers a row, (n_rows * k,)."""

    inputs: pa.Table
    scores: np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True)
class Answer:
    """What a version says to its golden rows now. `largest` is the greatest distance from what it said then."""

    rows: int
    differing: int
    largest: float

    @property
    def exact(self) -> bool:
        """Every number is the same, to the last bit."""
        return self.rows > 0 and self.differing == 0


def sample_golden(bench: Workbench, version: ModelVersion, entity: str) -> GoldenRows:
    """Inside a reading block: at most `MOST_ROWS` test rows, evenly spaced in order of snapshot and entity, with scores."""
    training = TableName("training", version.model)
    listed = ", ".join(quoted(name) for name in version.package.encoder.features)
    inputs = arrow_rows(
        bench,
        f"select {listed} from (select *, row_number() over (order by snapshot, {quoted(entity)}) - 1 as _n, count(*) over () as _all "
        f"from {training.quoted} where part = 'test') where _n % greatest(1, ceil(_all / {MOST_ROWS}))::bigint = 0 order by _n",
    )
    return GoldenRows(inputs, _scores(version, inputs))


def _scores(version: ModelVersion, inputs: pa.Table) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    if not inputs.num_rows:
        return np.array([])
    matrix, _ = version.package.encoder.encode(inputs)
    return np.asarray(version.package.predict(matrix), dtype=np.float64).reshape(-1)


def store_golden(bench: Workbench, version: ModelVersion, golden: GoldenRows, now: datetime) -> None:
    """Inside a commit: keep the rows, unless this very package has some already: the first answer is the one that counts."""
    ensure_book(bench, "golden_rows")
    if bench.value(
        "select count(*) from wh.ops.golden_rows where model = ? and version = ? and package_sha256 = ?",
        [version.model, version.version, version.package_sha256],
    ):
        return
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, golden.inputs.schema) as writer:
        writer.write_table(golden.inputs)
    bench.execute(
        "insert into wh.ops.golden_rows values (?, ?, ?, ?, ?, ?, ?)",
        [version.model, version.version, version.package_sha256, golden.inputs.num_rows, sink.getvalue().to_pybytes(),
         golden.scores.tolist(), naive_utc(now)],
    )  # fmt: skip


def answer_golden(bench: Workbench, version: ModelVersion) -> Answer:
    """Let a version answer its golden rows again. Raises when this very package has none."""
    rows = (
        bench.rows(
            "select inputs, scores from wh.ops.golden_rows where model = ? and version = ? and package_sha256 = ?",
            [version.model, version.version, version.package_sha256],
        )
        if bench.has_table(TableName("ops", "golden_rows"))
        else []
    )
    if not rows or not rows[0][1]:
        raise NotMaterializedError(
            f"{version} has no golden rows", expected="rows that are stored with its first verdict", got="none of this package",
            remedy="only a version that was judged can be rehearsed; roll back to another one, or train a new version",
        )  # fmt: skip
    inputs = pa.ipc.open_stream(bytes(rows[0][0])).read_all()
    then, now = np.asarray(rows[0][1], dtype=np.float64), _scores(version, inputs)
    if then.shape != now.shape:
        return Answer(inputs.num_rows, inputs.num_rows, float("inf"))
    same = (then == now) | (np.isnan(then) & np.isnan(now))
    return Answer(inputs.num_rows, int(np.sum(~same)), float(np.max(np.abs(then - now)[~same], initial=0.0)))
