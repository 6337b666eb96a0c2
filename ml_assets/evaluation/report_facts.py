"""What a report says, as data, and the words and numbers that all of its sections share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ml_assets.evaluation.assessment import Assessment
from ml_assets.evaluation.facts import Fact
from ml_assets.evaluation.measured_values import MeasuredValue, whole_test
from ml_assets.evaluation.pictures import SplitRow
from ml_assets.evaluation.scored import ScoredRows
from ml_assets.specs.models import ModelSpec
from ml_assets.training.package import CANDIDATE
from ml_assets.training.versions import ModelVersion

ORDER = (CANDIDATE, "champion", "linear", "one_rule", "constant")


@dataclass(frozen=True)
class ReportFacts:
    """Everything the page says; nothing in it depends on when or how fast it was made. Columns in `personal` are not shown."""

    spec: ModelSpec
    version: ModelVersion
    scored: ScoredRows
    values: Sequence[MeasuredValue]
    split: Sequence[SplitRow]
    found: Assessment
    facts: Sequence[Fact]
    personal: frozenset[str] = frozenset()

    @property
    def task(self) -> str:
        return self.spec.task

    @cached_property
    def test(self) -> dict[str, dict[str, float | None]]:
        """Estimator → metric → value on the whole test part; the champion it was compared with among them."""
        found = whole_test(self.values)
        others = {name: known for name, known in self.found.report.estimates.items() if name not in found}
        return found | {name: {m: one.value for m, one in known.items()} for name, known in others.items()}

    @property
    def shown(self) -> list[str]:
        """Estimators in the order of the page."""
        return [name for name in ORDER if name in self.test]

    @property
    def test_rows(self) -> tuple[int, int]:
        """Rows of the test part, and positives (0 where there are none to count)."""
        label, _ = self.scored.test(CANDIDATE)
        return len(label), int(label.sum()) if self.task == "binary" else 0

    def score_of(self, estimator: str) -> bool:
        """Whether the scores of an estimator are at hand row by row."""
        return estimator in self.scored.scores

    def fact(self, name: str) -> Fact:
        return next(fact for fact in self.facts if fact.name == name)

    def name_of(self, estimator: str) -> str:
        """How the page calls an estimator: the one rule by its feature, the champion by its version."""
        rule = self.version.manifest["facts"].get("rule_feature")
        if estimator == "champion":
            return f"champion ({self.spec.name}@{self.found.champion})"
        return f"one rule ({rule})" if estimator == "one_rule" and rule else estimator.replace("_", " ")


def number(value: float | None, *, marked: bool = False) -> str:
    """Four decimals below a million, `none` for what is not defined."""
    text = "none" if value is None else f"{value:.4f}" if abs(value) < 1e6 else f"{value:.5g}"
    return f'<span class="best">{text}</span>' if marked else text


def between(low: float | None, high: float | None) -> str:
    """An interval in soft ink; the empty text without one."""
    return "" if low is None or high is None else f'<span class="range">{low:.4f} to {high:.4f}</span>'
