"""Declared slices: plain metrics with intervals that cover, a verdict that rests on more than uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import DeclarationError, MlAssetsError, UnknownNameError
from ml_assets.evaluation import metrics
from ml_assets.evaluation.influence import CLASSIFICATION, false_discovery_rates, recalibrated
from ml_assets.evaluation.slices import DeclaredSlice, MinimumSize, SliceResult, declared_slices
from ml_assets_tests.evaluation.simulated import Judged, clean_rows, spoilt

steady = settings(max_examples=60, deadline=None, derandomize=True, database=None)
METRICS = ["roc_auc", "average_precision", "log_loss", "brier"]
KIND = DeclaredSlice(("kind",))


def judged(rows: Judged, *declared: DeclaredSlice, **options: Any) -> dict[str, SliceResult]:
    found = declared_slices(rows.label, rows.score, rows.columns, rows.cluster, declared, **options)
    return {one.slice: one for one in found}


@pytest.mark.parametrize("metric", METRICS)
def test_slice_has_the_plain_metric_of_its_rows_beside_the_whole(metric: str) -> None:
    rows = clean_rows(1)
    one = judged(rows, KIND, metric=metric)["kind = b"]
    inside = rows.columns["kind"] == "b"

    assert one.value == pytest.approx(metrics.METRICS[metric](rows.label[inside], rows.score[inside]), rel=1e-9)
    assert one.overall == pytest.approx(metrics.METRICS[metric](rows.label, rows.score), rel=1e-9)
    assert (one.rows, one.positives) == (inside.sum(), rows.label[inside].sum())
    assert one.low is not None
    assert one.high is not None
    assert one.low < one.value < one.high


@pytest.mark.parametrize("metric", METRICS)
def test_spoilt_slice_is_called_worse_and_the_others_are_not(metric: str) -> None:
    rows = clean_rows(2)
    found = judged(spoilt(rows, rows.columns["kind"] == "b"), KIND, metric=metric)

    assert [name for name, one in found.items() if one.verdict == "worse"] == ["kind = b"]
    assert found["kind = b"].effect_low is not None
    assert found["kind = b"].effect_low > 0


def test_higher_loss_by_uncertainty_alone_is_no_worse() -> None:
    rows = clean_rows(3, clusters=3000)
    found = judged(rows, DeclaredSlice(("x0",)))
    last = list(found.values())[-1]

    assert last.low is not None
    assert last.low > last.overall  # type: ignore[operator]
    assert {one.verdict for one in found.values()} == {"no worse"}


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "log_loss"])
def test_clean_slices_are_seldom_called_worse(metric: str) -> None:
    declared = (DeclaredSlice(("x0",)), DeclaredSlice(("kind",)), DeclaredSlice(("x1", "member"), bins=2))
    alarms = 0
    for seed in range(100):
        found = judged(clean_rows(seed, clusters=600), *declared, metric=metric)
        alarms += any(one.verdict == "worse" for one in found.values())

    assert alarms <= 10


@pytest.mark.parametrize("metric", METRICS)
def test_interval_covers_the_value_of_the_population(metric: str) -> None:
    truth = clean_rows(99, clusters=60_000)
    inside = truth.columns["kind"] == "a"
    value = metrics.METRICS[metric](truth.label[inside], truth.score[inside])
    covered = 0
    for seed in range(200):
        one = judged(clean_rows(seed, clusters=500), KIND, metric=metric)["kind = a"]
        assert one.low is not None
        assert one.high is not None
        covered += one.low <= value <= one.high

    assert 0.90 <= covered / 200 <= 0.99


def test_small_slice_is_not_judged_and_says_what_it_lacks() -> None:
    rows = clean_rows(4)
    rows.columns["kind"] = np.where(np.arange(len(rows.label)) < 40, "rare", "usual")
    rare = judged(rows, KIND)["kind = rare"]

    assert (rare.value, rare.q_value, rare.verdict) == (None, None, "not judged")
    assert rare.reason is not None
    assert rare.reason.startswith("too few to judge: 40 rows of 200, 10 clusters of 20")


def test_slice_of_one_class_is_not_judged_even_without_a_minimum() -> None:
    rows = clean_rows(5)
    label = np.where(rows.columns["kind"] == "a", 0.0, rows.label)
    found = judged(rows._replace(label=label), KIND, metric="roc_auc", minimum=MinimumSize(1, 0, 0, 2))

    assert found["kind = a"].reason == "roc_auc is not defined here: one class is absent"
    assert found["kind = b"].verdict == "no worse"


def test_slice_that_is_everything_has_a_value_and_no_verdict() -> None:
    rows = clean_rows(6)
    rows.columns["kind"] = np.full(len(rows.label), "only")
    one = judged(rows, KIND)["kind = only"]

    assert one.value == one.overall
    assert one.verdict == "not judged"
    assert one.reason is not None
    assert one.reason.startswith("the slice is all there is to judge")


def test_declared_values_are_judged_alone_and_one_that_never_occurs_is_named() -> None:
    found = judged(
        clean_rows(7), DeclaredSlice(("kind",), values=("a", "zz")), DeclaredSlice(("member",), values=(True,))
    )

    assert list(found) == ["kind = a", "kind = zz", "member = true"]
    assert found["kind = zz"].verdict == "not judged"


def test_pair_of_columns_with_given_edges() -> None:
    found = judged(clean_rows(8), DeclaredSlice(("x0", "member"), edges={"x0": [0.0]}))

    assert list(found) == [
        "x0 < 0 and member = false", "x0 < 0 and member = true", "x0 >= 0 and member = false", "x0 >= 0 and member = true",
    ]  # fmt: skip


@pytest.mark.parametrize("metric", ["mae", "mse", "rmse"])
def test_regression_errors_that_grow_with_the_prediction_are_no_fault_and_larger_ones_are(metric: str) -> None:
    random = np.random.default_rng(9)
    cluster = np.repeat(np.arange(1500), 4)
    score, kind = random.gamma(3, 10, 6000), np.array(list("abc"))[random.integers(0, 3, 6000)]
    noise = random.normal(size=6000) * score / 3 * np.where(kind == "b", 1.5, 1)
    rows = Judged(score + noise, score, {"kind": kind, "size": score}, cluster)
    found = judged(rows, KIND, DeclaredSlice(("size",)), metric=metric)

    assert [name for name, one in found.items() if one.verdict == "worse"] == ["kind = b"]
    assert found["kind = b"].positives is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({"label": np.array([])}, "0 labels", id="lengths"),
        pytest.param({"label": np.full(8, np.nan)}, "missing or infinite", id="missing_label"),
        pytest.param({"score": np.full(8, np.inf)}, "missing or infinite", id="infinite_score"),
        pytest.param({"label": np.full(8, 2.0)}, "labels besides 0 and 1, such as 2.0", id="label_outside"),
        pytest.param({"score": np.full(8, 1.5)}, "scores from 1.5 to 1.5", id="no_probability"),
    ],
)
def test_rows_that_cannot_be_judged_are_refused(change: dict[str, Any], fault: str) -> None:
    rows = Judged(np.zeros(8), np.full(8, 0.5), {"kind": np.full(8, "a")}, np.arange(8))._replace(**change)
    with pytest.raises(MlAssetsError, match=fault):
        judged(rows, KIND)


def test_no_rows_unknown_names_and_empty_declarations_are_refused() -> None:
    rows, nothing = clean_rows(1, clusters=10), np.array([])
    with pytest.raises(MlAssetsError, match="no rows"):
        judged(Judged(nothing, nothing, {}, nothing.astype(int)))
    with pytest.raises(UnknownNameError, match="did you mean kind"):
        judged(rows, DeclaredSlice(("kinds",)))
    with pytest.raises(UnknownNameError, match="metric of slices"):
        judged(rows, KIND, metric="auc")
    with pytest.raises(MlAssetsError, match="column short does not belong"):
        judged(rows._replace(columns={"short": np.zeros(3)}), KIND)
    with pytest.raises(DeclarationError, match="a slice that cannot be made"):
        DeclaredSlice(())


@steady
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([0.1, 0.3, 0.3, 0.8]), st.integers(1, 3)), min_size=2, max_size=25
    )
)
def test_influence_is_the_derivative_of_the_weighted_metric(rows: list[tuple[int, float, int]]) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    label, score = np.array([row[0] for row in rows], dtype=float), np.array([row[1] for row in rows])
    if not 0 < label.sum() < len(label):
        return
    for name, oracle in (("roc_auc", roc_auc_score), ("average_precision", average_precision_score)):
        found = CLASSIFICATION[name](label, score)
        weights = np.ones(len(label))
        weights[0] += 1e-6
        slope = (oracle(label, score, sample_weight=weights) - oracle(label, score)) / 1e-6
        assert found.value == pytest.approx(oracle(label, score))
        assert found.influence[0] == pytest.approx(slope, abs=1e-4)
        assert found.influence.sum() == pytest.approx(0, abs=1e-9)


@steady
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_false_discovery_rates_are_those_of_scipy(p_values: list[float]) -> None:
    from scipy.stats import false_discovery_control

    found = false_discovery_rates(np.array(p_values))
    assert found == pytest.approx(false_discovery_control(p_values), abs=1e-12)
    assert false_discovery_rates(np.array(sorted(p_values)), 2 * len(p_values)) == pytest.approx(
        np.sort(found * 2).clip(0, 1), abs=1e-12
    )


def test_recalibration_is_the_logistic_regression_on_the_log_odds() -> None:
    from sklearn.linear_model import LogisticRegression

    rows = clean_rows(11)
    score = 1 / (1 + np.exp(-(0.5 + 2 * np.log(rows.score / (1 - rows.score)))))
    odds = np.log(score / (1 - score))[:, None]
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(odds, rows.label).predict_proba(odds)[:, 1]

    assert recalibrated(rows.label, score) == pytest.approx(oracle, abs=1e-4)


def test_recalibration_stays_finite_for_perfect_and_for_equal_scores() -> None:
    label = np.repeat([0.0, 1.0], 50)

    assert np.isfinite(recalibrated(label, label)).all()
    assert recalibrated(label, np.full(100, 0.2)) == pytest.approx(np.full(100, 0.5), abs=1e-3)
