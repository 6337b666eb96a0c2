"""The model beside the best possible one, on a shop whose true probabilities are known."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ml_assets.evaluation.metrics import log_loss, roc_auc
from ml_assets.simulate import ShopSpec, truth, write_shop
from ml_assets.specs.times import snapshot_time
from ml_assets_tests.e2e.state import ml_assets, query

LAST_DAY, NOW = date(2011, 12, 9), "2011-12-10"
SPEC = ShopSpec.ending(LAST_DAY, customers=4000, seed=11)

pytestmark = [pytest.mark.reference, pytest.mark.xdist_group("simulated_shop")]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State after a whole run on the simulated shop."""
    home = tmp_path_factory.mktemp("simulated") / "state"
    write_shop(SPEC, home / "landing" / "retail", "csv")
    result = ml_assets(home, "run", now=NOW)
    assert result.returncode == 0, result.stdout + result.stderr
    return home


@pytest.fixture(scope="module")
def scored(shop: Path) -> pl.DataFrame:
    """What happened, what the model said and what the shop's own probability was, of every scored row whose window passed."""
    rows = query(
        shop,
        "select strftime(l.snapshot, '%Y-%m-%d'), l.customer_id, l.label::double, s.score from labels.repeat_purchase l "
        "join scores.repeat_purchase s on s.snapshot = l.snapshot and s.customer_id = l.customer_id",
    )
    found = pl.DataFrame(rows, schema=["snapshot", "customer_id", "label", "score"], orient="row")
    known = truth(SPEC)
    best = pl.concat(
        [
            known.best_possible_probability(snapshot_time(key), 30).select(
                "customer_id", "probability", snapshot=pl.lit(key)
            )
            for key in found["snapshot"].unique()
        ]
    )
    both = found.join(best, on=["snapshot", "customer_id"], how="inner")
    assert both.height == found.height > 10_000
    return both


def test_model_comes_near_the_best_possible_probability(scored: pl.DataFrame) -> None:
    label, model, ideal = (scored[name].to_numpy() for name in ("label", "score", "probability"))

    assert log_loss(label, model) <= 1.05 * log_loss(label, ideal)
    assert roc_auc(label, model) >= roc_auc(label, ideal) - 0.02


def test_scores_are_calibrated_to_the_true_probabilities(scored: pl.DataFrame) -> None:
    """Against the probabilities, not the outcomes: of the outcomes even the shop's own probabilities are 0.01 away by chance."""
    tenths = scored.sort("score").with_columns(tenth=pl.int_range(pl.len()) * 10 // pl.len()).group_by("tenth")
    gaps = tenths.agg(rows=pl.len(), gap=(pl.col("score").mean() - pl.col("probability").mean()).abs())

    assert float((gaps["gap"] * gaps["rows"]).sum()) / scored.height < 0.02


def test_scores_cannot_beat_the_best_possible_by_more_than_chance(scored: pl.DataFrame) -> None:
    """A model clearly better than the truth knows something that it must not know."""
    losses = []
    for _, rows in scored.group_by("snapshot", maintain_order=True):
        label, model, best = (rows[name].to_numpy() for name in ("label", "score", "probability"))
        losses.append((log_loss(label, model) - log_loss(label, best)) * math.sqrt(len(label)))
    assert np.mean(losses) > -1.0
