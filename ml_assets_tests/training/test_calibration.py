"""Calibration: monotone, honest about evidence, and better where the scores are wrong."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.errors import TrainingError
from ml_assets.training.calibration import Calibration, choose_calibration, fit_calibration
from ml_assets_tests.training.tables import TREES, fitted, task_spec, training_rows

Vector = npt.NDArray[np.float64]


def held_out(distortion: float, count: int = 4000, seed: int = 1) -> tuple[Vector, Vector, npt.NDArray[np.int64]]:
    """Scores whose log odds are `distortion` times the true ones; labels; 200 entities."""
    draw = np.random.default_rng(seed)
    odds = draw.normal(size=count)
    label = (draw.random(count) < 1 / (1 + np.exp(-odds))).astype(float)
    return 1 / (1 + np.exp(-distortion * odds)), label, draw.integers(0, 200, count)


def log_loss(score: Vector, label: Vector) -> float:
    return float(-np.mean(label * np.log(score) + (1 - label) * np.log1p(-score)))


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_calibration_undoes_a_distortion_on_rows_it_has_not_seen(kind: str) -> None:
    score, label, _ = held_out(3.0)
    calibration = fit_calibration(kind, score, label)
    unseen, outcome, _ = held_out(3.0, seed=2)
    best, _, _ = held_out(1.0, seed=2)

    assert log_loss(calibration.apply(unseen), outcome) < log_loss(unseen, outcome) - 0.05
    assert log_loss(calibration.apply(unseen), outcome) < log_loss(best, outcome) + 0.01


def test_platt_finds_the_slope_of_the_distortion() -> None:
    score, label, _ = held_out(3.0, count=100_000)

    assert fit_calibration("platt", score, label).curves[0].x[0] == pytest.approx(1 / 3, abs=0.01)


def test_isotonic_is_what_scikit_learn_fits() -> None:
    from sklearn.isotonic import IsotonicRegression

    score, label, _ = held_out(2.0, count=500)
    oracle = IsotonicRegression(out_of_bounds="clip", y_min=1 / 502, y_max=501 / 502).fit(score, label)

    np.testing.assert_allclose(
        fit_calibration("isotonic", score, label).apply(score), oracle.predict(score), atol=1e-12
    )


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=50).filter(lambda rows: len({label for _, label in rows}) == 2),
    st.sampled_from(["platt", "isotonic"]),
)  # fmt: skip
def test_calibration_never_turns_the_order_round(rows: list[tuple[float, bool]], kind: str) -> None:
    score, label = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=float)
    calibration = fit_calibration(kind, score, label)
    found = calibration.apply(np.linspace(0, 1, 101))

    assert (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found <= 1)).all()
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration


@pytest.mark.parametrize(
    ("distortion", "kinds"),
    [pytest.param(1.0, {"none"}, id="right_already"), pytest.param(3.0, {"platt", "isotonic"}, id="wrong")],
)
def test_auto_takes_what_evidence_supports(distortion: float, kinds: set[str]) -> None:
    calibration, facts = choose_calibration("auto", *held_out(distortion), seed=7)

    assert facts["kind"] in kinds
    assert (calibration is None) is (facts["kind"] == "none")
    assert choose_calibration("auto", *held_out(distortion), seed=7) == (calibration, facts)


def test_auto_seldom_calibrates_scores_that_are_right() -> None:
    chosen = [choose_calibration("auto", *held_out(1.0, count=600, seed=seed), seed=1)[1]["kind"] for seed in range(40)]

    assert chosen.count("none") >= 36


def test_calibration_of_several_classes_sums_to_one() -> None:
    draw = np.random.default_rng(1)
    raw = draw.normal(size=(3000, 3))
    truth = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    label = (draw.random(3000)[:, None] > np.cumsum(truth, axis=1)).sum(axis=1).astype(float)
    sharp = np.exp(3 * raw) / np.exp(3 * raw).sum(axis=1, keepdims=True)
    calibration, facts = choose_calibration("auto", sharp, label, np.arange(3000), seed=1)

    assert calibration is not None
    assert facts["kind"] in ("platt", "isotonic")
    np.testing.assert_allclose(calibration.apply(sharp).sum(axis=1), 1)
    chance = calibration.apply(sharp)[np.arange(3000), label.astype(int)]
    assert -np.log(chance).mean() < -np.log(sharp[np.arange(3000), label.astype(int)]).mean() - 0.1


def test_validation_rows_of_one_class_cannot_calibrate() -> None:
    with pytest.raises(TrainingError, match="a class is absent"):
        choose_calibration("platt", np.array([0.2, 0.4]), np.array([1.0, 1.0]), np.array([1, 2]), seed=1)


def test_calibration_is_fitted_on_held_out_scores_and_said_so() -> None:
    table = training_rows()
    package, facts = fitted(table, task_spec(calibration="platt"))
    held = table.filter(table["part"].to_numpy(zero_copy_only=False) == "validation")
    of_train, _ = fitted(table, task_spec(estimator={**TREES, "refit": False}))
    score = of_train.predict(of_train.encode(held)[0])
    ordered = np.lexsort([held["customer_id"].to_numpy(), held["snapshot"].to_numpy()])

    assert package.calibration == fit_calibration(
        "platt", score[ordered], held["label"].to_numpy().astype(float)[ordered]
    )
    assert facts["calibration"]["fitted_on"].endswith("applied to the model fitted again on all rows")
    assert "calibration.json" in package.to_files()
