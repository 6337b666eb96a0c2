"""Mistakes, the tree over them, and flips: against brute force on small rows."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import MlAssetsError
from ml_assets.evaluation.error_analysis import ErrorNode, confident_mistakes, error_tree, flipped
from ml_assets_tests.evaluation.simulated import clean_rows

steady = settings(max_examples=100, deadline=None, derandomize=True, database=None)
ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), st.integers(3, 6)), min_size=1, max_size=30
)


@steady
@given(ROWS, st.integers(1, 4))
def test_confident_mistakes_are_the_worst_row_of_each_cluster(rows: list[tuple[int, float, int]], most: int) -> None:
    label, score, cluster = (np.array(one) for one in zip(*rows, strict=True))
    wrong = sorted((-abs(y - p), row, g) for row, (y, p, g) in enumerate(rows) if (p >= 0.5) != (y == 1))
    expected: dict[int, int] = {}
    for _, row, group in wrong:
        expected.setdefault(group, row)
    found = confident_mistakes(label.astype(float), score, cluster, most=most)

    assert [one.row for one in found] == list(expected.values())[:most]
    assert [one.cluster for one in found] == list(expected)[:most]
    assert all((one.label, one.score) == rows[one.row][:2] for one in found)


def tree(columns: dict[str, Any], wrong: np.ndarray[Any, Any], **options: Any) -> ErrorNode:
    return error_tree(wrong.astype(float), np.zeros(len(wrong)), columns, np.arange(len(wrong)), **options)


def test_tree_says_where_the_errors_are() -> None:
    random = np.random.default_rng(0)
    x, kind = random.uniform(0, 10, 4000), np.array(list("abc"))[random.integers(0, 3, 4000)]
    wrong = random.random(4000) < np.where((x > 6) & (kind == "b"), 0.8, 0.1)
    conditions, worst = tree({"x": x, "kind": kind}, wrong, depth=2).leaves()[0]
    inside = (x > 6) & (kind == "b")

    assert conditions.startswith(("x > 6.0", "x > 5.9", "kind = b and x > 6.0", "kind = b and x > 5.9"))
    assert "kind = b" in conditions
    assert worst.rows == pytest.approx(inside.sum(), abs=10)
    assert worst.error_rate == pytest.approx(wrong[inside].mean(), abs=0.02)


def test_tree_loses_no_row_and_counts_errors() -> None:
    rows = clean_rows(1)
    found = error_tree(rows.label, rows.score, rows.columns, rows.cluster)
    wrong = (rows.score >= 0.5) != (rows.label == 1)

    assert (found.condition, found.rows, found.errors) == ("all rows", len(wrong), wrong.sum())
    leaves = [leaf for _, leaf in found.leaves()]
    assert sum(leaf.rows for leaf in leaves) == found.rows
    assert sum(leaf.errors for leaf in leaves) == found.errors
    assert min(leaf.rows for leaf in leaves) >= 0.02 * len(wrong)
    assert len(leaves) <= 8
    assert [leaf.error_rate for leaf in leaves] == sorted((leaf.error_rate for leaf in leaves), reverse=True)
    assert json.loads(json.dumps(found.to_json()))["rows"] == len(wrong)


@pytest.mark.parametrize(
    ("column", "condition"),
    [
        pytest.param(np.where(np.arange(1000) < 300, np.nan, 1.0), "missing", id="missing_number"),
        pytest.param(pa.array(["a"] * 300 + ["b"] * 700), "x = a", id="text"),
        pytest.param(pa.array([None] * 300 + ["b"] * 700), "x ", id="missing_text"),
        pytest.param(np.arange(1000) < 300, "x ", id="truth_value"),
        pytest.param(np.where(np.arange(1000) < 300, np.inf, -1.0), "x > ", id="infinite"),
        pytest.param(np.datetime64("2011-01-01") + np.arange(1000) // 300, "x <= 2011-01-01T12:00", id="time"),
    ],
)
def test_tree_reads_every_kind_of_column(column: Any, condition: str) -> None:
    conditions, leaf = tree({"x": column}, np.arange(1000) < 300, depth=1).leaves()[0]

    assert condition in conditions
    assert (leaf.rows, leaf.error_rate) == (300, 1.0)


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [
        pytest.param({}, np.arange(200) < 50, id="no_columns"),
        pytest.param({"x": np.arange(200)}, np.zeros(200), id="no_errors"),
        pytest.param({"x": np.full(200, np.nan)}, np.arange(200) < 50, id="nothing_known"),
        pytest.param({"x": np.ones(200)}, np.arange(200) < 50, id="constant"),
        pytest.param({"x": np.arange(30)}, np.arange(30) < 5, id="few_rows"),
    ],
)
def test_tree_without_a_split_is_its_root(columns: dict[str, Any], wrong: Any) -> None:
    found = tree(columns, wrong)

    assert found.children == ()
    assert found.leaves() == [("all rows", found)]


def test_flips_are_counted_both_ways() -> None:
    label = np.array([1.0, 1, 0, 0, 1, 0])
    new, old = np.array([0.9, 0.2, 0.1, 0.9, 0.9, 0.3]), np.array([0.4, 0.9, 0.8, 0.1, 0.9, 0.2])
    found = flipped(label, new, old, np.arange(6))

    assert found.righted.tolist() == [2, 0]
    assert found.spoilt.tolist() == [3, 1]
    assert (found.rows, found.net_gain) == (6, 0.0)
    assert found.low is not None
    assert found.low < 0 < found.high  # type: ignore[operator]


def test_flips_use_each_score_with_its_own_threshold() -> None:
    label, score = np.array([1.0, 0.0]), np.array([0.3, 0.3])
    found = flipped(label, score, score, np.arange(2), threshold=0.2, other_threshold=0.5)

    assert (found.righted.tolist(), found.spoilt.tolist()) == ([0], [1])


def test_same_scores_flip_nothing_and_have_no_interval() -> None:
    rows = clean_rows(2, clusters=20)
    found = flipped(rows.label, rows.score, rows.score, rows.cluster)

    assert (len(found.righted), len(found.spoilt), found.net_gain, found.low) == (0, 0, 0.0, None)


def test_interval_of_the_net_gain_treats_a_cluster_as_one() -> None:
    rows, random = clean_rows(3, clusters=300), np.random.default_rng(3)
    other = (rows.score + random.normal(0, 0.3, len(rows.score))).clip(0, 1)
    once = flipped(rows.label, rows.score, other, rows.cluster)
    twice = flipped(*(np.tile(one, 2) for one in (rows.label, rows.score, other, rows.cluster)))

    assert (twice.low, twice.high) == (pytest.approx(once.low), pytest.approx(once.high))


def test_scores_of_other_rows_are_refused() -> None:
    with pytest.raises(MlAssetsError, match="not of the same rows"):
        flipped(np.zeros(3), np.zeros(3), np.zeros(2), np.arange(3))
