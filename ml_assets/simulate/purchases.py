"""Who joins when, and when they buy: a BG/NBD population in operating time.

Each customer has a purchase rate lambda ~ Gamma(r, alpha) and a drop-out chance p ~ Beta(a, b), independent
of each other, of the time of joining and of everything else about them. They join with a first purchase, buy
on as a Poisson process of rate lambda in operating time, and after *every* purchase, the first included, they
leave for good with chance p.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from ml_assets.simulate.draws import Bits, Flags, Floats, Ints, Purpose, child_keys, seed_key, uniforms
from ml_assets.simulate.operating_time import OperatingTime
from ml_assets.simulate.spec import ShopSpec

FIRST_CUSTOMER_ID = 12346


@dataclass(frozen=True)
class Customers:
    """The hidden population, one entry a customer who has joined; the position is customer_id -
    FIRST_CUSTOMER_ID."""

    keys: Bits
    joined: Floats
    rates: Floats
    drop_out_chances: Floats


@dataclass(frozen=True)
class Purchases:
    """All purchases within the shop's days, ordered by customer, then time. The first of a customer is the
    joining."""

    customers: Ints
    times: Floats
    keys: Bits
    is_last: Flags
    starts: Ints


def customer_keys(spec: ShopSpec, numbers: Bits) -> Bits:
    """Root keys of the customers at these positions of the population."""
    return child_keys(child_keys(seed_key(spec.seed), Purpose.CUSTOMER), numbers)


def population(spec: ShopSpec, end: float) -> Customers:
    """Everyone who could join before operating time `end`.

    The rush after the opening is a fixed number of customers, some of whom join after `end`; the others come
    one by one at an even pace. So who is who does not depend on `end`.
    """
    rushing = round(spec.customers * spec.opening_share)
    pace = (spec.customers - rushing) / spec.joining_days
    steady = int(np.ceil(pace * end))
    keys = customer_keys(spec, np.arange(rushing + steady, dtype=np.uint64))
    chance = uniforms(keys, Purpose.JOINING)
    joined = np.empty(len(keys))
    joined[:rushing] = -np.log1p(-chance[:rushing]) * spec.opening_days
    joined[rushing:] = (np.arange(steady) + chance[rushing:]) / max(pace, 1e-300)
    rates = special.gammaincinv(spec.purchase_rate_shape, uniforms(keys, Purpose.RATE)) / spec.purchase_rate_scale
    drop_outs = special.betaincinv(spec.drop_out_a, spec.drop_out_b, uniforms(keys, Purpose.DROP_OUT_CHANCE))
    return Customers(keys, joined, np.asarray(rates), np.asarray(drop_outs))


def simulated_purchases(people: Customers, time: OperatingTime) -> Purchases:
    """Every purchase of `people` before the end of `time`."""
    who = np.flatnonzero(people.joined < time.end)
    when = people.joined[who]
    rounds: list[tuple[Ints, Floats, Bits, Flags]] = []
    while len(who) or not rounds:
        keys = child_keys(people.keys[who], len(rounds))
        leaves = uniforms(keys, Purpose.DROP_OUT) < people.drop_out_chances[who]
        rounds.append((who, when, keys, leaves))
        who, when, keys = who[~leaves], when[~leaves], keys[~leaves]
        with np.errstate(divide="ignore"):  # a rate may underflow to 0: such a customer never comes again
            when = when - np.log(uniforms(keys, Purpose.GAP)) / people.rates[who]
        within = when < time.end
        who, when = who[within], when[within]
    return _by_customer(rounds, len(people.keys))


def _by_customer(rounds: list[tuple[Ints, Floats, Bits, Flags]], customers: int) -> Purchases:
    who, when, keys, leaves = (np.concatenate(parts) for parts in zip(*rounds, strict=True))
    order = np.argsort(who, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(who, minlength=customers))])
    return Purchases(who[order], when[order], keys[order], leaves[order], starts)
