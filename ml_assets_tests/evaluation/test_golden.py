"""Planted leaks are seen, honest features are not; overlap is counted exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.errors import MlAssetsError
from ml_assets.evaluation.golden import GoldenFeature, golden_features, missingness_leaks, split_overlap
from ml_assets_tests.evaluation.simulated import Judged, clean_rows


def golden(rows: Judged, **columns: Any) -> dict[str, GoldenFeature]:
    found = golden_features(rows.label, rows.score, {**rows.columns, **columns}, rows.cluster)
    return {one.feature: one for one in found}


def with_leak(rows: Judged, flips: float) -> tuple[Judged, Any]:
    """A copy of the label with noise, and the score of a model that has seen it."""
    wrong = np.random.default_rng(1).random(len(rows.label)) < flips
    copy = np.where(wrong, 1 - rows.label, rows.label)
    odds = np.log(rows.score / (1 - rows.score)) + np.where(copy == 1, 1, -1) * np.log((1 - flips) / flips)
    return rows._replace(score=1 / (1 + np.exp(-odds))), copy


@pytest.mark.parametrize("flips", [0.01, 0.05, 0.1, 0.15])
def test_copy_of_the_label_with_noise_is_golden(flips: float) -> None:
    rows, copy = with_leak(clean_rows(1), flips)
    found = golden(rows, copy=copy)

    assert [name for name, one in found.items() if one.golden] == ["copy"]
    assert next(iter(found)) == "copy"
    assert found["copy"].reason is not None
    assert found["copy"].reason.startswith("alone it has a ROC AUC of 0.")


@pytest.mark.parametrize("text", [False, True], ids=["number", "text"])
def test_identifier_sorted_by_label_is_golden(text: bool) -> None:
    rows = clean_rows(2)
    number = np.argsort(np.argsort(rows.label, kind="stable"))
    identifier = pa.array([f"A{one:06d}" for one in number]) if text else number

    assert golden(rows, identifier=identifier)["identifier"].golden


def test_identifier_in_no_order_is_silent() -> None:
    rows = clean_rows(3)
    shuffled = np.random.default_rng(3).permutation(len(rows.label))
    found = golden(rows, number=shuffled, text=np.array([f"A{one}" for one in shuffled]))

    assert found["number"].golden is False
    assert found["number"].roc_auc == pytest.approx(0.5, abs=0.03)
    assert found["text"].golden is False


def test_date_after_the_outcome_is_golden() -> None:
    rows, random = clean_rows(4), np.random.default_rng(4)
    day = np.datetime64("2011-03-01") + random.integers(0, 30, len(rows.label)).astype("timedelta64[D]")
    closed = np.where(rows.label == 1, day, np.datetime64("NaT"))

    assert golden(rows, closed=closed)["closed"].golden
    leaks = {one.feature: one for one in missingness_leaks(rows.label, {"closed": closed}, rows.cluster)}
    assert leaks["closed"].golden


def test_value_that_only_positives_have_is_golden_though_it_ranks_little() -> None:
    rows = clean_rows(5)
    told = (rows.label == 1) & (np.random.default_rng(5).random(len(rows.label)) < 0.4)
    found = golden(rows, status=np.where(told, "refunded", "open"))["status"]

    assert found.golden
    assert found.roc_auc is not None
    assert found.roc_auc < 0.8
    assert found.reason is not None
    assert "next to nothing else" in found.reason


def test_strong_honest_feature_is_silent_though_the_model_is_hardly_more() -> None:
    """One feature with a ROC AUC of 0.72 alone, and a model that is that feature."""
    silent = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        x = random.normal(size=4000)
        score = 1 / (1 + np.exp(-(1.0 * x - 0.6)))
        rows = Judged((random.random(4000) < score).astype(float), score, {"x": x}, np.arange(4000) // 2)
        one = golden(rows)["x"]
        assert one.roc_auc == pytest.approx(0.72, abs=0.03)
        assert one.share == pytest.approx(0.9, abs=0.15)
        silent += one.golden is False

    assert silent == 20


def test_clean_features_are_silent_also_with_a_rare_class() -> None:
    for base in (-1.0, -4.0):
        found = golden(clean_rows(6, base=base))
        assert {one.golden for one in found.values()} == {False}
        assert {one.reason for one in found.values()} == {None}


def test_gaps_that_tell_little_are_silent_and_columns_without_gaps_left_out() -> None:
    rows, random = clean_rows(7), np.random.default_rng(7)
    often = random.random(len(rows.label)) < 0.2 + 0.2 * rows.label
    rows.columns["x0"][often] = np.nan
    found = missingness_leaks(rows.label, rows.columns, rows.cluster)

    assert [(one.feature, one.golden) for one in found] == [("x0", False)]


def test_pattern_of_gaps_tells_what_no_gap_alone_does() -> None:
    rows, random = clean_rows(8), np.random.default_rng(8)
    first = random.random(len(rows.label)) < 0.5
    second = first ^ (rows.label == 1)
    columns = {"one": np.where(first, np.nan, 1.0), "two": np.where(second, np.nan, 1.0)}
    found = {one.feature: one.golden for one in missingness_leaks(rows.label, columns, rows.cluster)}

    assert found == {"(pattern of missing values)": True, "one": False, "two": False}


@pytest.mark.parametrize(
    ("label", "cluster", "reason"),
    [
        pytest.param(np.zeros(500), np.arange(500), "0 of the rarer class of 20", id="one_class"),
        pytest.param(np.tile([0.0, 1.0], 50), np.arange(100), "100 rows of 200", id="few_rows"),
        pytest.param(np.tile([0.0, 1.0], 250), np.arange(500) % 3, "3 clusters of 5", id="few_clusters"),
    ],
)
def test_what_cannot_be_judged_has_a_reason(label: Any, cluster: Any, reason: str) -> None:
    score, columns = np.full(len(label), 0.5), {"x": np.where(np.arange(len(label)) % 3, 1.0, np.nan)}
    for found in (golden_features(label, score, columns, cluster), missingness_leaks(label, columns, cluster)):
        assert [(one.golden, one.roc_auc) for one in found] == [(None, None)]
        assert found[0].reason is not None
        assert reason in found[0].reason


def test_constant_and_all_missing_columns_are_not_judged() -> None:
    rows = clean_rows(9)
    found = golden(rows, same=np.ones(len(rows.label)), gone=np.full(len(rows.label), np.nan))

    assert found["same"].golden is None
    assert found["gone"].reason == "not judged: one value in all rows"


def test_model_without_gain_gives_no_share() -> None:
    rows = clean_rows(10)
    found = golden(rows._replace(score=np.full(len(rows.label), 0.9)))

    assert {one.share for one in found.values()} == {None}


TRAIN = {"x": np.array([1.0, 2.0, np.nan]), "kind": pa.array(["a", "b", None])}
TEST = {"x": np.array([np.nan, 1.0, 2.0, 7.0]), "kind": pa.array([None, "b", "b", "c"])}


def test_entities_and_identical_rows_on_both_sides_are_counted() -> None:
    found = split_overlap(TRAIN, TEST, (pa.array(["p", "q", "r"]), pa.array(["q", "z", "q", "r"])), groups_apart=True)

    assert (found.holds, found.entities, found.entity_rows, found.examples) == (False, 2, 3, ("q", "r"))
    assert (found.identical_rows, found.identical_share) == (2, 0.5)
    assert found.reason is not None
    assert found.reason.startswith("2 entities with 3 test rows are in train too; 50.0% of the test rows")


def test_apart_is_apart() -> None:
    found = split_overlap(
        {"x": np.arange(3)}, {"x": np.arange(3, 6)}, (np.arange(3), np.arange(3, 6)), groups_apart=True
    )

    assert found == (True, 0, 0, (), 0, 0.0, None)


def test_split_by_time_is_not_held_to_groups() -> None:
    found = split_overlap(TRAIN, TEST, None, groups_apart=False)

    assert (found.holds, found.entities, found.identical_rows) == (None, None, 2)
    assert found.reason is not None
    assert found.reason.startswith("entities are not applicable")


def test_overlap_without_rows_is_not_applicable() -> None:
    found = split_overlap({"x": np.array([])}, {"x": np.array([])}, (np.array([]), np.array([])), groups_apart=True)

    assert (found.holds, found.reason) == (None, "not applicable: train or test has no rows")


def test_overlap_of_things_that_cannot_be_compared_is_refused() -> None:
    with pytest.raises(MlAssetsError, match="differ in their columns"):
        split_overlap({"x": np.arange(3)}, {"y": np.arange(3)}, None, groups_apart=False)
    with pytest.raises(MlAssetsError, match="needs the group of each row"):
        split_overlap(TRAIN, TEST, None, groups_apart=True)
    with pytest.raises(MlAssetsError, match="of different types"):
        split_overlap(TRAIN, TEST, (np.arange(3), pa.array(list("abcd"))), groups_apart=True)
    with pytest.raises(MlAssetsError, match="of different types"):
        split_overlap({"x": np.arange(2)}, {"x": pa.array(["a"])}, None, groups_apart=False)
