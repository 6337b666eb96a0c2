"""How many customers make a shop of a wanted number of rows."""

from ml_assets.simulate.errors import SimulationError
from ml_assets.simulate.ledger import ledger_of
from ml_assets.simulate.operating_time import OperatingTime
from ml_assets.simulate.spec import ShopSpec

_FEWEST_ROWS = 1_000
_PILOT_CUSTOMERS = 20_000
# From here on chance moves the rows by less than the pilot's own error, about 1 %.
_EXACT_BELOW_ROWS = 2_000_000
_CLOSE_ENOUGH = 0.02
_TRIES = 8


def sized_customers(spec: ShopSpec, rows: int) -> int:
    """`customers` with which `spec` comes to about `rows` rows; those that `spec` names do not matter.

    A pilot gives rows a customer. A small shop is at the mercy of its few best customers, so there it is
    counted and corrected, and the nearest of some tries is taken.
    """
    if rows < _FEWEST_ROWS:
        raise SimulationError("too few rows for a shop", expected=f"at least {_FEWEST_ROWS}", got=rows)
    customers = max(1, round(_PILOT_CUSTOMERS * rows / counted_rows(spec, _PILOT_CUSTOMERS)))
    if rows >= _EXACT_BELOW_ROWS:
        return customers
    tried: dict[int, int] = {}
    while customers not in tried and len(tried) < _TRIES:
        tried[customers] = counted_rows(spec, customers)
        if abs(tried[customers] - rows) <= _CLOSE_ENOUGH * rows:
            break
        customers = max(1, round(customers * rows / max(tried[customers], 1)))
    return min(tried, key=lambda candidate: (abs(tried[candidate] - rows), candidate))


def counted_rows(spec: ShopSpec, customers: int) -> int:
    """Rows of the shop with that many customers: exact but for which lines repeat, which is taken at its
    mean."""
    sized = spec.model_copy(update={"customers": customers})
    ledger = ledger_of(sized, OperatingTime(sized))
    return round(int(ledger.lines.sum()) * (1 + spec.repeated_share))
