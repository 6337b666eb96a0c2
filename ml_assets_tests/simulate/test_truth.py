"""The closed-form probabilities against quadrature, brute force and the files themselves."""

from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from ml_assets.simulate import ShopSpec, ShopTruth, SimulationError, landing_days, truth
from ml_assets.simulate.truth import alive_probability, purchase_probability

SPEC = ShopSpec(customers=20_000)
SNAPSHOT = datetime(2011, 9, 1, tzinfo=UTC)


@cache
def shop() -> ShopTruth:
    return truth(SPEC)


def log_loss(happened: np.ndarray, probability: np.ndarray) -> float:
    return float(-np.mean(np.log(np.where(happened, probability, 1 - probability))))


def posterior_by_quadrature(repeats: int, recency: float, age: float, horizon: float) -> tuple[float, float]:
    """P(alive) and P(buys), integrated over rate and drop-out chance straight from the process."""
    rate = stats.gamma(SPEC.purchase_rate_shape, scale=1 / SPEC.purchase_rate_scale).pdf
    chance = stats.beta(SPEC.drop_out_a, SPEC.drop_out_b).pdf

    def over_rates(until: float, horizon: float = 0.0) -> float:
        def density(value: float) -> float:
            return float(value**repeats * np.exp(-value * (until + horizon)) * rate(value))

        return float(integrate.quad(density, 0, 3, points=[0.01, 0.1, 0.5], epsabs=0)[0])

    def over_chances(left: bool) -> float:
        def density(p: float) -> float:
            return float((p if left else 1 - p) * (1 - p) ** repeats * chance(p))

        return float(integrate.quad(density, 0, 1, epsabs=0)[0])

    gone = over_rates(recency) * over_chances(left=True)
    alive = over_rates(age) * over_chances(left=False)
    alive_without_purchase = over_rates(age, horizon) * over_chances(left=False)
    return alive / (alive + gone), (alive - alive_without_purchase) / (alive + gone)


@settings(max_examples=25, deadline=None)
@given(
    repeats=st.integers(0, 12),
    recency=st.floats(1, 200),
    pause=st.floats(0, 150),
    horizon=st.floats(1, 90),
)
def test_closed_form_equals_quadrature(repeats: int, recency: float, pause: float, horizon: float) -> None:
    last = recency if repeats else 0.0
    history = np.array([repeats]), np.array([last]), np.array([last + pause])

    alive, buys = posterior_by_quadrature(repeats, last, last + pause, horizon)

    assert alive_probability(SPEC, *history)[0] == pytest.approx(alive, rel=1e-5)
    assert purchase_probability(SPEC, *history, horizon)[0] == pytest.approx(buys, rel=1e-5, abs=1e-9)


