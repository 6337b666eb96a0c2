"""The gate: a pure function from measured numbers and declared rules to a verdict with reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ml_assets.specs.models import GateSpec


@dataclass(frozen=True)
class RuleVerdict:
    """One rule: what was measured, what was asked for, and whether it held."""

    rule: str
    value: float | None
    bound: float | None
    status: Literal["held", "failed", "not_applicable"]


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
            f"{rule.rule}: {rule.status} ({rule.value} against {rule.bound})"
            for rule in self.rules
            if rule.status != "held"
        ]
        return "; ".join(broken) or f"all {len(self.rules)} rules held"


def judge(metrics: Mapping[str, Mapping[str, float | None]], gate: GateSpec) -> Verdict:
    """Judge a candidate by test metrics (estimator → metric → value)."""
    rules = []
    for baseline in gate.better_than:
        value, bound = metrics.get("candidate", {}).get("log_loss"), metrics.get(baseline, {}).get("log_loss")
        status: Literal["held", "failed", "not_applicable"] = "not_applicable"
        if value is not None and bound is not None:
            status = "held" if value < bound else "failed"
        rules.append(RuleVerdict(f"test log loss below {baseline}", value, bound, status))
    return Verdict(tuple(rules))
