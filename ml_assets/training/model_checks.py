"""Checks of stored versions: the package is whole and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml_assets.errors import PackageError
from ml_assets.specs.models import ModelSpec
from ml_assets.training.versions import load_version
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.rules import unique_check

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ml_assets.training.package import Package
    from ml_assets.training.rows import Vector

_SAMPLE_ROWS = 500


def model_checks(spec: ModelSpec) -> tuple[Check, ...]:
    """All checks of `models.<model>`."""
    return (unique_check(("version",)), _package_check(spec))


def _package_check(spec: ModelSpec) -> Check:
    name = "newest_package_loads_and_answers"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        from ml_assets.training.matrix import arrow_rows

        try:
            version = load_version(scope.bench, spec.name)
        except PackageError as problem:
            return [CheckFinding(name, "failed", str(problem))]
        training = TableName("training", spec.name)
        rows = arrow_rows(
            scope.bench,
            f"select * from {training.quoted} where part = 'test' order by snapshot, {quoted(spec.entity)} limit {_SAMPLE_ROWS}",
        )
        matrix, _ = version.package.encoder.encode(rows)
        wrong = {
            estimator: int(_wrong(version.package, version.package.predict(matrix, estimator)).sum())
            for estimator in version.package.estimators
        }
        valid = "outside [0, 1]" if version.package.signature.target.classifies else "not finite"
        said = f"{version}: {len(matrix)} rows answered by {len(wrong)} estimators, {sum(wrong.values())} {valid}"
        return [CheckFinding.judged(name, sum(wrong.values()) == 0, said, numbers={"rows": len(matrix), **wrong})]

    return Check(
        name, "MD001", "The newest package matches its hashes and gives answers of its task.", judge, blocking=True
    )


def _wrong(package: Package, answers: Vector) -> npt.NDArray[np.bool_]:
    """Rows with an answer that the task cannot have, shape (n_rows,)."""
    import numpy as np

    target = package.signature.target
    valid = (answers >= 0) & (answers <= 1) if target.classifies else np.isfinite(answers)
    if answers.ndim == 2:
        valid = valid.all(axis=1) & (np.abs(answers.sum(axis=1) - 1) < 1e-6)
    return np.asarray(~valid)
