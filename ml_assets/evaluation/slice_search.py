"""The worst slices of one or two conditions over all columns, with noise called noise.

Two questions are put to every slice that is big enough, each against the rows outside it: is the loss higher than the scores
promise (one-sided), and do outcomes lie off the scores (two-sided)? Plain loss is not tested: it is high wherever outcomes
are uncertain, which is no fault. Promises are recalibrated once for all rows (`influence.recalibrated`).

Sums over (pair of columns, cell) come from bincounts. The variance of a contrast is the larger of two: the one that rows
would have by themselves, known beforehand, and the one by clusters. The first is cheap, and a test that does not hold with
it cannot hold with the larger, so clusters are only summed where the first lets a slice through: the verdicts are those
of the full computation. Taking the larger also keeps skewed losses in small slices from looking like findings.

Slices overlap, so their tests depend on each other. Benjamini-Hochberg still holds its level here (2 false alarms in 100
clean data sets of clustered rows at a level of 5); Benjamini-Yekutieli would cost a factor of eight for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ml_assets.errors import UnknownNameError
from ml_assets.evaluation.column_groups import Codes, Floats, Groups, columns_of, grouped
from ml_assets.evaluation.influence import (
    REGRESSION,
    checked_rows,
    false_discovery_rates,
    log_losses,
    log_odds,
    mean_of,
    promised_losses,
    recalibrated,
    t_quantile,
    upper_tail,
)  # fmt: skip
from ml_assets.evaluation.slices import NO_WORSE, WORSE, MinimumSize, SliceResult, with_interval

TASKS = ("binary", "regression")
SHOWN_ANYHOW = 40  # candidates whose clusters are summed even where none can be a finding, so that suspicions are shown
MOST_CANDIDATES = 1000
SUSPICIONS = 3
NEARLY_THE_SAME = 0.8


@dataclass(frozen=True)
class SliceSearch:
    """What was found, worst first, and among how many tests of how many slices; `worse` are the findings."""

    found: tuple[SliceResult, ...]
    slices: int
    tests: int
    reason: str | None = None

    @property
    def worse(self) -> tuple[SliceResult, ...]:
        return tuple(one for one in self.found if one.verdict == WORSE)


def worst_slices(
    label: Floats, score: Floats, columns: Mapping[str, Any], cluster: Codes, *, task: str = "binary", bins: int = 4,
    most_values: int = 12, most: int = 10, level: float = 0.05, minimum: MinimumSize | None = None,
) -> SliceSearch:  # fmt: skip
    """The `most` worst slices and up to three suspicions; of those called worse at most a share `level` is chance, on average.

    `label`, `score`, `cluster` (n_rows,), `columns` name → (n_rows,). Numbers are cut into `bins` equally filled bins, texts
    into their `most_values` commonest values. Raises on rows without labels, or labels and scores that are none of the task's.
    """
    if task not in TASKS:
        raise UnknownNameError("task of a slice search", task, TASKS)
    label, score, cluster = checked_rows(label, score, cluster, task)
    minimum = minimum or MinimumSize()
    if task == "binary" and len(np.unique(label)) < 2:
        return SliceSearch((), 0, 0, "the rows hold one class only")
    groups = [grouped(column, bins=bins, most=most_values) for column in columns_of(columns, len(label)).values()]
    groups = [one for one in groups if len(one.conditions) > 1]
    rows = _Rows(label, score, cluster, task)
    tried = _Tried(groups, _questions(rows), minimum, label if task == "binary" else None)
    if not tried.slices:
        return SliceSearch((), 0, 0, "no slice of one or two conditions is big enough to judge")
    chosen = _found_in_turn(tried, rows, minimum, most, level)
    return SliceSearch(tuple(_result(one, rows, level) for one in chosen), tried.slices, len(tried.p_values))


class _Rows(NamedTuple):
    """What is judged, shape (n_rows,) each."""

    label: Floats
    score: Floats
    cluster: Codes
    task: str

    def at(self, chosen: npt.NDArray[np.bool_]) -> _Rows:
        cluster = np.unique(self.cluster[chosen], return_inverse=True)[1].astype(np.intp)
        return _Rows(self.label[chosen], self.score[chosen], cluster, self.task)


class _Question(NamedTuple):
    """A value a row, (n_rows,), whose mean in a slice is put against that outside, and the least variance of each."""

    name: str
    values: Floats
    variance: Floats
    two_sided: bool


class _Candidate(NamedTuple):
    """One question on one slice: the rows that are in it, and what came out on those that no earlier finding took."""

    name: str
    question: int
    rows: npt.NDArray[np.intp]
    effect: float = math.nan
    reach: float = math.nan
    p_value: float = 1.0
    q_value: float = 1.0


def _questions(rows: _Rows) -> tuple[_Question, _Question]:
    label, score = rows.label, rows.score
    if rows.task == "binary":
        promised, weight = recalibrated(label, score), -log_odds(score)
        residual, variance = label - promised, promised * (1 - promised)
        # log loss less its mean under the promise is the residual times the negative log odds
        return (
            _Question("log_loss", residual * weight, variance * weight**2, two_sided=False),
            _Question("observed_minus_predicted", residual, variance, two_sided=True),
        )
    loss = REGRESSION["mse"](label, score)
    excess, residual = loss - promised_losses(loss, score), label - score - np.mean(label - score)
    return (
        _Question("mse", excess, excess**2, two_sided=False),
        _Question("observed_minus_predicted", residual, residual**2, two_sided=True),
    )


class _Tried:
    """Every slice that is big enough: where it is, and the least p-value that each question can have there.

    Test t is question t % 2 on the slice at `places[t // 2]`, a (first, second, cell); second is -1 for one condition.
    """

    def __init__(
        self, groups: list[Groups], questions: tuple[_Question, ...], minimum: MinimumSize, label: Floats | None
    ) -> None:
        self.groups, self.questions = groups, len(questions)
        places, statistics = [], []
        for first, second, codes, cells in self._partitions():
            counts = np.bincount(codes, minlength=cells)
            big = (counts >= minimum.rows) & (counts < len(codes))
            if label is not None:
                positives = np.bincount(codes, label, minlength=cells)
                big &= (positives >= minimum.positives) & (counts - positives >= minimum.negatives)
            kept = np.flatnonzero(big)
            if len(kept):
                places.append(np.column_stack([np.full(len(kept), first), np.full(len(kept), second), kept]))
                statistics.append(np.column_stack([_least_z(one, codes, counts, kept) for one in questions]))
        self.places = np.concatenate(places) if places else np.empty((0, 3), dtype=np.intp)
        z = np.concatenate(statistics) if statistics else np.empty((0, len(questions)))
        self.slices = len(self.places)
        self.p_values = np.column_stack(
            [_p_values(z[:, place], np.inf, one) for place, one in enumerate(questions)]
        ).ravel()

    def candidates(self, level: float) -> list[_Candidate]:
        """The tests that may hold, and some of the others, smallest least p-value first."""
        order = np.argsort(self.p_values, kind="stable")
        possible = int(np.sum(false_discovery_rates(self.p_values) <= level))
        chosen = np.sort(order[: min(max(possible, SHOWN_ANYHOW), MOST_CANDIDATES)])
        found, last, codes, rows = [], (-2, -2, -2), np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
        for test in chosen:  # tests of one partition lie side by side: its codes are made once
            first, second, cell = (int(part) for part in self.places[test // self.questions])
            if (first, second) != last[:2]:
                codes = self.codes(first, second)
            if (first, second, cell) != last:
                rows = np.flatnonzero(codes == cell)
            last = (first, second, cell)
            found.append(_Candidate(self.name(*last), int(test % self.questions), rows))
        return found

    def codes(self, first: int, second: int) -> Codes:
        if second < 0:
            return self.groups[first].codes
        return self.groups[first].codes * len(self.groups[second].conditions) + self.groups[second].codes

    def name(self, first: int, second: int, cell: int) -> str:
        if second < 0:
            return self.groups[first].conditions[cell]
        one, two = divmod(cell, len(self.groups[second].conditions))
        return f"{self.groups[first].conditions[one]} and {self.groups[second].conditions[two]}"

    def _partitions(self) -> Iterator[tuple[int, int, Codes, int]]:
        sizes = [len(one.conditions) for one in self.groups]
        for place, size in enumerate(sizes):
            yield place, -1, self.groups[place].codes, size
        for first, second in combinations(range(len(sizes)), 2):
            yield first, second, self.codes(first, second), sizes[first] * sizes[second]


def _least_z(question: _Question, codes: Codes, counts: npt.NDArray[np.intp], kept: Codes) -> Floats:
    rows, total = counts[kept].astype(np.float64), len(codes)
    inside, spread = (np.bincount(codes, each, len(counts))[kept] for each in (question.values, question.variance))
    difference = inside / rows - (question.values.sum() - inside) / (total - rows)
    variance = spread / rows**2 + (question.variance.sum() - spread) / (total - rows) ** 2
    z: Floats = difference / np.sqrt(np.maximum(variance, np.finfo(np.float64).tiny))
    return z


def _p_values(z: npt.ArrayLike, freedom: npt.ArrayLike, question: _Question) -> Floats:
    z = np.asarray(z, dtype=np.float64)
    return 2 * upper_tail(np.abs(z), freedom) if question.two_sided else upper_tail(z, freedom)


class _Clusters:
    """Sums of each question's values by cluster, so that a contrast's variance needs the slice's own rows only."""

    def __init__(self, cluster: Codes, questions: tuple[_Question, ...]) -> None:
        self.cluster, self.questions = cluster, questions
        self.sizes = np.bincount(cluster)
        self.count = len(self.sizes)
        self.sums = [np.bincount(cluster, one.values) for one in questions]
        self.variances = [one.variance.sum() for one in questions]

    def contrast(self, asked: int, rows: npt.NDArray[np.intp]) -> tuple[float, float, int]:
        """Mean inside less mean outside, its standard error, and how many clusters the slice has."""
        question = self.questions[asked]
        values, total = question.values, len(self.cluster)
        inside, outside = len(rows), total - len(rows)
        here = self.cluster[rows]
        sizes, sums = np.bincount(here, minlength=self.count), np.bincount(here, values[rows], self.count)
        mean = sums.sum() / inside
        mean_outside = (self.sums[asked].sum() - sums.sum()) / outside
        moved = (sums - mean * sizes) / inside
        moved -= (self.sums[asked] - sums - mean_outside * (self.sizes - sizes)) / outside
        clusters = np.count_nonzero(sizes)
        by_cluster = np.sum(moved**2) * clusters / max(clusters - 1, 1)
        spread = question.variance[rows].sum()
        by_row = spread / inside**2 + (self.variances[asked] - spread) / outside**2
        return float(mean - mean_outside), math.sqrt(max(by_cluster, by_row)), int(clusters)


