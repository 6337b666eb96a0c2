"""Metrics of every task against scikit-learn and brute force, ties and missing classes included; unfit rows by message."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_assets.errors import UnknownNameError
from ml_assets.evaluation.catalogue import LOSS, PRIMARY, TASK_METRICS, MetricOptions, metric_info
from ml_assets.evaluation.metrics import (
    MetricError,
    Vector,
    binary_metrics,
    class_metrics,
    measure,
    queries_without_relevant_rows,
    undefined,
)
from ml_assets_tests.evaluation.test_metrics import ROWS, Rows, by_scikit_learn, split, steady

TIED = st.sampled_from([0.0, 0.1, 0.3, 0.7, 1.0])
QUERY = st.lists(st.tuples(st.integers(0, 2), TIED), min_size=2, max_size=6)


def quiet(function: object, *arguments: object, **options: object) -> float:
    """scikit-learn's value; its warnings of undefined metrics are NaN here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(function(*arguments, **options))  # type: ignore[operator]


@steady
@given(ROWS)
def test_binary_metrics_are_those_of_scikit_learn(rows: Rows) -> None:
    from sklearn import metrics

    label, score = split(rows)
    chosen = (score >= 0.5).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = by_scikit_learn(label, score)
    oracle["precision"] = quiet(metrics.precision_score, label, chosen, zero_division=np.nan)
    oracle["recall"] = quiet(metrics.recall_score, label, chosen, zero_division=np.nan)
    oracle["f1"] = quiet(metrics.f1_score, label, chosen, zero_division=np.nan)
    found = measure("binary", label, score)

    assert list(found) == [info.name for info in TASK_METRICS["binary"]]
    for name, value in oracle.items():
        assert found[name] == pytest.approx(value, rel=1e-11, abs=1e-11, nan_ok=True), name
    assert {name: found[name] for name in oracle if name in binary_metrics(label, score)} == pytest.approx(
        binary_metrics(label, score), rel=1e-11, nan_ok=True
    )


def gap_of_bins(label: Vector, score: Vector, bins: npt.NDArray[np.intp]) -> float:
    parts = [bins == place for place in np.unique(bins)]
    return sum(part.sum() * abs(score[part].mean() - label[part].mean()) for part in parts) / len(label)


