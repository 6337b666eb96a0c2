"""Fairness against Fairlearn, intervals by simulation, and what is too small to judge.

Fairlearn brings in pandas, which would slow every other import of a development environment; it is an extra of its own
(`pip install -e '.[crosscheck]'`). Its numbers for these rows are kept in `fairlearn_numbers.json`, which the test with Fairlearn
installed compares with what Fairlearn says itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import MlAssetsError
from ml_assets.evaluation.fairness import FairnessValue, fairness
from ml_assets.evaluation.slices import MinimumSize
from ml_assets_tests.evaluation.simulated import Judged, clean_rows

steady = settings(max_examples=60, deadline=None, derandomize=True, database=None)
RECORDED = Path(__file__).with_name("fairlearn_numbers.json")
THRESHOLD = 0.35
NO_MINIMUM = MinimumSize(1, 1, 1, 1)
Numbers = dict[str, float]


def judged(rows: Judged, sensitive: dict[str, Any], **options: Any) -> dict[tuple[str, str | None, str], FairnessValue]:
    found = fairness(rows.label, rows.score, sensitive, rows.cluster, **{"draws": 50, **options})
    return {(one.column_name, one.group_name, one.measure): one for one in found}


def people() -> tuple[Judged, dict[str, Any]]:
    """Rows whose selection, outcomes and numbers differ among groups. No normal draws: equal on every machine."""
    random = np.random.default_rng(17)
    sex, region = (
        np.array(["f", "m"])[random.integers(0, 2, 3000)],
        np.array(["n", "s", "w"])[random.integers(0, 3, 3000)],
    )
    score = (random.random(3000) + 0.1 * (sex == "m") - 0.05 * (region == "w")).clip(0, 1)
    label = (random.random(3000) < score * np.where(region == "s", 0.7, 0.9)).astype(float)
    return Judged(label, score, {}, np.arange(3000) // 3), {"sex": sex, "region": region}


def by_ml_assets() -> Numbers:
    rows, sensitive = people()
    found = judged(rows, sensitive, threshold=THRESHOLD, minimum=NO_MINIMUM)
    return {
        f"{column}|{group}|{measure}": one.value
        for (column, group, measure), one in found.items()
        if one.value is not None
    }


def by_fairlearn() -> Numbers:
    from fairlearn import metrics as fm
    from sklearn.metrics import precision_score

    rows, sensitive = people()
    label, selected = rows.label.astype(int), (rows.score >= THRESHOLD).astype(int)
    measures = {
        "selection_rate": fm.selection_rate, "true_positive_rate": fm.true_positive_rate, "precision": precision_score,
        "false_positive_rate": fm.false_positive_rate, "false_negative_rate": fm.false_negative_rate,
    }  # fmt: skip
    found: Numbers = {}
    for columns in (["sex"], ["region"], ["sex", "region"]):
        name, features = " x ".join(columns), {column: sensitive[column] for column in columns}
        frame = fm.MetricFrame(metrics=measures, y_true=label, y_pred=selected, sensitive_features=features)
        for group, values in frame.by_group.iterrows():
            parts = group if isinstance(group, tuple) else (group,)
            shown = " and ".join(f"{column} = {part}" for column, part in zip(columns, parts, strict=True))
            found |= {f"{name}|{shown}|{measure}": float(values[measure]) for measure in measures}
        difference = frame.difference()
        joined = np.array([" ".join(parts) for parts in zip(*features.values(), strict=True)])
        given = {"y_true": label, "y_pred": selected, "sensitive_features": joined}
        found[f"{name}|None|demographic_parity_difference"] = float(fm.demographic_parity_difference(**given))
        found[f"{name}|None|demographic_parity_ratio"] = float(fm.demographic_parity_ratio(**given))
        found[f"{name}|None|equalized_odds_difference"] = float(fm.equalized_odds_difference(**given))
        for rate in ("true_positive_rate", "false_positive_rate"):
            found[f"{name}|None|{rate}_difference"] = float(difference[rate])
    return found


def test_measures_and_gaps_are_the_recorded_ones_of_fairlearn() -> None:
    found, recorded = by_ml_assets(), json.loads(RECORDED.read_text(encoding="utf-8"))

    assert len(recorded) == (2 + 3 + 6) * 5 + 3 * 5
    assert {name: found[name] for name in recorded} == pytest.approx(recorded, abs=1e-9, rel=0)


def test_measures_and_gaps_are_those_that_fairlearn_says_itself() -> None:
    pytest.importorskip("fairlearn", reason="Fairlearn is not installed (extra crosscheck)")
    said, found = by_fairlearn(), by_ml_assets()

    assert json.loads(RECORDED.read_text(encoding="utf-8")) == pytest.approx(said, abs=1e-12, rel=0)
    assert {name: found[name] for name in said} == pytest.approx(said, abs=1e-9, rel=0)


@steady
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.05, 0.5, 0.95, 1.0]), st.sampled_from(["a", "b"])),
        min_size=2, max_size=40,
    )
)  # fmt: skip
def test_measures_are_those_of_the_rows_counted_by_hand(rows: list[tuple[int, float, str]]) -> None:
    label, score, group = (np.array(one) for one in zip(*rows, strict=True))
    found = judged(
        Judged(label.astype(float), score, {}, np.arange(len(rows))), {"g": group}, minimum=NO_MINIMUM, draws=1
    )
    for name in np.unique(group):
        inside, chosen = group == name, score >= 0.5
        y, p = label[inside], score[inside]
        bins = [np.abs((p - y)[(p * 10).astype(int).clip(0, 9) == one].sum()) for one in range(10)]
        expected = {
            "selection_rate": (chosen[inside].sum(), inside.sum()),
            "true_positive_rate": (chosen[inside & (label == 1)].sum(), y.sum()),
            "precision": (label[inside & chosen].sum(), chosen[inside].sum()),
            "calibration_gap": ((p - y).sum(), inside.sum()),
            "expected_calibration_error": (sum(bins), inside.sum()),
        }
        for measure, (part, whole) in expected.items():
            one = found["g", f"g = {name}", measure]
            if whole == 0:
                assert one.value is None
                assert one.reason is not None
            else:
                assert one.value == pytest.approx(part / whole, abs=1e-12)


def test_small_groups_are_not_judged_and_take_no_part_in_gaps() -> None:
    rows = clean_rows(1)
    group = np.where(np.arange(len(rows.label)) < 60, "tiny", np.where(rows.columns["member"], "yes", "no"))
    found = judged(rows, {"g": group})
    without = judged(rows, {"g": np.where(group == "tiny", "no", group)}, threshold=2.0)
    tiny, gap = found["g", "g = tiny", "selection_rate"], found["g", None, "demographic_parity_difference"]
    rates = [found["g", f"g = {name}", "selection_rate"].value for name in ("yes", "no")]

    assert (tiny.value, tiny.low, tiny.rows) == (None, None, 60)
    assert tiny.reason == "not judged: too few to judge: 60 rows of 200, 15 clusters of 20"
    assert gap.value == pytest.approx(abs(rates[0] - rates[1]))  # type: ignore[operator]
    assert gap.rows == len(rows.label) - 60
    assert without["g", "g = yes", "precision"].reason == "not judged: too few to judge: 0 selected rows of 20"
    assert without["g", None, "demographic_parity_ratio"].value is None


def test_rates_without_positives_are_not_judged_while_others_are() -> None:
    rows = clean_rows(2)
    found = judged(
        rows._replace(label=np.where(rows.columns["member"], 0.0, rows.label)), {"member": rows.columns["member"]}
    )

    assert (
        found["member", "member = true", "true_positive_rate"].reason
        == "not judged: too few to judge: 0 positives of 20"
    )
    assert found["member", "member = true", "false_positive_rate"].value is not None
    assert (
        found["member", None, "true_positive_rate_difference"].reason
        == "not judged: fewer than two groups are big enough to judge"
    )
    assert found["member", None, "equalized_odds_difference"].value is None
    assert found["member", None, "demographic_parity_difference"].value is not None


def test_one_group_missing_values_and_no_columns() -> None:
    rows = clean_rows(3)
    gaps = np.where(rows.columns["member"], "a", None)
    found = judged(rows, {"same": np.ones(len(rows.label)), "gaps": gaps}, intersections=False)

    assert found["same", None, "demographic_parity_difference"].value is None
    assert {group for column, group, _ in found if column == "gaps"} == {"gaps = a", "gaps is missing", None}
    assert judged(rows, {}) == {}


def test_intersections_are_every_pair_of_columns() -> None:
    rows, sensitive = people()
    found = judged(rows, {**sensitive, "third": rows.cluster % 2})

    assert {column for column, _, _ in found} == {
        "sex",
        "region",
        "third",
        "sex x region",
        "sex x third",
        "region x third",
    }


def test_intervals_cover_rate_and_gap_of_the_population() -> None:
    def drawn(seed: int, clusters: int) -> tuple[Judged, dict[str, Any]]:
        rows = clean_rows(seed, clusters=clusters, base=-0.3)
        return rows, {"member": rows.columns["member"]}

    names = [("member", "member = true", "true_positive_rate"), ("member", "member = false", "calibration_gap")]
    truth = judged(*drawn(999, 50_000), draws=1)
    covered, zero = np.zeros(len(names)), 0
    for seed in range(150):
        found = judged(*drawn(seed, 600), draws=200)
        for place, name in enumerate(names):
            one = found[name]
            covered[place] += one.low <= truth[name].value <= one.high  # type: ignore[operator]
        gap = found["member", None, "demographic_parity_difference"]
        assert gap.low is not None
        zero += gap.low <= 0.0

    assert (covered / 150 >= 0.90).all()
    assert (covered / 150 <= 0.99).all()
    assert zero / 150 >= 0.90  # no difference in the population: the interval reaches 0


def test_interval_of_a_planted_gap_leaves_zero_out() -> None:
    rows, sensitive = people()
    one = judged(rows, sensitive, threshold=0.5, draws=500)["sex", None, "demographic_parity_difference"]

    assert one.low is not None
    assert 0 < one.low < 0.1 < one.high  # type: ignore[operator]


def test_interval_treats_a_cluster_as_one() -> None:
    rows, sensitive = people()
    twice = Judged(np.tile(rows.label, 2), np.tile(rows.score, 2), {}, np.tile(rows.cluster, 2))
    once = judged(rows, sensitive)["sex", "sex = f", "selection_rate"]
    doubled = judged(twice, {name: np.tile(one, 2) for name, one in sensitive.items()})[
        "sex", "sex = f", "selection_rate"
    ]

    assert (doubled.low, doubled.high) == (pytest.approx(once.low), pytest.approx(once.high))


def test_equal_seeds_give_equal_intervals() -> None:
    rows, sensitive = people()

    assert judged(rows, sensitive, seed=3) == judged(rows, sensitive, seed=3)
    assert judged(rows, sensitive, seed=3) != judged(rows, sensitive, seed=4)


def test_scores_that_are_no_probabilities_are_refused() -> None:
    with pytest.raises(MlAssetsError, match="these rows cannot be judged"):
        fairness(np.array([0.0, 1.0]), np.array([0.0, 7.0]), {}, np.arange(2))
    with pytest.raises(MlAssetsError, match="fairness cannot be measured like this"):
        fairness(np.array([0.0, 1.0]), np.array([0.0, 0.7]), {}, np.arange(2), threshold=float("nan"))