def test_closed_form_equals_brute_force_given_the_history() -> None:
    """Customers simulated with numpy's generator, purchase by purchase; like histories make a cell."""
    generator = np.random.default_rng(5)
    count, age, horizon = 60_000, 120.0, 25.0
    rates = generator.gamma(SPEC.purchase_rate_shape, 1 / SPEC.purchase_rate_scale, count)
    chances = generator.beta(SPEC.drop_out_a, SPEC.drop_out_b, count)
    now, last, repeats = np.zeros(count), np.zeros(count), np.zeros(count, dtype=int)
    buys = np.zeros(count, dtype=bool)
    active = generator.random(count) >= chances
    while active.any():
        now = np.where(active, now + generator.exponential(1, count) / rates, now)
        seen = active & (now < age)
        last, repeats = np.where(seen, now, last), repeats + seen
        buys |= active & (now >= age) & (now < age + horizon)
        active = seen & (generator.random(count) >= chances)

    predicted = purchase_probability(SPEC, repeats, last, np.full(count, age), horizon)

    cells = np.minimum(repeats, 8) * 4 + np.minimum(last // 30, 3).astype(int)
    assert_calibrated(predicted, buys, cells)


def assert_calibrated(predicted: np.ndarray, happened: np.ndarray, cells: np.ndarray) -> None:
    """Sums of outcomes lie within some standard errors of the predicted, cell by cell and together."""
    scores = []
    for cell in np.unique(cells):
        inside = cells == cell
        spread = np.sqrt((predicted[inside] * (1 - predicted[inside])).sum())
        if spread > 2:
            scores.append((happened[inside].sum() - predicted[inside].sum()) / spread)
    assert len(scores) >= 10
    assert np.abs(scores).max() < 4.5
    assert stats.chi2.sf(np.square(scores).sum(), len(scores)) > 1e-4


@pytest.mark.parametrize("kind", ["best_possible_probability", "latent_probability"])
@pytest.mark.parametrize(("month", "horizon_days"), [(3, 7), (6, 30), (10, 60)])
def test_probability_is_calibrated_on_the_simulated_shop(kind: str, month: int, horizon_days: int) -> None:
    snapshot = datetime(2011, month, 1, 13, 30, tzinfo=UTC)
    predicted = getattr(shop(), kind)(snapshot, horizon_days)
    happened = shop().outcome(snapshot, horizon_days)

    assert predicted["customer_id"].equals(happened["customer_id"])
    probability = predicted["probability"].to_numpy()
    ranks = np.argsort(np.argsort(probability, kind="stable"))
    assert_calibrated(probability, happened["bought"].to_numpy(), ranks * 15 // len(ranks))


def test_best_possible_beats_the_constant_and_knowing_the_hidden_beats_both() -> None:
    happened = shop().outcome(SNAPSHOT, 30)["bought"].to_numpy()
    best = shop().best_possible_probability(SNAPSHOT, 30)["probability"].to_numpy()
    latent = shop().latent_probability(SNAPSHOT, 30)["probability"].to_numpy()

    constant = log_loss(happened, np.full(len(happened), happened.mean()))

    assert log_loss(happened, best) < constant - 0.08
    assert log_loss(happened, latent) < log_loss(happened, best) - 0.08


def test_distorting_the_best_possible_makes_it_worse() -> None:
    happened = shop().outcome(SNAPSHOT, 30)["bought"].to_numpy()
    best = shop().best_possible_probability(SNAPSHOT, 30)["probability"].to_numpy()
    logit = np.log(best / (1 - best))

    for scale, shift in ((0.8, 0.0), (1.25, 0.0), (1.0, 0.2), (1.0, -0.2)):
        distorted = 1 / (1 + np.exp(-(scale * logit + shift)))
        assert log_loss(happened, best) < log_loss(happened, distorted)


def test_default_shop_has_a_share_of_buyers_near_three_tenths() -> None:
    bought = shop().outcome(SNAPSHOT, 30)["bought"]

    assert bought.mean() == pytest.approx(0.3, abs=0.04)


def test_truth_tells_of_the_customers_and_purchases_in_the_files() -> None:
    spec = ShopSpec(customers=300, days=150)
    snapshot, end = datetime(2011, 3, 10, 12, tzinfo=UTC), datetime(2011, 4, 9, 12, tzinfo=UTC)
    rows = pl.concat(landed.rows for landed in landing_days(spec)).with_columns(
        pl.col("InvoiceDate").dt.replace_time_zone("UTC"), pl.col("CustomerID").cast(pl.Int64)
    )
    bought = rows.filter(pl.col("CustomerID").is_not_null(), ~pl.col("InvoiceNo").str.starts_with("C"))
    before = bought.filter(pl.col("InvoiceDate") < snapshot)
    window = bought.filter(pl.col("InvoiceDate").is_between(snapshot, end, closed="left"))
    expected = before.group_by("CustomerID").agg(pl.col("InvoiceNo").n_unique() - 1).sort("CustomerID")

    history, outcome = truth(spec).history(snapshot), truth(spec).outcome(snapshot, 30)

    assert history["customer_id"].to_list() == expected["CustomerID"].to_list()
    assert history["repeat_purchases"].to_list() == expected["InvoiceNo"].to_list()
    buyers = set(window["CustomerID"]) & set(before["CustomerID"])
    assert set(outcome.filter("bought")["customer_id"]) == buyers


def test_probabilities_do_not_change_when_the_shop_grows() -> None:
    grown = truth(SPEC.extended(10)).best_possible_probability(SNAPSHOT, 30)

    assert grown.equals(shop().best_possible_probability(SNAPSHOT, 30))


def test_horizon_may_reach_beyond_the_shop_but_its_outcome_may_not() -> None:
    end = datetime.combine(SPEC.last_day, datetime.min.time(), UTC) + timedelta(days=1)

    assert shop().best_possible_probability(end, 30)["probability"].is_between(0, 1).all()
    with pytest.raises(SimulationError, match="extend the shop"):
        shop().outcome(end, 30)


@pytest.mark.parametrize(
    ("snapshot", "message"),
    [
        (SNAPSHOT.replace(tzinfo=None), "time zone"),
        (datetime(2011, 9, 1, 0, 0, 30, tzinfo=UTC), "whole minute"),
        (datetime(2010, 11, 30, tzinfo=UTC), "outside the shop's days"),
        (datetime(2012, 1, 1, tzinfo=UTC), "outside the shop's days"),
    ],
)
def test_unusable_snapshots_are_refused(snapshot: datetime, message: str) -> None:
    with pytest.raises(SimulationError, match=message):
        shop().best_possible_probability(snapshot, 30)


def test_horizon_of_no_days_is_refused() -> None:
    with pytest.raises(SimulationError, match="at least 1 day"):
        shop().latent_probability(SNAPSHOT, 0)
