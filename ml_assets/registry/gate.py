"""The gate: a pure function from facts and declared rules to a verdict with reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ml_assets.errors import nearest
from ml_assets.registry.facts import Comparison, Fact, GateFacts
from ml_assets.specs.gate import (
    BeatsRule,
    CalibrationRule,
    DocumentationRule,
    FairnessRule,
    GateRule,
    GateSpec,
    GoldenFeatureRule,
    MetricRule,
    NoWorseThanChampionRule,
    OverfitRule,
    PackageSizeRule,
    PredictionTimeRule,
    SliceFloorRule,
    StableUnderSeedRule,
)

Status = Literal["held", "failed", "not_applicable"]
_NAMED_SLICES = 3


@dataclass(frozen=True)
class RuleVerdict:
    """One rule: what was measured, what was asked for, whether it held, and why in words."""

    rule: str
    value: float | None
    bound: float | None
    status: Status
    reason: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Verdict:
    """All rules of a candidate. It passes when every rule held; a rule that could not be judged is no pass."""

    rules: tuple[RuleVerdict, ...]

    @property
    def passed(self) -> bool:
        return all(rule.status == "held" for rule in self.rules)

    @property
    def reasons(self) -> str:
        """The rules that did not hold, in words; or that all did."""
        broken = [
            f"{rule.rule}: {rule.status.replace('_', ' ')} ({rule.reason})"
            for rule in self.rules
            if rule.status != "held"
        ]
        return "; ".join(broken) or f"all {len(self.rules)} rules held"


def judge(facts: GateFacts, gate: GateSpec) -> Verdict:
    """Judge a candidate: one verdict for each of `better_than` and `rules`, in their order.

    A fact that is not there makes its rule not applicable, with the reason. Rules against the champion hold while there
    is no champion, or while the candidate is the champion itself.
    """
    return Verdict(
        (*(_better_than(facts, other) for other in gate.better_than), *(_judged(facts, rule) for rule in gate.rules))
    )


def _judged(facts: GateFacts, rule: GateRule) -> RuleVerdict:
    match rule:
        case MetricRule():
            return _metric(facts, rule)
        case BeatsRule():
            return _beats(facts, rule)
        case NoWorseThanChampionRule():
            return _no_worse(facts, rule)
        case SliceFloorRule():
            return _slices(facts, rule)
        case CalibrationRule():
            return _calibration(facts, rule)
        case FairnessRule():
            return _fairness(facts, rule)
        case DocumentationRule():
            return _documentation(facts, rule)
        case _:
            return _at_most(facts, rule)


def _better_than(facts: GateFacts, other: str) -> RuleVerdict:
    name = f"test {facts.loss.replace('_', ' ')} below {other}"
    value, why = _value_of(facts, "candidate", "test", facts.loss)
    bound, why_not = _value_of(facts, other, "test", facts.loss)
    if value is None or bound is None:
        reason = why if value is None else why_not
        return RuleVerdict(name, value, bound, "not_applicable", reason, "better_than")
    status: Status = "held" if value < bound else "failed"
    return RuleVerdict(name, value, bound, status, f"{value:.4f} against {bound:.4f}", "better_than")


def _value_of(facts: GateFacts, estimator: str, part: str, metric: str) -> tuple[float | None, str]:
    """The value, or None with the reason why there is none."""
    if "metrics" in facts.absent:
        return None, facts.absent["metrics"]
    found = facts.metrics.get((estimator, part, metric))
    if found is None:
        known = {name for who, where, name in facts.metrics if (who, where) == (estimator, part)}
        near = nearest(metric, known)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        return None, f"{metric} of {estimator} was not measured on {part}{hint}"
    if found.value is None:
        return None, f"{metric} of {estimator} is not defined on {part}"
    return found.value, ""


def _bounded(name: str, kind: str, value: float, low: float | None, high: float | None, said: str = "") -> RuleVerdict:
    """Held within [low, high]; the bound told is the broken one, else the first declared."""
    if math.isnan(value):
        return RuleVerdict(
            name, None, low if low is not None else high, "not_applicable", "the value is no number", kind
        )
    words = []
    bound, status = (low if low is not None else high), "held"
    if low is not None:
        words.append(f"at least {low:g}")
    if high is not None:
        words.append(f"at most {high:g}")
    if low is not None and value < low:
        bound, status = low, "failed"
    elif high is not None and value > high:
        bound, status = high, "failed"
    reason = f"{value:.4g}, {' and '.join(words)} asked for{said}"
    return RuleVerdict(name, value, bound, "held" if status == "held" else "failed", reason, kind)


def _metric(facts: GateFacts, rule: MetricRule) -> RuleVerdict:
    name = f"{rule.part} {rule.metric}"
    value, why = _value_of(facts, "candidate", rule.part, rule.metric)
    if value is None:
        return RuleVerdict(name, None, rule.min if rule.min is not None else rule.max, "not_applicable", why, rule.kind)
    measured = facts.metrics["candidate", rule.part, rule.metric]
    said = (
        ""
        if measured.low is None or measured.high is None
        else f"; 95 % interval {measured.low:.4g} to {measured.high:.4g}"
    )
    return _bounded(name, rule.kind, value, rule.min, rule.max, said)


def _without_champion(facts: GateFacts) -> str:
    if facts.champion is None:
        return "there is no champion yet"
    return "it is the champion itself" if facts.champion == facts.version else ""


def _paired(facts: GateFacts, other: str, metric: str) -> tuple[Comparison | None, str]:
    """The paired difference, or None with the reason why there is none."""
    if "comparisons" in facts.absent:
        return None, facts.absent["comparisons"]
    found = facts.comparisons.get((other, metric))
    if found is None:
        known = sorted(f"{who} by {name}" for who, name in facts.comparisons)
        return None, f"not compared with {other} by {metric}; compared: {', '.join(known)}"
    compared = facts.facts.get("champion_version")
    if other == "champion" and compared is not None and compared.value != facts.champion:
        return (
            None,
            f"compared with version {compared.value:g}, but champion is version {facts.champion}: evaluate again",
        )
    return found, ""


def _beats(facts: GateFacts, rule: BeatsRule) -> RuleVerdict:
    margin = f" by more than {rule.by:g}" if rule.by else ""
    metric = rule.metric or facts.loss
    name = f"test {metric} beats {rule.other}{margin}"
    if rule.other == "champion" and (why := _without_champion(facts)):
        return RuleVerdict(name, None, rule.by, "held", why, rule.kind)
    paired, why = _paired(facts, rule.other, metric)
    value = None if paired is None else paired.low if rule.significant else paired.difference
    if paired is None or value is None:
        missing = "interval" if rule.significant else "difference"
        return RuleVerdict(name, value, rule.by, "not_applicable", why or f"the {missing} is not defined", rule.kind)
    reason = f"better by {_signed(paired.difference)}"
    if paired.low is not None and paired.high is not None:
        reason += f", 95 % interval {_signed(paired.low)} to {_signed(paired.high)}"
    status: Status = "held" if value > rule.by else "failed"
    return RuleVerdict(name, value, rule.by, status, f"{reason}; more than {rule.by:g} asked for", rule.kind)


def _signed(value: float | None) -> str:
    return "?" if value is None else f"{value:+.4g}"


def _no_worse(facts: GateFacts, rule: NoWorseThanChampionRule) -> RuleVerdict:
    metric = rule.metric or facts.loss
    name, bound = f"test {metric} no worse than champion", -rule.tolerance
    if why := _without_champion(facts):
        return RuleVerdict(name, None, bound, "held", why, rule.kind)
    paired, why = _paired(facts, "champion", metric)
    if paired is None or paired.difference is None:
        return RuleVerdict(name, None, bound, "not_applicable", why or "the difference is not defined", rule.kind)
    status: Status = "held" if paired.difference >= bound else "failed"
    reason = f"better by {_signed(paired.difference)}; a loss of {rule.tolerance:g} is accepted"
    return RuleVerdict(name, paired.difference, bound, status, reason, rule.kind)


def _slices(facts: GateFacts, rule: SliceFloorRule) -> RuleVerdict:
    name = f"{rule.metric} in every {'' if rule.slices == 'all' else rule.slices + ' '}slice"
    bound = rule.min if rule.min is not None else rule.max
    rows = [row for row in facts.slices if row.metric == rule.metric and rule.slices in ("all", row.kind)]
    judged = [(row.value, row.slice) for row in rows if row.value is not None and row.verdict != "not judged"]
    left_out = len(rows) - len(judged)
    if not judged:
        small = next((row.reason for row in rows if row.reason), "too small")
        why = (
            f"{left_out} slices, none could be judged ({small})"
            if rows
            else f"no {rule.slices} slice was measured by {rule.metric}"
        )
        return RuleVerdict(name, None, bound, "not_applicable", facts.absent.get("slices", why), rule.kind)
    outside = sorted((value, where) for value, where in judged if not _within(value, rule))
    worst = min(judged) if rule.min is not None else max(judged)
    if outside:
        worst = outside[0] if rule.min is not None and outside[0][0] < rule.min else outside[-1]
        bound = rule.min if rule.min is not None and worst[0] < rule.min else rule.max
    places = ", ".join(f"{where} {value:.4g}" for value, where in (outside or [worst])[:_NAMED_SLICES])
    said = (
        f"{len(outside)} of {len(judged)} slices outside: {places}" if outside else f"worst of {len(judged)}: {places}"
    )
    said += f"; {left_out} not judged" if left_out else ""
    return RuleVerdict(name, worst[0], bound, "failed" if outside else "held", said, rule.kind)


def _within(value: float, rule: SliceFloorRule) -> bool:
    return (rule.min is None or value >= rule.min) and (rule.max is None or value <= rule.max)


def _calibration(facts: GateFacts, rule: CalibrationRule) -> RuleVerdict:
    name = "expected calibration error"
    found = facts.facts.get("calibration_error")
    for metric in ("expected_calibration_error", "ece"):
        measured = facts.metrics.get(("candidate", "test", metric))
        if (found is None or found.value is None) and measured is not None and measured.value is not None:
            found = Fact(measured.value, None)
    if found is None or found.value is None:
        return RuleVerdict(name, None, rule.max, "not_applicable", _why_no_fact(facts, "calibration_error"), rule.kind)
    return _bounded(name, rule.kind, found.value, None, rule.max)


def _fairness(facts: GateFacts, rule: FairnessRule) -> RuleVerdict:
    name = f"{rule.measure} over groups of {rule.column}"
    gap = next((gap for gap in facts.fairness if (gap.column, gap.measure) == (rule.column, rule.measure)), None)
    if gap is None or gap.value is None:
        known = sorted({f"{known.measure} over {known.column}" for known in facts.fairness})
        why = (
            gap.reason
            if gap is not None
            else facts.absent.get("fairness", f"not measured; measured: {', '.join(known)}")
        )
        return RuleVerdict(name, None, rule.max, "not_applicable", why or "the gap is not defined", rule.kind)
    return _bounded(name, rule.kind, gap.value, None, rule.max)


def _why_no_fact(facts: GateFacts, fact: str) -> str:
    found = facts.facts.get(fact)
    if found is not None:
        return found.text or f"{fact} has no value"
    return facts.absent.get("facts", f"{fact} was not measured")


_Limited = OverfitRule | StableUnderSeedRule | GoldenFeatureRule | PackageSizeRule | PredictionTimeRule

# Kind of a rule about one measured number → its name for people, the fact, and the factor to the bound's unit.
_LIMITED: Mapping[str, tuple[str, str, float]] = {
    "overfit": ("gap of train and test", "train_test_gap", 1.0),
    "stable_under_seed": ("spread over seeds", "seed_spread", 1.0),
    "golden_feature": ("share of the strongest feature", "golden_share", 1.0),
    "package_size": ("package size in MB", "package_bytes", 1e-6),
    "prediction_time": ("prediction time in µs a row", "prediction_us", 1.0),
}


def _at_most(facts: GateFacts, rule: _Limited) -> RuleVerdict:
    name, fact, scale = _LIMITED[rule.kind]
    found = facts.facts.get(fact)
    if found is None or found.value is None:
        return RuleVerdict(name, None, rule.max, "not_applicable", _why_no_fact(facts, fact), rule.kind)
    return _bounded(name, rule.kind, found.value * scale, None, rule.max)


def _documentation(facts: GateFacts, rule: DocumentationRule) -> RuleVerdict:
    asked = [
        part
        for part, wanted in (("owner", rule.owner), ("description", rule.description), ("card", rule.card))
        if wanted
    ]
    if unknown := [part for part in asked if part not in facts.undocumented]:
        return RuleVerdict(
            "documentation", None, 0.0, "not_applicable", f"nothing is known of {', '.join(unknown)}", rule.kind
        )
    missing = [name for part in asked for name in facts.undocumented[part]]
    reason = f"not stated: {', '.join(missing)}" if missing else f"{', '.join(asked) or 'nothing asked for'}: stated"
    return RuleVerdict("documentation", float(len(missing)), 0.0, "failed" if missing else "held", reason, rule.kind)
