"""Draws are metrics of rows really drawn again, paired over estimators, whole clusters at a time; words for a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ml_assets.errors import UnknownNameError
from ml_assets.evaluation.bootstrap import BootstrapReport, bootstrap, chunks, drawn_counts
from ml_assets.evaluation.catalogue import TASK_METRICS
from ml_assets.evaluation.comparison import comparisons
from ml_assets.evaluation.metrics import MetricError, measure

ROWS = 90


def question(task: str, seed: int = 0) -> dict[str, Any]:
    """Label, two estimators with ties, cluster and query of one task; queries lie within clusters."""
    random = np.random.default_rng(seed)
    cluster = np.sort(random.integers(0, 30, ROWS)) * 10
    label: Any = random.integers(0, 3 if task in ("multiclass", "ranking") else 2, ROWS).astype(float)
    if task == "regression":
        label = np.round(random.normal(50, 5, ROWS))
    score = [np.round(random.random(ROWS), 1) for _ in range(2)]
    if task == "multiclass":
        score = [random.dirichlet(np.ones(3), ROWS) for _ in range(2)]
    return {
        "label": label,
        "scores": {"candidate": score[0], "linear": score[1]},
        "cluster": cluster,
        "query": cluster + random.integers(0, 2, ROWS) if task == "ranking" else None,
    }


@pytest.mark.parametrize("task", list(TASK_METRICS))
@pytest.mark.parametrize("clustered", [True, False])
def test_every_draw_is_the_metric_of_the_rows_drawn(task: str, clustered: bool) -> None:
    asked = question(task) | ({} if clustered else {"cluster": None})
    report = bootstrap(task, **asked, draws=40, seed=3)
    unit = asked["cluster"] if clustered else (asked["query"] if task == "ranking" else np.arange(ROWS))
    names = np.unique(unit)
    counts = np.concatenate(
        [drawn_counts(len(names), size, 3, at) for at, (_, size) in enumerate(chunks(len(names), 40))]
    )

    assert report.clusters == len(names)
    for drawn, *found in zip(counts, report.sampled["candidate"], report.sampled["linear"], strict=True):
        # Each copy of a drawn cluster stands for itself, so that a query drawn twice is two queries.
        taken = [(np.flatnonzero(unit == names[at]), copy) for at in np.flatnonzero(drawn) for copy in range(drawn[at])]
        rows = np.concatenate([place for place, _ in taken])
        copies = np.concatenate([np.full(len(place), copy) for place, copy in taken])
        query = asked["query"][rows] * 100 + copies if task == "ranking" else None
        for name, values in zip(("candidate", "linear"), found, strict=True):
            oracle = measure(task, asked["label"][rows], asked["scores"][name][rows], query)
            if task == "binary":  # the bins stay those of the rows as they are
                place = list(oracle).index("calibration_error_mass")
                oracle = {**oracle, "calibration_error_mass": values[place]}
            np.testing.assert_allclose(values, list(oracle.values()), rtol=1e-9, atol=1e-12)


def test_counts_are_a_draw_of_as_many_clusters_with_replacement() -> None:
    counts = drawn_counts(50, 2000, 1, 0)

    assert (counts.sum(axis=1) == 50).all()
    assert np.abs(counts.mean(axis=0) - 1).max() < 0.1
    assert counts.var() == pytest.approx(1 - 1 / 50, rel=0.03)
    assert chunks(100_000, 1000)[-1][0] + chunks(100_000, 1000)[-1][1] == 1000


def test_equal_input_gives_an_equal_report_and_another_seed_another() -> None:
    asked = question("binary")
    one, again, other = (bootstrap("binary", **asked, draws=300, seed=seed) for seed in (5, 5, 6))

    assert one.estimates == again.estimates
    assert one.sampled["candidate"].tobytes() == again.sampled["candidate"].tobytes()
    assert one.estimates != other.estimates


def test_estimates_hold_the_metrics_inside_their_intervals() -> None:
    asked = question("binary")
    report = bootstrap("binary", **asked, draws=300)
    measured = measure("binary", asked["label"], asked["scores"]["linear"])

    assert report.estimators == ("candidate", "linear")
    for name, found in report.estimates["linear"].items():
        assert found.value == pytest.approx(measured[name])
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.high
    area = report.estimates["linear"]["roc_auc"]
    assert area.low < area.value < area.high  # type: ignore[operator]


def test_differences_are_paired_and_turn_their_sign_with_their_order() -> None:
    asked = question("binary")
    asked["scores"]["copy"] = asked["scores"]["candidate"] * 0.5
    report = bootstrap("binary", **asked, draws=300)
    found, turned = report.difference("candidate", "linear", "brier"), report.difference("linear", "candidate", "brier")

    assert len(report.differences) == 6
    assert report.differences["candidate", "linear"]["brier"] == found
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))  # type: ignore[operator]
    # The same order of rows ranks alike in every draw: unpaired draws would spread.
    same = report.difference("candidate", "copy", "roc_auc")
    assert (same.value, same.low, same.high) == (0, 0, 0)
    with pytest.raises(UnknownNameError, match="linear"):
        report.difference("candidate", "linaer", "brier")


def test_rows_of_one_cluster_are_no_independent_evidence() -> None:
    asked = question("binary") | {"cluster": None}
    once = bootstrap("binary", **asked, draws=500)
    label, score = np.tile(asked["label"], 9), np.tile(asked["scores"]["linear"], 9)
    copied = bootstrap("binary", label, {"linear": score}, draws=500)
    grouped = bootstrap("binary", label, {"linear": score}, cluster=np.tile(np.arange(ROWS), 9), draws=500)

    def width(report: BootstrapReport) -> float:
        found = report.estimates["linear"]["roc_auc"]
        return found.high - found.low  # type: ignore[operator]

    assert width(grouped) == pytest.approx(width(once))
    assert width(copied) == pytest.approx(width(once) / 3, rel=0.2)


def test_too_few_clusters_give_values_without_intervals() -> None:
    asked = question("binary") | {"cluster": np.arange(ROWS) % 9}
    found = bootstrap("binary", **asked).estimates["candidate"]["log_loss"]

    assert found.value is not None
    assert (found.low, found.high) == (None, None)
    assert found.reason == "9 independent clusters are too few for an interval: 10 are needed"


def test_metric_that_few_draws_define_has_no_interval() -> None:
    label = np.r_[1.0, np.zeros(99)]
    found = bootstrap("binary", label, {"one": np.linspace(1, 0, 100)}, draws=300).estimates["one"]

    assert found["roc_auc"].value == 1
    assert found["roc_auc"].low is None
    assert "not defined in" in (found["roc_auc"].reason or "")
    assert found["log_loss"].low is not None


@pytest.mark.parametrize("rows", [0, 40])
def test_undefined_metrics_are_null_with_their_reason(rows: int) -> None:
    report = bootstrap(
        "binary", np.zeros(rows), {"candidate": np.full(rows, 0.2), "linear": np.full(rows, 0.1)}, draws=20
    )
    found = report.estimates["candidate"]["roc_auc"]
    words = {one.metric: one for one in comparisons(report)}["roc_auc"]

    assert (found.value, found.low, found.high) == (None, None, None)
    assert found.reason == (f"none of {rows} rows is positive" if rows else "there are no rows")
    assert (words.difference, words.verdict) == (None, "not applicable")
    assert words.sentence == f"Candidate and linear cannot be compared by ROC AUC: {found.reason}."


def test_what_cannot_be_resampled_is_refused() -> None:
    asked = question("ranking")
    with pytest.raises(MetricError, match=r"1 of .* queries lie in more than one cluster"):
        bootstrap("ranking", [1, 0, 1], {"one": [1, 2, 3]}, query=[1, 1, 2], cluster=[1, 2, 3])
    with pytest.raises(MetricError, match="score of linear is missing or infinite in 1 of 90 rows"):
        bootstrap("ranking", asked["label"], {"linear": np.r_[np.inf, np.zeros(89)]}, query=asked["query"])
    with pytest.raises(MetricError, match="no estimator"):
        bootstrap("binary", [1], {})
    with pytest.raises(MetricError, match="draws from 1"):
        bootstrap("binary", [1], {"one": [1]}, draws=0)


def test_comparison_says_better_worse_or_cannot_be_told_apart_with_its_numbers() -> None:
    random = np.random.default_rng(1)
    truth = random.random(2000)
    label = (random.random(2000) < truth).astype(float)
    scores = {
        "candidate": truth,
        "constant": np.full(2000, 0.5),
        "one_rule": np.clip(truth + random.normal(0, 0.003, 2000), 0, 1),
    }
    report = bootstrap("binary", label, scores, draws=300)
    found = {(one.other, one.metric): one for one in comparisons(report)}
    better, loss = found["constant", "roc_auc"], found["constant", "log_loss"]

    assert (better.verdict, loss.verdict) == ("better", "better")
    assert loss.difference is not None
    assert loss.difference > loss.low > 0  # type: ignore[operator]
    assert better.sentence.startswith(f"Candidate is better than constant by {better.difference:.4g}: ROC AUC is ")
    assert (
        f"against 0.5, higher is better; 95 % interval of the gain {better.low:.4g} to {better.high:.4g}."
        in better.sentence
    )
    assert found["one_rule", "roc_auc"].verdict == "cannot be told apart"
    assert found["one_rule", "roc_auc"].sentence.startswith("Candidate cannot be told apart from one rule: ROC AUC is ")
    assert {one.verdict for one in comparisons(report, "constant") if one.metric == "log_loss"} == {"worse"}
    with pytest.raises(UnknownNameError, match="champion"):
        comparisons(report, "champion")
