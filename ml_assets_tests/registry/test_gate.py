"""The gate as a truth table: a rule holds, fails or cannot be judged, and only holding passes."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ml_assets.errors import UnknownNameError
from ml_assets.registry.facts import Comparison, Fact, Gap, GateFacts, Metric, SliceValue, refuse_unknown_names
from ml_assets.registry.gate import RuleVerdict, Verdict, judge
from ml_assets.specs.gate import GateSpec

Baseline = Literal["constant", "one_rule", "linear"]
Loss = float | None
ABSENT = {name: f"evaluation.again__{name} does not exist" for name in ("comparisons", "slices", "fairness", "facts")}


def facts_of(candidate: Loss, **losses: Loss) -> GateFacts:
    values = {"candidate": candidate, **losses}
    return GateFacts(
        1, metrics={(name, "test", "log_loss"): Metric(loss) for name, loss in values.items()}, absent=ABSENT
    )


def verdict_of(candidate: Loss, *baselines: Baseline, **losses: Loss) -> tuple[list[str], bool]:
    verdict = judge(facts_of(candidate, **losses), GateSpec(better_than=baselines))
    return [rule.status for rule in verdict.rules], verdict.passed


def ruled(rule: dict[str, Any], **facts: Any) -> RuleVerdict:
    """The verdict of one declared rule."""
    gate = GateSpec.model_validate({"better_than": (), "rules": [rule]})
    (found,) = judge(GateFacts(**({"version": 2, "champion": 1} | facts)), gate).rules
    return found


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
    facts = facts_of(0.5, constant=0.6, linear=0.4)

    assert judge(facts, GateSpec(better_than=("constant",))).reasons == "its only rule held"
    assert (
        judge(facts, GateSpec(better_than=("constant", "linear"))).reasons
        == "test log loss below linear: failed (0.5000 against 0.4000)"
    )
    assert (
        judge(facts, GateSpec(better_than=("one_rule",))).reasons
        == "test log loss below one_rule: not applicable (log_loss of one_rule was not measured on test)"
    )


AUC = {("candidate", "test", "roc_auc"): Metric(0.7, 0.65, 0.75), ("candidate", "train", "roc_auc"): Metric(0.9)}


@pytest.mark.parametrize(
    ("rule", "status", "value", "bound"),
    [
        pytest.param({"min": 0.7}, "held", 0.7, 0.7, id="at_the_floor"),
        pytest.param({"min": 0.71}, "failed", 0.7, 0.71, id="below_the_floor"),
        pytest.param({"max": 0.69}, "failed", 0.7, 0.69, id="above_the_ceiling"),
        pytest.param({"min": 0.5, "max": 0.6}, "failed", 0.7, 0.6, id="the_broken_bound_is_told"),
        pytest.param({"min": 0.8, "part": "train"}, "held", 0.9, 0.8, id="another_part"),
        pytest.param({"min": 0.8, "part": "validation"}, "not_applicable", None, 0.8, id="an_unmeasured_part"),
    ],
)
def test_a_metric_lies_within_its_bounds(rule: dict[str, Any], status: str, value: Loss, bound: float) -> None:
    found = ruled({"kind": "metric", "metric": "roc_auc", **rule}, metrics=AUC)
    assert (found.status, found.value, found.bound) == (status, value, bound)


def test_an_undefined_metric_and_a_nan_are_not_judged() -> None:
    rule = {"kind": "metric", "metric": "roc_auc", "max": 1.0}
    for value, said in ((None, "not defined on test"), (float("nan"), "no number")):
        found = ruled(rule, metrics={("candidate", "test", "roc_auc"): Metric(value)})
        assert found.status == "not_applicable"
        assert said in found.reason


def beats(difference: Loss, low: Loss, high: Loss, other: str = "linear", **rule: Any) -> RuleVerdict:
    paired = {(other, "log_loss"): Comparison(difference, low, high)}
    return ruled({"kind": "beats", "other": other, **rule}, comparisons=paired)


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        pytest.param({}, "failed", id="interval_holds_zero"),
        pytest.param({"significant": False}, "held", id="difference_alone"),
        pytest.param({"significant": False, "by": 0.02}, "failed", id="margin_is_to_be_exceeded"),
        pytest.param({"significant": False, "by": 0.01}, "held", id="margin_exceeded"),
    ],
)
def test_beating_takes_the_lower_bound_unless_said_otherwise(rule: dict[str, Any], status: str) -> None:
    assert beats(0.02, -0.001, 0.041, **rule).status == status


def test_beating_significantly_holds_when_the_whole_interval_is_above_the_margin() -> None:
    found = beats(0.02, 0.011, 0.03, by=0.01)
    assert (found.status, found.value, found.bound) == ("held", 0.011, 0.01)


@pytest.mark.parametrize("rule", [{"kind": "beats", "other": "champion"}, {"kind": "no_worse_than_champion"}])
def test_champion_rules_hold_while_there_is_nobody_to_beat(rule: dict[str, Any]) -> None:
    assert (ruled(rule, champion=None).status, ruled(rule, champion=None).reason) == (
        "held",
        "there is no champion yet",
    )
    assert (ruled(rule, champion=2).status, ruled(rule, champion=2).reason) == ("held", "it is the champion itself")
    assert ruled(rule, champion=1, absent=ABSENT).status == "not_applicable"


@pytest.mark.parametrize(
    ("difference", "status"),
    [(0.1, "held"), (0.0, "held"), (-0.01, "held"), (-0.011, "failed"), (None, "not_applicable")],
)
def test_a_loss_against_the_champion_is_tolerated_up_to_the_tolerance(difference: Loss, status: str) -> None:
    paired = {("champion", "log_loss"): Comparison(difference, None, None)}
    assert ruled({"kind": "no_worse_than_champion", "tolerance": 0.01}, comparisons=paired).status == status


def test_a_comparison_with_an_earlier_champion_is_not_judged() -> None:
    paired = {("champion", "log_loss"): Comparison(0.1, 0.05, 0.2)}
    found = ruled(
        {"kind": "beats", "other": "champion"},
        champion=3,
        comparisons=paired,
        facts={"champion_version": Fact(1.0, None)},
    )
    assert found.status == "not_applicable"
    assert "champion is version 3: evaluate again" in found.reason


def test_a_champion_that_could_not_be_compared_with_is_told() -> None:
    told = {"champion_version": Fact(None, "again@1 needs columns that these rows lack")}
    others = {("linear", "log_loss"): Comparison(0.1, 0.05, 0.2)}
    for rule in ({"kind": "beats", "other": "champion"}, {"kind": "no_worse_than_champion"}):
        found = ruled(rule, comparisons=others, facts=told)
        assert found.status == "not_applicable"
        assert found.reason.startswith("again@1 needs columns that these rows lack, but champion is version 1")
    found = ruled({"kind": "beats", "other": "linear", "metric": "brier"}, comparisons=others)
    assert (found.status, found.reason) == ("not_applicable", "not compared with linear by brier; by log_loss")


@pytest.mark.parametrize(
    ("difference", "said"),
    [(0.02, "better by 0.02, 95 % interval of the gain"), (-0.02, "worse by 0.02, 95 % interval of the gain"), (0.0, "no difference, 95 %")],
)  # fmt: skip
def test_a_difference_is_told_in_words(difference: float, said: str) -> None:
    assert beats(difference, -0.1, 0.1).reason.startswith(said)


def sliced(*values: tuple[str, str, Loss, str]) -> list[SliceValue]:
    return [
        SliceValue(
            name, kind, "roc_auc", value, 100, verdict, "fewer than 50 rows" if verdict == "not judged" else None
        )
        for name, kind, value, verdict in values
    ]


FLOOR = {"kind": "slice_floor", "metric": "roc_auc", "min": 0.6}


def test_slice_floor_names_the_slices_below_and_passes_over_small_ones() -> None:
    slices = sliced(
        ("de", "declared", 0.7, "no worse"), ("fr", "declared", 0.5, "worse"), ("li", "declared", None, "not judged"),
        ("x>3", "found", 0.4, "worse"),
    )  # fmt: skip
    found = ruled(FLOOR, slices=slices)
    assert (found.status, found.value, found.bound) == ("failed", 0.5, 0.6)
    assert found.reason == "1 of 2 slices outside: fr 0.5; 1 not judged"
    assert ruled(FLOOR | {"slices": "found"}, slices=slices).value == 0.4
    assert ruled(FLOOR | {"slices": "all"}, slices=slices).reason.startswith("2 of 3 slices outside: x>3 0.4, fr 0.5")
    assert ruled(FLOOR | {"min": 0.5}, slices=slices).status == "held"


def test_slice_floor_without_judged_slices_is_no_pass() -> None:
    assert (
        ruled(FLOOR, slices=sliced(("li", "declared", None, "not judged"))).reason
        == "none of 1 slices could be judged (fewer than 50 rows)"
    )
    for facts in ({"slices": []}, {"absent": ABSENT}, {"slices": sliced(("x", "found", 0.9, "no worse"))}):
        assert ruled(FLOOR, **facts).status == "not_applicable"


def test_a_ceiling_for_losses_in_slices_tells_the_worst() -> None:
    rule = {"kind": "slice_floor", "metric": "roc_auc", "max": 0.65}
    found = ruled(
        rule, slices=sliced(("a", "declared", 0.6, ""), ("b", "declared", 0.9, ""), ("c", "declared", 0.7, ""))
    )
    assert (found.status, found.value, found.bound) == ("failed", 0.9, 0.65)
    assert found.reason == "2 of 3 slices outside: b 0.9, c 0.7"


LIMITED = [
    ("overfit", "train_test_gap", 0.05, 1.0), ("stable_under_seed", "seed_spread", 0.02, 1.0), ("golden_feature", "golden_share", 0.9, 1.0),
    ("package_size", "package_bytes", 50.0, 1e6), ("prediction_time", "prediction_us", 1000.0, 1.0),
    ("calibration", "calibration_error", 0.05, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "fact", "bound", "unit"), LIMITED)
def test_a_measured_number_stays_at_or_below_its_default_bound(kind: str, fact: str, bound: float, unit: float) -> None:
    for factor, status in ((1.0, "held"), (1.01, "failed")):
        found = ruled({"kind": kind}, facts={fact: Fact(bound * unit * factor, None)})
        assert (found.status, found.bound) == (status, bound)
    unmeasured = ruled({"kind": kind}, facts={fact: Fact(None, "too few rows")})
    assert (unmeasured.status, unmeasured.value, unmeasured.reason) == ("not_applicable", None, "too few rows")
    assert ruled({"kind": kind}, absent=ABSENT).reason == "evaluation.again__facts does not exist"


def test_calibration_is_read_from_the_metric_where_there_is_no_fact() -> None:
    found = ruled(
        {"kind": "calibration", "max": 0.1}, metrics={("candidate", "test", "calibration_error"): Metric(0.2)}
    )
    assert (found.status, found.value) == ("failed", 0.2)


def test_fairness_judges_the_gap_of_its_column() -> None:
    gaps = [Gap("sex", "selection_rate", 0.2, None), Gap("age", "selection_rate", None, "one group only")]
    rule = {"kind": "fairness", "measure": "selection_rate", "column": "sex"}
    assert ruled(rule, fairness=gaps).status == "failed"
    assert ruled(rule | {"max": 0.2}, fairness=gaps).status == "held"
    assert ruled(rule | {"column": "age"}, fairness=gaps).reason == "one group only"
    assert ruled(rule, absent=ABSENT).status == "not_applicable"


def test_a_ratio_of_groups_is_judged_by_what_it_lacks_of_one() -> None:
    rule = {"kind": "fairness", "measure": "demographic_parity_ratio", "column": "sex", "max": 0.2}
    for ratio, status in ((1.0, "held"), (0.85, "held"), (0.75, "failed"), (0.1, "failed")):
        found = ruled(rule, fairness=[Gap("sex", "demographic_parity_ratio", ratio, None)])
        assert (found.status, found.value) == (status, pytest.approx(1 - ratio))
    assert "smallest group over largest is 0.1" in found.reason


def test_documentation_counts_what_is_not_stated() -> None:
    undocumented = {"owner": (), "description": ("description",), "card": ("card.ethical", "card.contact")}
    found = ruled({"kind": "documentation"}, undocumented=undocumented)
    assert (found.status, found.value, found.reason) == (
        "failed",
        3.0,
        "not stated: description, card.ethical, card.contact",
    )
    assert (
        ruled({"kind": "documentation", "description": False, "card": False}, undocumented=undocumented).status
        == "held"
    )
    assert ruled({"kind": "documentation"}).status == "not_applicable"


@given(st.lists(st.sampled_from(["held", "failed", "not_applicable"])))
def test_a_verdict_passes_only_when_nothing_but_holding_is_in_it(
    statuses: list[Literal["held", "failed", "not_applicable"]],
) -> None:
    verdict = Verdict(tuple(RuleVerdict(f"rule {n}", None, None, status) for n, status in enumerate(statuses)))
    assert verdict.passed == (set(statuses) <= {"held"})


@pytest.mark.parametrize(
    ("rule", "facts", "said"),
    [
        ({"kind": "metric", "metric": "roc_acu", "min": 0.5}, {"metrics": AUC}, "did you mean roc_auc?"),
        (FLOOR | {"metric": "rocauc"}, {"slices": sliced(("a", "declared", 0.9, ""))}, "did you mean roc_auc?"),
        ({"kind": "fairness", "measure": "selection_rate", "column": "sexx"}, {"fairness": [Gap("sex", "selection_rate", 0.1, None)]}, "did you mean sex?"),
        ({"kind": "fairness", "measure": "selection", "column": "sex"}, {"fairness": [Gap("sex", "selection_rate", 0.1, None)]}, "did you mean selection_rate?"),
        ({"kind": "beats", "other": "linear", "metric": "logloss"}, {"comparisons": {("linear", "log_loss"): Comparison(0.1, 0.0, 0.2)}}, "did you mean log_loss?"),
    ],
)  # fmt: skip
def test_names_that_the_evaluation_does_not_know_are_refused_with_near_ones(
    rule: dict[str, Any], facts: dict[str, Any], said: str
) -> None:
    gate = GateSpec.model_validate({"rules": [rule]})
    with pytest.raises(UnknownNameError, match="unknown") as caught:
        refuse_unknown_names(GateFacts(1, **facts), gate, "model.yaml:1")
    assert said in str(caught.value)
    refuse_unknown_names(GateFacts(1, absent=ABSENT), gate, "model.yaml:1")


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"kind": "metric", "metric": "roc_auc"}, "give one of them"),
        ({"kind": "metric", "metric": "roc_auc", "min": 1, "max": 0}, "no value could hold"),
        ({"kind": "metric", "metric": "roc_auc", "min": float("nan")}, "finite"),
        ({"kind": "beat", "other": "linear"}, "'beats'"),
        ({"kind": "beats", "other": "best"}, "'champion'"),
        ({"kind": "beats", "other": "linear", "by": -1}, "greater than or equal to 0"),
        ({"kind": "overfit", "most": 1}, "not permitted"),
    ],
)
def test_a_rule_that_cannot_mean_anything_is_refused(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match="validation error") as caught:
        GateSpec.model_validate({"rules": [rule]})
    assert said in str(caught.value)
