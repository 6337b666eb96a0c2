"""Checks of an evaluation, with codes: there is a number for everything, and nothing in it speaks against the model.

A rule whose numbers are not there is not applicable, with the reason. The gate decides what may serve; these checks tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_assets.evaluation.catalogue import HEADLINE, LOSS, metric_info
from ml_assets.specs.base import Severity
from ml_assets.specs.models import ModelSpec
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import MAX_EVIDENCE_ROWS, CheckFinding

OVERFIT_GAP, CALIBRATION_ERROR, SEED_SPREAD, FAIRNESS_GAP = 0.05, 0.05, 0.02, 0.2
PACKAGE_BYTES, PREDICTION_US = 50e6, 1000.0


def evaluation_checks(spec: ModelSpec) -> tuple[Check, ...]:
    """All checks of `evaluation.<model>`."""
    return (
        _grain_check(spec),
        _beats_check(spec, "constant", "MC001", "error"),
        _beats_check(spec, "one_rule", "MC002", "warn"),
        _beats_check(spec, "linear", "MC003", "warn"),
        _told_apart_check(spec),
        _fact_check("no_feature_explains_too_much", "MC005", "golden_share", _AtMost(0), "A single feature does not tell the outcome."),
        _fact_check("test_rows_are_not_known_from_training", "MC006", "overlap_rows", _AtMost(0),
                    "No entity that the split keeps apart is in both training and test.", "error"),
        _fact_check("train_and_test_agree", "MC010", "train_test_gap", _AtMost(OVERFIT_GAP),
                    f"The primary metric falls by at most {OVERFIT_GAP} from train to test."),
        _fact_check("probabilities_are_calibrated", "MC011", "calibration_error", _AtMost(CALIBRATION_ERROR),
                    f"Expected calibration error on test is at most {CALIBRATION_ERROR}."),
        _slices_check(),
        _fairness_check(),
        _fact_check("other_seeds_give_the_same", "MC014", "seed_spread", _AtMost(SEED_SPREAD),
                    f"The primary metric moves by at most {SEED_SPREAD} over seeds."),
        _fact_check("package_is_small", "MC015", "package_bytes", _AtMost(PACKAGE_BYTES), f"The package has at most {PACKAGE_BYTES / 1e6:.0f} MB."),
        _fact_check("prediction_is_fast", "MC016", "prediction_us", _AtMost(PREDICTION_US),
                    f"A row is predicted within {PREDICTION_US:.0f} microseconds, in a batch."),
        _documented_check(spec),
    )  # fmt: skip


@dataclass(frozen=True)
class _AtMost:
    """A limit that a number may reach."""

    bound: float

    def __call__(self, value: float) -> bool:
        return value <= self.bound

    def __str__(self) -> str:
        return f"limit {self.bound:g}"


def _newest(scope: CheckScope) -> str:
    return f"version = (select max(version) from {scope.table.quoted})"


def _sibling(scope: CheckScope, name: str) -> TableName | None:
    table = scope.table.sibling(name)
    return table if scope.bench.has_table(table) else None


def _grain_check(spec: ModelSpec) -> Check:
    name = "each_metric_is_measured_once"
    # Both classes are there (TR002), so that these are defined; other metrics and tasks may lack one, with its reason.
    needed = list(HEADLINE["binary"]) if spec.task == "binary" else []

    def judge(scope: CheckScope) -> list[CheckFinding]:
        repeated = f"select version, estimator, part, snapshot, metric, count(*) as times from {scope.table.quoted} group by all having times > 1"
        wrong = scope.bench.value(f"select count(*) from ({repeated})")
        missing = scope.bench.value(
            f"select count(*) from {scope.table.quoted} where value is null and snapshot is null and list_contains(?, metric)",
            [needed],
        )
        return [
            CheckFinding.judged(
                name, wrong == 0 and missing == 0, f"{wrong} measured twice, {missing} without a value",
                numbers={"repeated": wrong, "missing": missing},
                evidence=scope.evidence(repeated) if wrong else (),
            )
        ]  # fmt: skip

    return Check(
        name, "EV001", "One value for each version, estimator, part, snapshot and metric.", judge, blocking=True
    )


def _test_value(scope: CheckScope, estimator: str, metric: str) -> float | None:
    found = scope.bench.rows(
        f"select value from {scope.table.quoted} where estimator = ? and metric = ? and part = 'test' and snapshot is null and {_newest(scope)}",
        [estimator, metric],
    )
    return found[0][0] if found else None


def _beats_check(spec: ModelSpec, baseline: str, code: str, severity: Severity) -> Check:
    name = f"candidate_beats_the_{baseline}_baseline"
    info = metric_info(spec.task, LOSS[spec.task])

    def judge(scope: CheckScope) -> list[CheckFinding]:
        candidate, other = (_test_value(scope, estimator, info.name) for estimator in ("candidate", baseline))
        if candidate is None or other is None:
            return [CheckFinding(name, "not_applicable", "no test rows were measured")]
        return [
            CheckFinding.judged(
                name, candidate < other, f"test {info.title} {candidate:.4f}, {baseline} {other:.4f}",
                numbers={"candidate": candidate, baseline: other},
            )
        ]  # fmt: skip

    return Check(name, code, f"Test {info.title} is below that of the {baseline} baseline.", judge, severity)


def _told_apart_check(spec: ModelSpec) -> Check:
    name = "gain_over_each_baseline_is_real"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        table = _sibling(scope, "comparisons")
        rows = [] if table is None else scope.bench.rows(
            f"select other, verdict, sentence, low from {table.quoted} where metric = ? and other <> 'champion' and {_newest(scope)} order by other",
            [LOSS[spec.task]],
        )  # fmt: skip
        judged = [row for row in rows if row[1] != "not applicable"]
        if not judged:
            said = rows[0][2] if rows else "no baseline was compared with"
            return [CheckFinding(name, "not_applicable", said)]
        open_ = [row for row in judged if row[1] != "better"]
        said = " ".join(row[2] for row in open_) or f"better than each of {len(judged)} baselines"
        return [CheckFinding.judged(name, not open_, said, numbers={f"{row[0]}.low": row[3] for row in judged})]

    words = "The paired interval of the loss tells the candidate apart from every baseline."
    return Check(name, "MC004", words, judge, "warn")


def _fact_check(name: str, code: str, fact: str, limit: _AtMost, words: str, severity: Severity = "warn") -> Check:
    def judge(scope: CheckScope) -> list[CheckFinding]:
        table = _sibling(scope, "facts")
        rows = [] if table is None else scope.bench.rows(
            f"select value, text from {table.quoted} where fact = ? and {_newest(scope)}", [fact]
        )  # fmt: skip
        if not rows or rows[0][0] is None:
            return [CheckFinding(name, "not_applicable", rows[0][1] if rows else f"{fact} was not measured")]
        value, text = rows[0]
        return [CheckFinding.judged(name, limit(value), f"{value:.4g} ({text}; {limit})", numbers={fact: value})]

    return Check(name, code, words, judge, severity)


def _said(scope: CheckScope, fact: str, otherwise: str) -> str:
    """Why a fact of the newest version has no value."""
    table = _sibling(scope, "facts")
    rows = [] if table is None else scope.bench.rows(
        f"select text from {table.quoted} where fact = ? and value is null and {_newest(scope)}", [fact]
    )  # fmt: skip
    return rows[0][0] if rows else otherwise


def _bad_rows_check(
    name: str, code: str, words: str, sibling: str, counted: str, bad: str, columns: Sequence[str]
) -> Check:
    """Rows of a further table that are `bad` (SQL) among those that are `counted`."""

    def judge(scope: CheckScope) -> list[CheckFinding]:
        table = _sibling(scope, sibling)
        rows = (
            0
            if table is None
            else int(scope.bench.value(f"select count(*) from {table.quoted} where {counted} and {_newest(scope)}"))
        )
        if table is None or not rows:
            return [
                CheckFinding(
                    name, "not_applicable", _said(scope, f"{sibling}_judged", f"nothing of {sibling} could be judged")
                )
            ]
        listed = f"select {', '.join(columns)} from {table.quoted} where {counted} and ({bad}) and {_newest(scope)} order by all"
        found = int(scope.bench.value(f"select count(*) from ({listed})"))
        return [
            CheckFinding.judged(
                name, not found, f"{found} of {rows}", numbers={"judged": rows, "broken": found},
                evidence=scope.evidence(f"{listed} limit {MAX_EVIDENCE_ROWS}") if found else (),
            )
        ]  # fmt: skip

    return Check(name, code, words, judge, "warn")


def _slices_check() -> Check:
    return _bad_rows_check(
        "no_slice_is_worse_than_promised", "MC012", "No declared or found slice is worse than its scores promise.", "slices",
        "verdict <> 'not judged'", "verdict = 'worse'", ("slice", "metric", "value", "overall", "rows", "q_value"),
    )  # fmt: skip


def _fairness_check() -> Check:
    return _bad_rows_check(
        "groups_are_treated_alike", "MC013", f"Gaps of selection, true and false positive rates over groups are at most {FAIRNESS_GAP}.", "fairness",
        "group_name is null and value is not null and measure in ('demographic_parity_difference', 'equalized_odds_difference', 'true_positive_rate_difference', 'false_positive_rate_difference')",
        f"value > {FAIRNESS_GAP}", ("column_name", "measure", "value", "low", "high"),
    )  # fmt: skip


def _documented_check(spec: ModelSpec) -> Check:
    name = "model_has_owner_and_description"

    def judge(_scope: CheckScope) -> list[CheckFinding]:
        lacking = [field for field in ("owners", "description") if not getattr(spec, field)]
        return [CheckFinding.judged(name, not lacking, f"lacks {', '.join(lacking)}" if lacking else "stated")]

    return Check(name, "MC017", "Owner and description are declared.", judge, "warn")
