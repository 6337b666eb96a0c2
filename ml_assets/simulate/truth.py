"""What can be known at best: exact probabilities that a customer of the simulated shop buys again."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
from scipy import special

from ml_assets.simulate.draws import Floats, Ints
from ml_assets.simulate.errors import SimulationError
from ml_assets.simulate.operating_time import OperatingTime
from ml_assets.simulate.purchases import FIRST_CUSTOMER_ID, population, simulated_purchases
from ml_assets.simulate.spec import ShopSpec


def alive_probability(spec: ShopSpec, repeats: Ints, recency: Floats, age: Floats) -> Floats:
    """P(still a customer | x repeat purchases, the last at t_x, observed until T).

    Times in operating days since the first purchase; t_x = 0 where x = 0. Drop-out may follow every purchase,
    the first included: who left at the last one has survived x chances to leave, who did not x + 1.

        left:   E[lambda^x exp(-lambda t_x)] E[p (1-p)^x]
                = alpha^r Gamma(r+x) / Gamma(r) / (alpha + t_x)^(r+x)  B(a+1, b+x) / B(a, b)
        alive:  E[lambda^x exp(-lambda T)] E[(1-p)^(x+1)]
                = alpha^r Gamma(r+x) / Gamma(r) / (alpha + T)^(r+x)    B(a, b+x+1) / B(a, b)

    and B(a+1, b+x) / B(a, b+x+1) = a / (b+x), so P = 1 / (1 + a/(b+x) ((alpha+T)/(alpha+t_x))^(r+x)).

    Source: Batislam, Denizel, Filiztekin (2007), "Empirical validation and comparison of models for customer
    base analysis", and Hoppe, Wagner (2007), "Customer base analysis: the case for a central variant of the
    Betageometric/NBD model". It differs from the BG/NBD of Fader, Hardie, Lee (2005), "Counting your
    customers the easy way", in that there the first purchase cannot be the last: a/(b+x-1), P = 1 for x = 0.
    """
    power = spec.purchase_rate_shape + repeats
    stretch = np.log((spec.purchase_rate_scale + age) / (spec.purchase_rate_scale + recency))
    log_odds_left = np.log(spec.drop_out_a / (spec.drop_out_b + repeats)) + power * stretch
    return np.asarray(special.expit(-log_odds_left))


def purchase_probability(spec: ShopSpec, repeats: Ints, recency: Floats, age: Floats, horizon: float) -> Floats:
    """P(at least one purchase in the next `horizon` operating days | x, t_x, T), as in `alive_probability`.

    If they are still a customer, lambda ~ Gamma(r+x, alpha+T), so P(none) = ((alpha+T)/(alpha+T+h))^(r+x).
    Whether there is a first purchase in the horizon does not depend on the drop-outs that may follow it.
    """
    observed = spec.purchase_rate_scale + age
    none = np.exp((spec.purchase_rate_shape + repeats) * -np.log1p(horizon / observed))
    return np.asarray(alive_probability(spec, repeats, recency, age) * (1 - none))


class ShopTruth:
    """The hidden side of a shop, for any snapshot and horizon.

    The population at a snapshot are the customers whose first purchase came before it. The window of a
    horizon is [snapshot, snapshot + horizon_days), calendar days. A snapshot is an aware whole minute within
    the shop's days: invoices are stamped to the minute, so between minutes files and truth would part. A
    purchase is an invoice that is no return and has a CustomerID; the planted oddities leave all of them with
    at least one line of positive quantity and price. Frames have one row a customer, ascending by customer_id
    (integer).
    """

    def __init__(self, spec: ShopSpec) -> None:
        """Simulates the purchases once; the methods then only count."""
        self.spec = spec
        self._time = OperatingTime(spec)
        self._people = population(spec, self._time.end)
        self._bought = simulated_purchases(self._people, self._time)

    def best_possible_probability(self, snapshot: datetime, horizon_days: int) -> pl.DataFrame:
        """customer_id, probability: that they buy in the window, given their own purchases before it and the
        true population parameters (r, alpha, a, b, the calendar).

        No model that sees the files alone can have a better expected log loss or Brier score: baskets,
        countries and returns say nothing about rate and drop-out.
        """
        history = self.history(snapshot)
        probability = purchase_probability(
            self.spec,
            history["repeat_purchases"].to_numpy(),
            history["recency"].to_numpy(),
            history["age"].to_numpy(),
            self._horizon(snapshot, horizon_days),
        )
        return history.select("customer_id", probability=pl.Series(probability))

    def latent_probability(self, snapshot: datetime, horizon_days: int) -> pl.DataFrame:
        """customer_id, probability: that they buy in the window, given their hidden rate and whether they
        have left."""
        who, last, _ = self._before(snapshot)
        none = np.exp(-self._people.rates[who] * self._horizon(snapshot, horizon_days))
        return _by_customer(who, probability=np.where(self._bought.is_last[last], 0.0, 1 - none))

    def outcome(self, snapshot: datetime, horizon_days: int) -> pl.DataFrame:
        """customer_id, bought: whether they did buy in the window, which must lie within the shop's days."""
        who, last, _ = self._before(snapshot)
        end = self._at(snapshot + timedelta(days=horizon_days), "end of the window")
        following = np.minimum(last + 1, len(self._bought.times) - 1)
        is_theirs = last + 1 < self._bought.starts[who + 1]
        return _by_customer(who, bought=is_theirs & (self._bought.times[following] < end))

    def history(self, snapshot: datetime) -> pl.DataFrame:
        """customer_id, repeat_purchases (x), recency (t_x) and age (T): all a best possible forecast needs.

        Recency and age in operating days since the customer's first purchase; recency is that of the last
        one.
        """
        who, last, now = self._before(snapshot)
        joined = self._bought.times[self._bought.starts[who]]
        return _by_customer(
            who,
            repeat_purchases=last - self._bought.starts[who],
            recency=self._bought.times[last] - joined,
            age=now - joined,
        )

    def _before(self, snapshot: datetime) -> tuple[Ints, Ints, float]:
        """Customers known at the snapshot, the position of each one's last purchase before it, its operating
        time."""
        now = self._at(snapshot, "snapshot")
        counts = np.bincount(self._bought.customers[self._bought.times < now], minlength=len(self._people.keys))
        who = np.flatnonzero(counts)
        return who, self._bought.starts[who] + counts[who] - 1, now

    def _at(self, moment: datetime, name: str) -> float:
        if moment.tzinfo is None or moment.second or moment.microsecond:
            raise SimulationError(
                f"unusable {name}",
                expected="a whole minute with a time zone",
                got=repr(moment),
                remedy="write datetime(2011, 6, 1, tzinfo=UTC)",
            )
        try:
            return self._time.at(moment)
        except ValueError:
            raise SimulationError(
                f"{name} outside the shop's days",
                expected=f"from {self.spec.first_day} to the end of {self.spec.last_day}, UTC",
                got=moment,
                remedy="choose an earlier moment, or extend the shop: spec.extended(days)",
            ) from None

    def _horizon(self, snapshot: datetime, horizon_days: int) -> float:
        """Operating days in the window, which may reach beyond the shop's days: the calendar is known."""
        if horizon_days < 1:
            raise SimulationError("unusable horizon", expected="at least 1 day", got=horizon_days)
        ahead = OperatingTime(self.spec, self.spec.days + horizon_days)
        return ahead.at(snapshot + timedelta(days=horizon_days)) - self._at(snapshot, "snapshot")


def truth(spec: ShopSpec) -> ShopTruth:
    """The hidden side of the shop that `write_shop` writes for this spec."""
    return ShopTruth(spec)


def _by_customer(who: Ints, **columns: np.ndarray) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": who + FIRST_CUSTOMER_ID, **columns})
