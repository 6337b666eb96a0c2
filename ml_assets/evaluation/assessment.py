"""Everything that is found out about a version on its test rows: beside its baselines, by slice, by group, by feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml_assets.evaluation.bootstrap import BootstrapReport, bootstrap
from ml_assets.evaluation.catalogue import MetricOptions
from ml_assets.evaluation.comparison import Comparison, comparisons
from ml_assets.evaluation.curves import CostCurve, CostMatrix, cost_curve
from ml_assets.evaluation.error_analysis import ErrorNode, Flips, Mistake, confident_mistakes, error_tree, flipped
from ml_assets.evaluation.explanations import (
    Contributions,
    Importance,
    global_importance,
    permutation_importance,
    tree_contributions,
)
from ml_assets.evaluation.fairness import FairnessValue, fairness
from ml_assets.evaluation.golden import GoldenFeature, golden_features, missingness_leaks
from ml_assets.evaluation.metrics import Vector
from ml_assets.evaluation.scored import ScoredRows, scores_of
from ml_assets.evaluation.slice_search import SliceSearch, worst_slices
from ml_assets.evaluation.slices import DeclaredSlice, SliceResult, declared_slices
from ml_assets.specs.models import ModelSpec
from ml_assets.training.estimators import Boosted
from ml_assets.training.package import CANDIDATE
from ml_assets.training.versions import ModelVersion, StoredVersion

CHAMPION = "champion"
# Columns that slices are searched in: their pairs grow with the square.
MOST_SEARCHED = 100
MOST_EXPLAINED = 10_000
MOST_PERMUTED = 2_000
_UNITS = {"binary": "log odds", "regression": "label units", "ranking": "score"}
_SLICE_METRICS = {"binary": ("log_loss", "roc_auc"), "regression": ("rmse",)}


@dataclass(frozen=True)
class Explained:
    """Which features move the predictions; `contributions` are of `rows` (positions among the test rows), trees only."""

    importance: tuple[Importance, ...]
    contributions: Contributions | None
    rows: np.ndarray[Any, np.dtype[np.intp]]
    reason: str = ""


@dataclass(frozen=True)
class Errors:
    """Where the candidate errs at its threshold, and what changes against the champion."""

    threshold: float
    mistakes: tuple[Mistake, ...]
    tree: ErrorNode
    flips: Flips | None


@dataclass(frozen=True)
class Assessment:
    """The findings on the test rows. `absent`: what was not judged → why, by the name of the field.

    `champion`: the version it was compared with, None where there is none to compare with.
    """

    options: MetricOptions
    report: BootstrapReport
    comparisons: tuple[Comparison, ...]
    champion: int | None
    slices: tuple[SliceResult, ...]
    search: SliceSearch | None
    fairness: tuple[FairnessValue, ...]
    golden: tuple[GoldenFeature, ...]
    errors: Errors | None
    costs: CostCurve | None
    explained: Explained
    absent: Mapping[str, str]


def assess(spec: ModelSpec, version: ModelVersion, scored: ScoredRows, champion: ModelVersion | None) -> Assessment:
    """Judge the candidate on the test part. Pure but for its seeds, which are fixed: equal rows give equal findings."""
    options = options_of(spec, version)
    absent: dict[str, str] = {}
    scores = {name: scored.test(name)[1] for name in scored.scores}
    if champion is not None and champion.manifest["split"] != spec.split.model_dump(mode="json"):
        absent[CHAMPION] = (
            f"{champion} was trained under another split: it may have learnt from rows that are tested here"
        )
        champion = None
    served = None if champion is None else scores_of(champion.package, scored)
    if served is not None:
        scores[CHAMPION] = served
    elif champion is not None:
        absent[CHAMPION] = f"{champion} needs columns that these rows lack, or has another task"
    label, score = scored.test(CANDIDATE)
    cluster = None if scored.task == "ranking" else scored.test_cluster
    report = bootstrap(
        scored.task, label, scores, cluster=cluster, query=scored.test_query, draws=spec.evaluation.draws, options=options
    )  # fmt: skip
    judged = _Judged(spec, scored, label, score, absent)
    reasons = explained(version, scored)
    return Assessment(
        options, report, tuple(comparisons(report)), champion.version if champion is not None and served is not None else None,
        judged.slices(), judged.search([one.feature for one in reasons.importance]), judged.fairness(options.threshold), judged.golden(),
        judged.errors(options.threshold, served), judged.costs(), reasons, absent,
    )  # fmt: skip


def options_of(spec: ModelSpec, version: ModelVersion | StoredVersion) -> MetricOptions:
    """The threshold that training chose, and the declared sizes of top-k metrics."""
    chosen = version.manifest["facts"].get("threshold") or {}
    return MetricOptions(threshold=float(chosen.get("value", 0.5)), top=spec.evaluation.top, k=spec.evaluation.k)


class _Judged:
    """The parts of an assessment that only some tasks have; why one is absent is noted."""

    def __init__(
        self, spec: ModelSpec, scored: ScoredRows, label: Vector, score: Vector, absent: dict[str, str]
    ) -> None:
        self._spec = spec
        self._task = scored.task
        self._label = label
        self._score = score
        self._cluster = scored.test_cluster
        self._absent = absent
        table = scored.table.filter(scored.parts["test"])
        self._columns = {
            name: table[name]
            for name in table.column_names
            if name not in ("label", "snapshot", "part", "reason", spec.entity)
        }

    def _lacks(self, finding: str, tasks: tuple[str, ...]) -> bool:
        if self._task not in tasks:
            self._absent[finding] = f"not defined for task {self._task}"
        elif self._task == "binary" and len(np.unique(self._label)) < 2:
            self._absent[finding] = "the test rows have one outcome only"
        elif not len(self._label):
            self._absent[finding] = "there are no test rows"
        return finding in self._absent

    def slices(self) -> tuple[SliceResult, ...]:
        declared = [
            DeclaredSlice(
                part.columns, part.values, part.bins, {part.columns[0]: part.edges} if part.edges is not None else {}
            )
            for part in self._spec.evaluation.slices
        ]
        if not declared:
            self._absent["slices"] = "none are declared"
        if not declared or self._lacks("slices", tuple(_SLICE_METRICS)):
            return ()
        return tuple(
            found
            for metric in _SLICE_METRICS[self._task]
            for found in declared_slices(
                self._label, self._score, self._columns, self._cluster, declared, metric=metric
            )
        )

    def search(self, strongest: Sequence[str]) -> SliceSearch | None:
        """`strongest`: features, the most important first. Of a wide table only these are searched, beside watched columns."""
        if not self._spec.evaluation.search or self._lacks("search", tuple(_SLICE_METRICS)):
            return None
        columns = self._columns
        if len(columns) > MOST_SEARCHED:
            names = dict.fromkeys((*sorted(self._spec.evaluation.watched), *strongest, *columns))
            columns = {name: columns[name] for name in list(names)[:MOST_SEARCHED] if name in columns}
            self._absent["search of the other columns"] = (
                f"{len(columns)} of {len(self._columns):,} columns were searched: watched ones and the most important"
            )
        return worst_slices(self._label, self._score, columns, self._cluster, task=self._task)

    def fairness(self, threshold: float) -> tuple[FairnessValue, ...]:
        names = self._spec.evaluation.sensitive
        if not names:
            self._absent["fairness"] = "no sensitive columns are declared"
        if not names or self._lacks("fairness", ("binary",)):
            return ()
        sensitive = {name: self._columns[name] for name in names}
        return fairness(
            self._label, self._score, sensitive, self._cluster, threshold=threshold, draws=self._spec.evaluation.draws
        )

    def golden(self) -> tuple[GoldenFeature, ...]:
        if self._lacks("golden", ("binary",)):
            return ()
        unlearnt = {*self._spec.exclude, *self._spec.carried}
        learnt = {name: column for name, column in self._columns.items() if name not in unlearnt}
        gaps = missingness_leaks(self._label, learnt, self._cluster)
        return (
            *golden_features(self._label, self._score, learnt, self._cluster),
            *(
                one._replace(feature=f"missing values of {one.feature}" if one.feature in learnt else one.feature)
                for one in gaps
                if one.golden
            ),
        )

    def errors(self, threshold: float, champion: Vector | None) -> Errors | None:
        if self._lacks("errors", ("binary",)):
            return None
        rows = (self._label, self._score)
        return Errors(
            threshold,
            confident_mistakes(*rows, self._cluster, threshold=threshold),
            error_tree(*rows, self._columns, self._cluster, threshold=threshold),
            None if champion is None else flipped(*rows, champion, self._cluster, threshold=threshold),
        )

    def costs(self) -> CostCurve | None:
        if self._spec.costs is None:
            self._absent["costs"] = "no costs are declared"
            return None
        if self._lacks("costs", ("binary",)):
            return None
        matrix = CostMatrix(**self._spec.costs.model_dump())
        return cost_curve(self._label, self._score, matrix, cluster=self._cluster, draws=self._spec.evaluation.draws)


def explained(version: ModelVersion, scored: ScoredRows) -> Explained:
    """Importance on at most `MOST_EXPLAINED` test rows, evenly spread: TreeSHAP of trees with one output; permutation, on
    at most `MOST_PERMUTED` of them, of anything else."""
    test = np.flatnonzero(scored.parts["test"])
    rows = np.unique(np.linspace(0, len(test) - 1, min(len(test), MOST_EXPLAINED)).round().astype(np.intp))
    if not len(test):
        return Explained((), None, rows, "there are no test rows")
    encoder, candidate = version.package.encoder, version.package.estimators[CANDIDATE]
    matrix, cluster = np.ascontiguousarray(scored.matrix[test[rows]]), scored.cluster[test[rows]]
    if isinstance(candidate, Boosted) and scored.task != "multiclass":
        found = tree_contributions(
            candidate.text, matrix, encoder.features, trees=candidate.trees, categories=encoder.categories
        )
        return Explained(global_importance(found, cluster, unit=_UNITS[scored.task]), found, rows)
    if scored.task == "ranking":
        return Explained((), None, rows, "not defined for a ranking without trees")
    some = slice(None, None, -(-len(rows) // MOST_PERMUTED))
    permuted = permutation_importance(
        version.package.predict,
        matrix[some],
        scored.label[test[rows[some]]],
        encoder.features,
        cluster[some],
        task=scored.task,
    )
    return Explained(permuted, None, rows)
