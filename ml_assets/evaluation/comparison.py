"""Whether the candidate is better than another estimator, worse, or cannot be told apart from it, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ml_assets.errors import UnknownNameError
from ml_assets.evaluation.bootstrap import BootstrapReport, Estimate
from ml_assets.evaluation.catalogue import MetricInfo, task_metrics

# Differences of sums in another order; no gain is that small.
_ROUNDING = 1e-12
Verdict = Literal["better", "worse", "cannot be told apart", "not applicable"]


@dataclass(frozen=True)
class Comparison:
    """Candidate against `other` by one metric, the difference turned so that positive is better.

    Not applicable, with the reason in the sentence, where the difference or its interval is not defined.
    """

    other: str
    metric: str
    difference: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    sentence: str


def comparisons(report: BootstrapReport, candidate: str = "candidate") -> list[Comparison]:
    """The candidate against every other estimator by every metric, in the report's order.

    Raises `UnknownNameError` where the report does not know the candidate.
    """
    if candidate not in report.estimates:
        raise UnknownNameError("estimator", candidate, report.estimates)
    return [
        _compared(report, candidate, other, info)
        for other in report.estimators
        if other != candidate
        for info in task_metrics(report.task)
    ]


def _compared(report: BootstrapReport, candidate: str, other: str, info: MetricInfo) -> Comparison:
    found = report.difference(candidate, other, info.name)
    turned = found if info.higher_is_better else _turned(found)
    verdict = _verdict(turned)
    values = [report.estimates[name][info.name].value for name in (candidate, other)]
    sentence = _sentence(turned, verdict, info, (candidate, other), values, report.level)
    return Comparison(other, info.name, turned.value, turned.low, turned.high, verdict, sentence)


def _turned(found: Estimate) -> Estimate:
    # Minus zero would be printed as such.
    value, low, high = (None if number is None else 0.0 - number for number in (found.value, found.high, found.low))
    return Estimate(value, low, high, found.reason)


def _verdict(found: Estimate) -> Verdict:
    if found.low is None or found.high is None:
        return "not applicable"
    if found.low > _ROUNDING:
        return "better"
    return "worse" if found.high < -_ROUNDING else "cannot be told apart"


def _sentence(
    found: Estimate,
    verdict: Verdict,
    info: MetricInfo,
    names: tuple[str, str],
    values: list[float | None],
    level: float,
) -> str:
    one, other = f"{names[0][:1].upper()}{names[0][1:]}".replace("_", " "), names[1].replace("_", " ")
    if verdict == "not applicable" or found.value is None or found.low is None or found.high is None:
        return f"{one} and {other} cannot be compared by {info.title}: {found.reason}."
    numbers = " against ".join(_number(value) for value in values if value is not None)
    way = "higher" if info.higher_is_better else "lower"
    spread = f"{level * 100:.4g} % interval of the gain {_number(found.low)} to {_number(found.high)}"
    seen = f"{info.title} is {numbers}, {way} is better; {spread}"
    if verdict == "cannot be told apart":
        return f"{one} cannot be told apart from {other}: {seen}."
    return f"{one} is {verdict} than {other} by {_number(abs(found.value))}: {seen}."


def _number(value: float) -> str:
    """Four significant digits, without an exponent where a person would not write one."""
    return f"{value:.4g}" if abs(value) < 1e6 else f"{value:,.0f}"