def _found_in_turn(tried: _Tried, rows: _Rows, minimum: MinimumSize, most: int, level: float) -> list[_Candidate]:
    """The worst slice, then the worst among the rows that it leaves, and so on; then the largest suspicions, which are none.

    Rows of a finding are taken out and the promise is made anew: they would bend what the scores of all others promise, and
    a slice that is worse only by them is no finding of its own.
    """
    kept: list[_Candidate] = []
    waiting, left = tried.candidates(level), np.ones(len(rows.label), dtype=np.bool_)
    while waiting and len(kept) < most:
        judged = _judged(waiting, rows, left, minimum)
        if not judged:
            break
        rates = false_discovery_rates(np.array([one.p_value for one in judged]), len(tried.p_values), len(kept))
        judged = [one._replace(q_value=float(rate)) for one, rate in zip(judged, rates, strict=True)]
        if judged[0].q_value > level:
            return kept + _suspicions(judged, kept)
        kept.append(judged[0])
        left[judged[0].rows] = False
        waiting = [one for one in judged[1:] if one.p_value <= level and not _repeats(one, kept)]
    return kept


def _judged(
    candidates: list[_Candidate], rows: _Rows, left: npt.NDArray[np.bool_], minimum: MinimumSize
) -> list[_Candidate]:
    """The candidates on the rows that are left, smallest p-value first; those too small there are gone."""
    remaining = rows.at(left)
    if rows.task == "binary" and len(np.unique(remaining.label)) < 2:
        return []
    clusters = _Clusters(remaining.cluster, _questions(remaining))
    position = np.cumsum(left) - 1
    found = []
    for one in candidates:
        inside = position[one.rows[left[one.rows]]]
        if len(inside) < minimum.rows or len(inside) == len(remaining.label):
            continue
        effect, error, count = clusters.contrast(one.question, inside)
        if error > 0 and count >= max(minimum.clusters, 2):
            p_value = float(_p_values(effect / error, count - 1, clusters.questions[one.question]))
            found.append(one._replace(effect=effect, reach=t_quantile(0.975, count - 1) * error, p_value=p_value))
    return sorted(found, key=lambda one: (one.p_value, one.name, one.question))


