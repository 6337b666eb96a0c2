"""Checks of an evaluation: there is a number for everything, and the candidate is no worse than knowing nothing."""

from __future__ import annotations

from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.results import CheckFinding

_OVERFIT_GAP = 0.05


def evaluation_checks() -> tuple[Check, ...]:
    """All checks of `evaluation.<model>`."""
    return (
        _grain_check(),
        _beats_check("constant", "MC001", "error"),
        _beats_check("one_rule", "MC002", "warn"),
        _beats_check("linear", "MC003", "warn"),
        _overfit_check(),
    )


def _grain_check() -> Check:
    name = "each_metric_is_measured_once"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        repeated = f"select version, estimator, part, snapshot, metric, count(*) as times from {scope.table.quoted} group by all having times > 1"
        wrong = scope.bench.value(f"select count(*) from ({repeated})")
        missing = scope.bench.value(
            f"select count(*) from {scope.table.quoted} where value is null and snapshot is null"
        )
        return [
            CheckFinding.judged(
                name, wrong == 0 and missing == 0, f"{wrong} measured twice, {missing} without a value",
                numbers={"repeated": wrong, "missing": missing}, evidence=scope.evidence(repeated) if wrong else (),
            )
        ]  # fmt: skip

    return Check(
        name, "EV001", "One value for each version, estimator, part, snapshot and metric.", judge, blocking=True
    )


def _test_values(scope: CheckScope, metric: str) -> dict[tuple[str, str], float]:
    return {
        (estimator, part): value
        for estimator, part, value in scope.bench.rows(
            f"select estimator, part, value from {scope.table.quoted} where metric = ? and snapshot is null "
            f"and version = (select max(version) from {scope.table.quoted})",
            [metric],
        )
    }


def _beats_check(baseline: str, code: str, severity: str) -> Check:
    name = f"candidate_beats_the_{baseline}_baseline"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        losses = _test_values(scope, "log_loss")
        candidate, other = losses.get(("candidate", "test")), losses.get((baseline, "test"))
        if candidate is None or other is None:
            return [CheckFinding(name, "not_applicable", "no test rows were measured")]
        return [
            CheckFinding.judged(
                name, candidate < other, f"test log loss {candidate:.4f}, {baseline} {other:.4f}",
                numbers={"candidate": candidate, baseline: other},
            )
        ]  # fmt: skip

    return Check(
        name,
        code,
        f"Test log loss is below that of the {baseline} baseline.",
        judge,
        "error" if severity == "error" else "warn",
    )


def _overfit_check() -> Check:
    name = "train_and_test_agree"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        values = _test_values(scope, "roc_auc")
        train, test = values.get(("candidate", "train")), values.get(("candidate", "test"))
        if train is None or test is None:
            return [CheckFinding(name, "not_applicable", "a part has one class only")]
        return [
            CheckFinding.judged(
                name, train - test <= _OVERFIT_GAP, f"ROC AUC {train:.3f} in training, {test:.3f} in test (gap limit {_OVERFIT_GAP})",
                numbers={"train": train, "test": test, "gap": train - test},
            )
        ]  # fmt: skip

    return Check(name, "MC010", f"ROC AUC falls by at most {_OVERFIT_GAP} from train to test.", judge, "warn")
