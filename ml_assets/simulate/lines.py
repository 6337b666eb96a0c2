"""The rows of one day: invoices of the ledger dressed as lines of a landing file."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from ml_assets.simulate.catalogue import DEAR_PRICE, SLOT_BITS, Catalogue
from ml_assets.simulate.draws import Bits, Flags, Floats, Ints, Purpose, bit_field, child_keys, uniforms
from ml_assets.simulate.ledger import FIRST_INVOICE_NUMBER, NO_CUSTOMER, Kind, Ledger
from ml_assets.simulate.operating_time import MINUTES_A_DAY
from ml_assets.simulate.purchases import FIRST_CUSTOMER_ID, customer_keys
from ml_assets.simulate.spec import ShopSpec

_MINUTE = 60_000_000  # microseconds
_BULK_QUANTITY = 48
_BULK_REBATE = 0.85


@dataclass(frozen=True)
class Oddities:
    """Rows of each planted oddity. A row may count twice, for a repeated return say."""

    guest_rows: int = 0
    return_rows: int = 0
    repeated_rows: int = 0
    zero_price_rows: int = 0
    bad_debt_rows: int = 0
    absurd_price_rows: int = 0


@dataclass(frozen=True)
class DayBook:
    """The invoices of one day."""

    day: date
    first: int
    """Position of the first of them in the whole ledger."""
    invoices: Ledger
    minutes: Ints
    """Minute of the day of each."""


@dataclass(frozen=True)
class Lines:
    """Lines of one day before repetition, one entry each, in file order."""

    invoices: Ints
    """Position of the invoice within the day."""
    kinds: Ints
    bits: Bits
    products: Ints
    quantities: Ints
    prices: Floats


def day_rows(spec: ShopSpec, catalogue: Catalogue, book: DayBook) -> tuple[pl.DataFrame, Oddities]:
    """The landing rows of one day in invoice order, and what was planted in them."""
    lines = _lines(catalogue, book.invoices)
    is_repeated = bit_field(lines.bits, 40, 16) < round(spec.repeated_share * (1 << 16))
    rows = np.repeat(np.arange(len(is_repeated)), 1 + is_repeated)
    frame = _frame(catalogue, lines, rows, _header(spec, catalogue, book))
    return frame, _oddities(lines, rows, book.invoices, is_repeated)


def _lines(catalogue: Catalogue, invoices: Ledger) -> Lines:
    owner = np.repeat(np.arange(len(invoices.lines)), invoices.lines)
    kinds = invoices.kinds[owner].astype(np.int64)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(invoices.lines) - invoices.lines, invoices.lines)
    basket = invoices.basket_lines[owner].astype(np.int64)
    is_return = kinds == Kind.RETURN
    # A return takes neighbouring lines of its purchase, from a place that follows from the purchase's key.
    begins = (uniforms(invoices.keys, Purpose.RETURN) * (1 << 30)).astype(np.int64)[owner]
    number = np.where(is_return, (within + begins) % basket, within)
    bits = child_keys(invoices.keys[owner], number.astype(np.uint64))
    products = _products(catalogue, invoices, owner, number, bits)
    quantities = catalogue.quantities[
        (catalogue.prices[products] >= DEAR_PRICE).astype(np.int64), bit_field(bits, 24, SLOT_BITS)
    ]
    prices = catalogue.prices[products]
    rebate = quantities >= _BULK_QUANTITY
    prices[rebate] = np.round(prices[rebate] * _BULK_REBATE, 2)
    quantities = np.where(is_return, _returned(quantities, bits), quantities)
    lines = Lines(owner, kinds, bits, products, quantities, prices)
    _book_specially(catalogue, lines)
    return lines


def _products(catalogue: Catalogue, invoices: Ledger, owner: Ints, number: Ints, bits: Bits) -> Ints:
    """Popularity-weighted products, hardly ever the same one twice in a basket.

    Each line draws from its own stretch of the slots; with a random offset a basket, every line still has the
    catalogue's popularity.
    """
    offset = uniforms(invoices.keys, Purpose.BASKET_OFFSET)[owner]
    stretch = (number + bit_field(bits, 0, 24) * 2.0**-24) / invoices.basket_lines[owner]
    slots = ((stretch + offset) * (1 << SLOT_BITS)).astype(np.int64) & ((1 << SLOT_BITS) - 1)
    return np.asarray(catalogue.by_slot[slots])


def _returned(quantities: Ints, bits: Bits) -> Ints:
    """Minus what comes back: everything in half of the cases, else a part."""
    is_whole = bit_field(bits, 63, 1) == 1
    part = np.maximum(quantities * bit_field(bits, 56, 7) // (1 << 7), 1)
    return np.asarray(-np.where(is_whole, quantities, part))


def _book_specially(catalogue: Catalogue, lines: Lines) -> None:
    """Overwrites write-offs, bad debts and absurd prices in place."""
    written_off = lines.kinds == Kind.WRITE_OFF
    lines.prices[written_off] = 0.0
    lines.quantities[written_off & (bit_field(lines.bits, 56, 1) == 1)] *= -1
    bad_debts = np.flatnonzero(lines.kinds == Kind.BAD_DEBT)
    is_claim = bit_field(lines.bits[bad_debts], 56, 2) == 0
    lines.products[bad_debts] = catalogue.bad_debt
    lines.prices[bad_debts] = np.where(is_claim, 1, -1) * _huge_prices(lines.bits[bad_debts])
    manual = np.flatnonzero(lines.kinds == Kind.ABSURD_PRICE)
    lines.products[manual] = catalogue.manual
    lines.prices[manual] = _huge_prices(lines.bits[manual])
    lines.quantities[lines.products >= catalogue.bad_debt] = 1


def _huge_prices(bits: Bits) -> Floats:
    """From 5,000.00 to 39,999.99."""
    return np.asarray((500_000 + bit_field(bits, 0, 24) % 3_500_000) / 100)


def _header(spec: ShopSpec, catalogue: Catalogue, book: DayBook) -> pl.DataFrame:
    """What all lines of an invoice share, one row an invoice."""
    invoices = book.invoices
    midnight = (book.day - date(1970, 1, 1)).days * MINUTES_A_DAY
    prefix = np.select([invoices.kinds == Kind.RETURN, invoices.kinds == Kind.BAD_DEBT], [1, 2], 0)
    numbers = np.arange(book.first, book.first + len(book.minutes)) + FIRST_INVOICE_NUMBER
    is_guest = invoices.customers == NO_CUSTOMER
    # As floating-point numbers: that is what gave the real files their ids like 17850.0.
    ids = pl.Series(np.where(is_guest, np.nan, invoices.customers + FIRST_CUSTOMER_ID))
    owners = np.where(is_guest, invoices.keys, customer_keys(spec, invoices.customers.astype(np.uint64)))
    countries = catalogue.country_by_slot[bit_field(child_keys(owners, Purpose.COUNTRY), 0, SLOT_BITS)]
    return pl.DataFrame(
        {
            "InvoiceNo": pl.Series(["", "C", "A"]).gather(prefix) + pl.Series(numbers).cast(pl.String),
            "InvoiceDate": pl.Series((midnight + book.minutes) * _MINUTE).cast(pl.Datetime("us")),
            "CustomerID": ids.fill_nan(None),
            "Country": catalogue.countries.gather(countries),
        }
    )


def _frame(catalogue: Catalogue, lines: Lines, rows: Ints, header: pl.DataFrame) -> pl.DataFrame:
    products = lines.products[rows]
    described = np.where(lines.kinds[rows] == Kind.WRITE_OFF, catalogue.no_description, products)
    shared = header[lines.invoices[rows]]
    return pl.DataFrame(
        {
            "InvoiceNo": shared["InvoiceNo"],
            "StockCode": catalogue.codes.gather(products),
            "Description": catalogue.descriptions.gather(described),
            "Quantity": lines.quantities[rows],
            "InvoiceDate": shared["InvoiceDate"],
            "UnitPrice": lines.prices[rows],
            "CustomerID": shared["CustomerID"],
            "Country": shared["Country"],
        }
    )


def _oddities(lines: Lines, rows: Ints, invoices: Ledger, is_repeated: Flags) -> Oddities:
    kinds = np.bincount(lines.kinds[rows], minlength=len(Kind))
    guests = invoices.customers[lines.invoices[rows]] == NO_CUSTOMER
    return Oddities(
        guest_rows=int(guests.sum()),
        return_rows=int(kinds[Kind.RETURN]),
        repeated_rows=int(is_repeated.sum()),
        zero_price_rows=int(kinds[Kind.WRITE_OFF]),
        bad_debt_rows=int(kinds[Kind.BAD_DEBT]),
        absurd_price_rows=int(kinds[Kind.ABSURD_PRICE]),
    )