def _suspicions(judged: list[_Candidate], kept: list[_Candidate]) -> list[_Candidate]:
    chosen: list[_Candidate] = []
    for one in judged:
        if len(chosen) == SUSPICIONS:
            break
        if not _repeats(one, kept + chosen):
            chosen.append(one)
    return chosen


def _repeats(one: _Candidate, kept: list[_Candidate]) -> bool:
    for other in kept:
        both = len(np.intersect1d(one.rows, other.rows, assume_unique=True))
        if both >= NEARLY_THE_SAME * (len(one.rows) + len(other.rows) - both):
            return True
    return False


def _result(one: _Candidate, rows: _Rows, level: float) -> SliceResult:
    label, score, cluster = rows.label, rows.score, rows.cluster[one.rows]
    asked = ("log_loss" if rows.task == "binary" else "mse", "observed_minus_predicted")[one.question]
    plain = {"log_loss": log_losses, "mse": REGRESSION["mse"]}.get(asked, np.subtract)(label, score)
    found, count = mean_of(plain[one.rows]), len(np.unique(cluster))
    low, high = with_interval(asked, found, cluster, count - 1)
    if asked == "observed_minus_predicted":
        side = "above" if one.effect > 0 else "below"
        words = f"outcomes lie {abs(one.effect):.3g} {side} what the scores say, beside the other rows"
    else:
        words = f"{asked} lies {one.effect:.3g} above what the scores promise, beside the other rows"
    worse = one.q_value <= level
    return SliceResult(
        one.name, "found", asked, found.value, low, high, float(plain.mean()), len(one.rows),
        int(label[one.rows].sum()) if rows.task == "binary" else None, one.q_value, WORSE if worse else NO_WORSE,
        words if worse else f"may well be chance: {words}", one.effect, one.effect - one.reach, one.effect + one.reach,
    )  # fmt: skip
