"""The gate as a truth table: a rule holds, fails or cannot be judged, and only holding passes."""

from __future__ import annotations

from typing import Literal

import pytest

from ml_assets.registry.gate import judge
from ml_assets.specs.models import GateSpec

Baseline = Literal["constant", "one_rule", "linear"]
Loss = float | None


def verdict_of(candidate: Loss, *baselines: Baseline, **losses: Loss) -> tuple[list[str], bool]:
    metrics = {name: {"log_loss": loss, "roc_auc": 0.5} for name, loss in {"candidate": candidate, **losses}.items()}
    verdict = judge(metrics, GateSpec(better_than=baselines))
    return [rule.status for rule in verdict.rules], verdict.passed


@pytest.mark.parametrize(
    ("candidate", "constant", "linear", "statuses", "passed"),
    [
        pytest.param(0.5, 0.6, 0.6, ["held", "held"], True, id="below_both"),
        pytest.param(0.5, 0.6, 0.5, ["held", "failed"], False, id="equal_is_not_below"),
        pytest.param(0.5, 0.6, 0.4, ["held", "failed"], False, id="above_one"),
        pytest.param(0.7, 0.6, 0.4, ["failed", "failed"], False, id="above_both"),
        pytest.param(0.5, None, 0.6, ["not_applicable", "held"], False, id="unmeasured_baseline"),
        pytest.param(None, 0.6, 0.6, ["not_applicable", "not_applicable"], False, id="unmeasured_candidate"),
        pytest.param(None, None, None, ["not_applicable", "not_applicable"], False, id="nothing_measured"),
    ],
)
def test_candidate_passes_when_every_rule_held(
    candidate: Loss, constant: Loss, linear: Loss, statuses: list[str], passed: bool
) -> None:
    assert verdict_of(candidate, "constant", "linear", constant=constant, linear=linear) == (statuses, passed)


def test_baseline_that_was_never_evaluated_is_no_pass() -> None:
    assert verdict_of(0.5, "one_rule") == (["not_applicable"], False)


def test_gate_without_rules_passes() -> None:
    assert verdict_of(None) == ([], True)


def test_reasons_name_what_did_not_hold_with_its_numbers() -> None:
    metrics = {"candidate": {"log_loss": 0.5}, "constant": {"log_loss": 0.6}, "linear": {"log_loss": 0.4}}

    assert judge(metrics, GateSpec(better_than=("constant",))).reasons == "all 1 rules held"
    assert (
        judge(metrics, GateSpec(better_than=("constant", "linear"))).reasons
        == "test log loss below linear: failed (0.5 against 0.4)"
    )
    assert (
        judge(metrics, GateSpec(better_than=("one_rule",))).reasons
        == "test log loss below one_rule: not_applicable (0.5 against None)"
    )
