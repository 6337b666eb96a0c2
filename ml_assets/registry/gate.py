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
        held = {0: "the gate has no rules", 1: "its only rule held"}
        return "; ".join(broken) or held.get(len(self.rules), f"all {len(self.rules)} rules held")


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
    compared = facts.facts.get("champion_version")
    if other == "champion" and compared is not None and compared.value != facts.champion:
        what = f"compared with version {compared.value:g}" if compared.value is not None else compared.text
        return None, f"{what or 'not compared'}, but champion is version {facts.champion}: evaluate again"
    found = facts.comparisons.get((other, metric))
    if found is None:
        known = sorted({name for who, name in facts.comparisons if who == other})
        return None, f"not compared with {other} by {metric}; by {', '.join(known) or 'nothing'}"
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
    reason = _gained(paired)
    status: Status = "held" if value > rule.by else "failed"
    return RuleVerdict(name, value, rule.by, status, f"{reason}; more than {rule.by:g} asked for", rule.kind)


def _gained(paired: Comparison) -> str:
    """By how much the candidate is better or worse, with the interval where it is known."""
    if paired.difference is None:
        said = "the difference is not defined"
    elif paired.difference == 0:
        said = "no difference"
    else:
        said = f"{'better' if paired.difference > 0 else 'worse'} by {abs(paired.difference):.4g}"
    if paired.low is None or paired.high is None:
        return said
    return f"{said}, 95 % interval of the gain {paired.low:.4g} to {paired.high:.4g}"


def _no_worse(facts: GateFacts, rule: NoWorseThanChampionRule) -> RuleVerdict:
    metric = rule.metric or facts.loss
    name, bound = f"test {metric} no worse than champion", 0.0 - rule.tolerance
    if why := _without_champion(facts):
        return RuleVerdict(name, None, bound, "held", why, rule.kind)
    paired, why = _paired(facts, "champion", metric)
    if paired is None or paired.difference is None:
        return RuleVerdict(name, None, bound, "not_applicable", why or "the difference is not defined", rule.kind)
    status: Status = "held" if paired.difference >= bound else "failed"
    accepted = f"being worse by {rule.tolerance:g} is accepted" if rule.tolerance else "being worse is not accepted"
    reason = f"{_gained(paired)}; {accepted}"
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
            f"none of {left_out} slices could be judged ({small})"
            if rows
            else f"no {rule.slices} slice was measured by {rule.metric}"
        )
        return RuleVerdict(name, None, bound, "not_applicable", facts.absent.get("slices", why), rule.kind)
    outside = sorted((pair for pair in judged if _excess(pair[0], rule) > 0), key=lambda pair: -_excess(pair[0], rule))
    worst = outside[0] if outside else min(judged) if rule.min is not None else max(judged)
    if outside:
        bound = rule.min if rule.min is not None and worst[0] < rule.min else rule.max
    places = ", ".join(f"{where} {value:.4g}" for value, where in (outside or [worst])[:_NAMED_SLICES])
    said = (
        f"{len(outside)} of {len(judged)} slices outside: {places}" if outside else f"worst of {len(judged)}: {places}"
    )
    said += f"; {left_out} not judged" if left_out else ""
    return RuleVerdict(name, worst[0], bound, "failed" if outside else "held", said, rule.kind)


def _excess(value: float, rule: SliceFloorRule) -> float:
    """By how much a value is outside the bounds; not above zero within them."""
    below = -math.inf if rule.min is None else rule.min - value
    return max(below, -math.inf if rule.max is None else value - rule.max)


def _calibration(facts: GateFacts, rule: CalibrationRule) -> RuleVerdict:
    name = "expected calibration error"
    found = facts.facts.get("calibration_error")
    measured = facts.metrics.get(("candidate", "test", "calibration_error"))
    if (found is None or found.value is None) and measured is not None:
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
    if rule.measure.endswith("_ratio"):
        said = f"; smallest group over largest is {gap.value:.4g}"
        return _bounded(f"{name}, short of 1", rule.kind, 1 - gap.value, None, rule.max, said)
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
    said = f"; {found.text}" if found.text and scale == 1.0 else ""
    return _bounded(name, rule.kind, found.value * scale, None, rule.max, said)


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
