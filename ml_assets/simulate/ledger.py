"""The ledger: every invoice of the shop, before its lines are written out."""

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy import special

from ml_assets.simulate.draws import Bits, Floats, Purpose, child_keys, uniforms
from ml_assets.simulate.operating_time import OperatingTime
from ml_assets.simulate.purchases import population, simulated_purchases
from ml_assets.simulate.spec import ShopSpec

FIRST_INVOICE_NUMBER = 536365
NO_CUSTOMER = -1
_MOST_LINES = 1000

Int32s = npt.NDArray[np.int32]


class Kind(IntEnum):
    """What an invoice records."""

    PURCHASE = 0
    GUEST_PURCHASE = 1
    RETURN = 2
    WRITE_OFF = 3
    BAD_DEBT = 4
    ABSURD_PRICE = 5


@dataclass(frozen=True)
class Ledger:
    """Invoices in order of time, one entry each; position plus FIRST_INVOICE_NUMBER is the invoice number.

    It takes some 40 bytes an invoice, so that of a shop of 100 million rows fits in memory; lines never have
    to.
    """

    times: Floats
    """Operating time."""
    kinds: npt.NDArray[np.int8]
    customers: Int32s
    """Position of the customer in the population, or NO_CUSTOMER."""
    keys: Bits
    """Key of the basket from which the lines follow; that of a return is its purchase's."""
    lines: Int32s
    basket_lines: Int32s
    """Lines of the basket to which `keys` belongs: more than `lines` for most returns."""

    def sliced(self, start: int, stop: int) -> Self:
        """The invoices at positions [start, stop)."""
        return type(self)(*(getattr(self, field.name)[start:stop] for field in fields(self)))


class _Spawn(NamedTuple):
    kind: Kind
    purpose: Purpose
    rate: float
    """Mean invoices a purchase of a customer."""


def ledger_of(spec: ShopSpec, time: OperatingTime) -> Ledger:
    """All invoices before the end of `time`."""
    bought = simulated_purchases(population(spec, time.end), time)
    sizes = basket_sizes(spec, bought.keys)
    purchases = Ledger(
        times=bought.times,
        kinds=np.full(len(sizes), Kind.PURCHASE, dtype=np.int8),
        customers=bought.customers.astype(np.int32),
        keys=bought.keys,
        lines=sizes,
        basket_lines=sizes,
    )
    parts = [purchases, _returns(spec, purchases, time.end), *_anonymous(spec, purchases, time)]
    order = np.argsort(np.concatenate([part.times for part in parts]), kind="stable")
    return Ledger(*(np.concatenate([getattr(part, field.name) for part in parts])[order] for field in fields(Ledger)))


def basket_sizes(spec: ShopSpec, keys: Bits) -> Int32s:
    """Lines of each basket: lognormal, at least 1, at most 1000."""
    location = np.log(spec.mean_basket_lines) - spec.basket_spread**2 / 2
    normal = special.ndtri(uniforms(keys, Purpose.BASKET_SIZE))
    lines = np.rint(np.exp(location + spec.basket_spread * normal))
    return np.asarray(np.clip(lines, 1, _MOST_LINES), dtype=np.int32)


def _returns(spec: ShopSpec, purchases: Ledger, end: float) -> Ledger:
    """Returns of customers' purchases that come back before `end`, some days after the purchase."""
    delays = -np.log(uniforms(purchases.keys, Purpose.RETURN_DELAY)) * spec.mean_return_delay
    times = purchases.times + delays
    chosen = np.flatnonzero((uniforms(purchases.keys, Purpose.RETURN) < spec.return_share) & (times < end))
    keys, basket_lines = purchases.keys[chosen], purchases.basket_lines[chosen]
    stop_chance = 1 / spec.mean_return_lines
    draws = uniforms(keys, Purpose.RETURN_SIZE)
    lines = np.ones(len(chosen)) if stop_chance == 1 else np.ceil(np.log(draws) / np.log1p(-stop_chance))
    return Ledger(
        times=times[chosen],
        kinds=np.full(len(chosen), Kind.RETURN, dtype=np.int8),
        customers=purchases.customers[chosen],
        keys=keys,
        lines=np.clip(lines, 1, basket_lines).astype(np.int32),
        basket_lines=basket_lines,
    )


def _anonymous(spec: ShopSpec, purchases: Ledger, time: OperatingTime) -> list[Ledger]:
    """Invoices without customer. Their number on a day follows that day's purchases, so shares hold at every
    size."""
    guests_each = spec.guest_share / (1 - spec.guest_share)
    rows_each = spec.mean_basket_lines * (1 + guests_each)

    wanted = [
        _Spawn(Kind.GUEST_PURCHASE, Purpose.GUEST, guests_each),
        _Spawn(Kind.WRITE_OFF, Purpose.WRITE_OFF, rows_each * spec.zero_price_share),
        _Spawn(Kind.BAD_DEBT, Purpose.BAD_DEBT, rows_each * spec.bad_debt_share),
        _Spawn(Kind.ABSURD_PRICE, Purpose.ABSURD_PRICE, rows_each * spec.absurd_price_share),
    ]
    return [_spawned(spec, spawn, purchases, time) for spawn in wanted]


def _spawned(spec: ShopSpec, spawn: _Spawn, purchases: Ledger, time: OperatingTime) -> Ledger:
    """Invoices on the calendar day of the purchase they follow from, at a time of their own."""
    counts = np.floor(spawn.rate + uniforms(purchases.keys, spawn.purpose)).astype(np.int64)
    parents = np.repeat(np.arange(len(counts)), counts)
    numbers = np.arange(len(parents)) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = child_keys(child_keys(purchases.keys[parents], spawn.purpose), numbers.astype(np.uint64))
    days = time.days_of(purchases.times[parents])
    is_basket = spawn.kind == Kind.GUEST_PURCHASE
    lines = basket_sizes(spec, keys) if is_basket else np.ones(len(keys), dtype=np.int32)
    return Ledger(
        times=time.starts[days] + time.weights[days] * uniforms(keys, Purpose.TIME_OF_DAY),
        kinds=np.full(len(keys), spawn.kind, dtype=np.int8),
        customers=np.full(len(keys), NO_CUSTOMER, dtype=np.int32),
        keys=keys,
        lines=lines,
        basket_lines=lines,
    )