@steady
@given(ROWS)
def test_calibration_errors_are_the_weighted_gaps_of_their_bins(rows: Rows) -> None:
    label, score = split(rows)
    width = np.array([max(0, next(b for b in range(11) if value <= np.linspace(0, 1, 11)[b]) - 1) for value in score])
    mass = np.array([10 * (score < value).sum() // len(score) for value in score])
    found = measure("binary", label, score)

    assert found["calibration_error"] == pytest.approx(gap_of_bins(label, score, width), abs=1e-12)
    assert found["calibration_error_mass"] == pytest.approx(gap_of_bins(label, score, mass), abs=1e-12)


def test_calibration_error_of_equally_filled_bins_sees_what_one_wide_bin_hides() -> None:
    label, score = np.repeat([0.0, 1.0], 10), np.repeat([0.04, 0.06], 10)
    shifted = measure("binary", label, score)

    assert shifted["calibration_error"] == pytest.approx(0.45)
    assert shifted["calibration_error_mass"] == pytest.approx((0.04 + 0.94) / 2)


@steady
@given(st.lists(st.tuples(st.integers(0, 1), TIED), min_size=1, max_size=7), st.sampled_from([0.1, 0.3, 0.5, 1.0]))
def test_top_metrics_are_the_mean_over_all_orders_of_tied_rows(rows: Rows, top: float) -> None:
    label, score = split(rows)
    wanted = math.ceil(len(rows) * top - 1e-9)
    orders = [order for order in itertools.permutations(range(len(rows))) if (np.diff(score[list(order)]) <= 0).all()]
    hits = float(np.mean([label[list(order[:wanted])].sum() for order in orders]))
    found = measure("binary", label, score, options=MetricOptions(top=top))

    assert found["precision_at_top"] == pytest.approx(hits / wanted)
    if label.any():
        assert found["recall_at_top"] == pytest.approx(hits / label.sum())
        assert found["lift_at_top"] == pytest.approx(hits / wanted / label.mean())


@pytest.mark.parametrize("seed", range(5))
def test_multiclass_metrics_are_those_of_scikit_learn(seed: int) -> None:
    from sklearn import metrics

    random = np.random.default_rng(seed)
    label = random.permutation(np.r_[np.arange(4), random.integers(0, 4, 60)])
    score = np.round(random.dirichlet(np.ones(4), 64), 1)  # ties
    score /= score.sum(axis=1, keepdims=True)
    chosen = score.argmax(axis=1)
    found, by_class = measure("multiclass", label, score), class_metrics(label, score)

    assert found == pytest.approx(
        {
            "f1_macro": metrics.f1_score(label, chosen, average="macro"),
            "f1_weighted": metrics.f1_score(label, chosen, average="weighted"),
            "accuracy": metrics.accuracy_score(label, chosen),
            "log_loss": metrics.log_loss(label, score),
            "roc_auc_ovr": metrics.roc_auc_score(label, score, multi_class="ovr"),
        },
        rel=1e-12,
    )
    precision, recall, f1, rows = metrics.precision_recall_fscore_support(label, chosen, zero_division=np.nan)
    np.testing.assert_allclose(by_class.precision, precision)
    np.testing.assert_allclose(by_class.recall, recall)
    np.testing.assert_allclose(by_class.f1, f1)
    np.testing.assert_array_equal(by_class.rows, rows)
    np.testing.assert_array_equal(by_class.confusion, metrics.confusion_matrix(label, chosen))


def test_class_without_rows_leaves_macro_f1_and_undoes_the_area() -> None:
    from sklearn import metrics

    label, score = [0, 1, 1, 0], np.array([[0.8, 0.2, 0], [0.3, 0.7, 0], [0.6, 0.4, 0], [0.9, 0.1, 0]])
    found = measure("multiclass", label, score)

    assert found["f1_macro"] == pytest.approx(metrics.f1_score(label, score.argmax(axis=1), average="macro"))
    assert math.isnan(found["roc_auc_ovr"])
    assert undefined("multiclass", label, score) == {"roc_auc_ovr": "no row is of class 2"}


@steady
@given(
    st.lists(st.tuples(st.floats(1, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=40), st.sampled_from([0.1, 0.5])
)
def test_regression_metrics_are_those_of_scikit_learn(rows: list[tuple[float, float]], quantile: float) -> None:
    from sklearn import metrics

    label, score = np.array(rows).T
    found = measure("regression", label, score, options=MetricOptions(quantile=quantile))
    oracle = {
        "rmse": metrics.root_mean_squared_error(label, score),
        "mae": metrics.mean_absolute_error(label, score),
        "median_absolute_error": metrics.median_absolute_error(label, score),
        "pinball": metrics.mean_pinball_loss(label, score, alpha=quantile),
        "mape": metrics.mean_absolute_percentage_error(label, score),
    }
    assert {name: found[name] for name in oracle} == pytest.approx(oracle, rel=1e-9, abs=1e-9)
    if np.ptp(label) > 1e-3:
        assert found["r2"] == pytest.approx(metrics.r2_score(label, score), rel=1e-6, abs=1e-6)


def test_regression_metrics_that_do_not_exist_say_why() -> None:
    assert undefined("regression", [0.1, 0.1, 0.1], [1.0, 2.0, 3.0]) == {"r2": "all labels are equal"}
    assert undefined("regression", [0.0, 1.0, 0.0], [1.0, 2.0, 3.0]) == {"mape": "2 of 3 labels are 0"}


def orders_of(rows: list[tuple[int, float]]) -> list[list[int]]:
    score = np.array([score for _, score in rows])
    return [
        [rows[place][0] for place in order]
        for order in itertools.permutations(range(len(rows)))
        if (np.diff(score[list(order)]) <= 0).all()
    ]


@steady
@given(st.lists(QUERY, min_size=1, max_size=3), st.integers(1, 5))
def test_ranking_metrics_are_the_mean_over_queries_and_over_orders_of_tied_rows(
    queries: list[list[tuple[int, float]]], k: int
) -> None:
    from sklearn import metrics

    oracle: dict[str, list[float]] = {"ndcg": [], "map": [], "mrr": [], "pairwise_error": []}
    for rows in queries:
        label, score = np.array([label for label, _ in rows]), np.array([score for _, score in rows])
        hits = [[label > 0 for label in order] for order in orders_of(rows)]
        if not label.any():
            continue
        oracle["ndcg"].append(metrics.ndcg_score([label], [score], k=k))
        oracle["map"].append(
            float(
                np.mean([sum(sum(hit[: i + 1]) / (i + 1) for i in range(min(k, len(hit))) if hit[i]) for hit in hits])
            )
            / min(k, (label > 0).sum())
        )
        oracle["mrr"].append(float(np.mean([1 / (hit.index(True) + 1) for hit in hits])))
        if not label.all():
            oracle["pairwise_error"].append(1 - metrics.roc_auc_score(label > 0, score))
    found = measure(
        "ranking", *np.array([row for rows in queries for row in rows]).T,
        query=np.repeat(np.arange(len(queries)) * 7, [len(rows) for rows in queries]), options=MetricOptions(k=k),
    )  # fmt: skip
    for name, values in oracle.items():
        assert found[name] == pytest.approx(
            np.mean(values) if values else math.nan, rel=1e-9, abs=1e-12, nan_ok=True
        ), name


def test_queries_without_relevant_rows_are_named_and_left_out() -> None:
    label, score, query = [1, 0, 0, 0], [0.9, 0.1, 0.5, 0.4], ["a", "a", "b", "b"]

    assert queries_without_relevant_rows(label, query) == ["b"]
    assert measure("ranking", label, score, query) == {"ndcg": 1, "map": 1, "mrr": 1, "pairwise_error": 0}
    assert set(undefined("ranking", [0, 0], [1, 2], [5, 5]).values()) == {"none of 1 queries has a relevant row"}
    assert undefined("ranking", [1, 2], [1, 2], [5, 5]) == {
        "pairwise_error": "no query has both relevant and other rows"
    }


@pytest.mark.parametrize(
    ("label", "score", "expected"),
    [
        pytest.param([0, 0], [0.1, 0.9], {"roc_auc", "average_precision", "recall", "recall_at_top", "lift_at_top"}, id="no_positives"),
        pytest.param([1, 1], [0.1, 0.9], {"roc_auc"}, id="no_negatives"),
        pytest.param([0, 1], [0.2, 0.2], {"precision"}, id="constant_score_below_threshold"),
        pytest.param([], [], {info.name for info in TASK_METRICS["binary"]}, id="no_rows"),
    ],
)  # fmt: skip
def test_undefined_binary_metrics_are_nan_with_a_reason(
    label: list[int], score: list[float], expected: set[str]
) -> None:
    found = undefined("binary", label, score)

    assert set(found) == expected
    assert {name for name, value in measure("binary", label, score).items() if math.isnan(value)} == expected
    assert all(found.values())


@pytest.mark.parametrize("task", list(TASK_METRICS))
def test_no_rows_make_no_metric(task: str) -> None:
    score = np.empty((0, 3)) if task == "multiclass" else np.empty(0)

    assert set(undefined(task, [], score, []).values()) == {"there are no rows"}


@pytest.mark.parametrize(
    ("task", "label", "score", "query", "message"),
    [
        ("binary", [0, math.nan, math.nan], [0.1, 0.2, 0.3], None, "label is missing or infinite in 2 of 3 rows"),
        ("binary", [0, 1, 1], [0.1, math.inf, 0.3], None, "score is missing or infinite in 1 of 3 rows"),
        ("binary", [0, 2, 1], [0.1, 0.2, 0.3], None, "label is neither 0 nor 1 in 1 of 3 rows"),
        ("binary", [0, 1, 1], [0.1, 1.2, -0.3], None, "score is no probability in 2 of 3 rows"),
        ("binary", [0, 1, 1], [0.1, 0.2], None, "score does not fit the labels"),
        ("multiclass", [0, 3], [[0.5, 0.5], [0.5, 0.5]], None, "label is no class position in 1 of 2 rows"),
        (
            "multiclass",
            [0, 1],
            [[0.5, 0.5], [0.5, 0.6]],
            None,
            "score does not sum to 1 over the classes in 1 of 2 rows",
        ),
        ("multiclass", [0, 1], [0.5, 0.5], None, "score does not fit the labels"),
        ("regression", [0.0, 1.0], [math.nan, -math.inf], None, "score is missing or infinite in 2 of 2 rows"),
        ("ranking", [0, -1], [0.0, 1.0], [1, 1], "relevance is negative in 1 of 2 rows"),
        ("ranking", [0, 1], [0.0, 1.0], None, "ranking without queries"),
        ("ranking", [0, 1], [0.0, 1.0], [1.0, math.nan], "query is missing or infinite in 1 of 2 rows"),
        ("ranking", [0, 1], [0.0, 1.0], [1], "query does not fit the labels"),
    ],
)
def test_unfit_rows_are_refused_with_their_number(
    task: str, label: list[float], score: list[float], query: list[float] | None, message: str
) -> None:
    with pytest.raises(MetricError, match=message):
        measure(task, label, score, query)


def test_each_task_has_one_primary_metric_and_one_loss() -> None:
    for task in TASK_METRICS:
        assert metric_info(task, PRIMARY[task]).higher_is_better
        assert not metric_info(task, LOSS[task]).higher_is_better
    with pytest.raises(UnknownNameError, match="roc_auc"):
        metric_info("binary", "roc_uac")
    with pytest.raises(UnknownNameError, match="ranking"):
        measure("rankings", [], [])
