"""The shop's products and countries."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from ml_assets.simulate.draws import Bits, Floats, Ints, Purpose, child_keys, seed_key, slots_of, uniforms
from ml_assets.simulate.spec import ShopSpec

SLOT_BITS = 16
_SLOTS = 1 << SLOT_BITS

# Countries of the real shop with their invoices: heavily skewed, and a long tail.
_COUNTRIES = {
    "United Kingdom": 23494, "Germany": 603, "France": 461, "EIRE": 360, "Belgium": 119, "Spain": 105,
    "Netherlands": 101, "Switzerland": 74, "Portugal": 71, "Australia": 69, "Italy": 55, "Finland": 48,
    "Sweden": 46, "Norway": 40, "Channel Islands": 33, "Japan": 28, "Poland": 24, "Denmark": 21, "Cyprus": 20,
    "Austria": 19, "Unspecified": 13, "Singapore": 10, "Israel": 9, "USA": 7, "Hong Kong": 15, "Iceland": 7,
    "Malta": 10, "Greece": 6, "Canada": 6, "RSA": 2, "European Community": 5,
}  # fmt: skip

_PRICES = (
    0.19, 0.29, 0.39, 0.42, 0.55, 0.65, 0.79, 0.85, 1.06, 1.25, 1.45, 1.65, 1.95, 2.08, 2.1, 2.55, 2.95, 3.25,
    3.75, 4.15, 4.95, 5.95, 6.75, 7.95, 8.5, 9.95, 12.75, 14.95, 18.0, 24.95, 39.95, 165.0,
)  # fmt: skip
_PRICE_WEIGHTS = (
    1, 3, 5, 8, 5, 6, 3, 10, 2, 12, 8, 12, 10, 5, 6, 8, 10, 4, 7, 4, 7, 4, 3, 4, 3, 3, 2, 1.5, 0.7, 0.4, 0.2,
    0.02,
)  # fmt: skip
DEAR_PRICE = 2.5
# Quantities and how often, for products cheaper than DEAR_PRICE and for the others.
_QUANTITIES = np.array([1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 25, 36, 48, 72, 96, 100, 144, 200, 432, 1000])
_CHEAP = (22, 15, 7, 6, 2.8, 6, 2.5, 7, 17, 1.2, 1.4, 7, 1.5, 0.9, 1.9, 0.6, 0.5, 0.5, 0.4, 0.2, 0.06, 0.02)
_DEAR = (
    46,
    19,
    8,
    9,
    1.6,
    8,
    2.5,
    0.6,
    2.5,
    0.5,
    0.3,
    0.8,
    0.1,
    0.15,
    0.2,
    0.06,
    0.05,
    0.02,
    0.03,
    0.01,
    0,
    0,
)

_STYLES = (
    "WHITE", "RED RETROSPOT", "PINK POLKADOT", "VINTAGE", "BLUE PAISLEY", "IVORY", "SET OF 3", "SET OF 6",
    "PACK OF 12", "ANTIQUE SILVER", "WOODEN", "FRENCH BLUE", "JUMBO", "MINI", "ENGLISH ROSE", "STRAWBERRY",
    "BLACK", "GREEN REGENCY", "SPACEBOY", "DOLLY GIRL", "CHARLOTTE", "SKULLS", "WOODLAND", "GINGHAM",
    "SUKI", "CIRCUS PARADE", "HANGING", "ASSORTED",
)  # fmt: skip
_THINGS = (
    "T-LIGHT HOLDER", "METAL LANTERN", "COAT HANGER", "HOT WATER BOTTLE", "CAKE STAND", "BAG", "LUNCH BOX",
    "BUNTING", "TEACUP AND SAUCER", "PICTURE FRAME", "ALARM CLOCK", "CAKE CASES", "TISSUE BOX", "DOORMAT",
    "CUSHION COVER", "MUG", "PAPER CHAIN KIT", "JAM JAR", "NAPKINS", "BIRTHDAY CARD", "SEWING KIT",
    "TRINKET BOX", "DRAWER KNOB", "UMBRELLA", "PLANT POT", "WREATH", "CANDLE", "MIRROR", "NOTEBOOK",
    "APRON", "METAL SIGN", "STORAGE TIN", "MAGNETS", "BOWL",
)  # fmt: skip
# As in the real files: commas, quotation marks and blanks at the end, for whoever reads them to cope with.
_ENDINGS = (
    "",
    " ",
    " LARGE",
    " SMALL",
    ",HEART",
    ' 7"',
    " DESIGN",
    ", SINGLE ",
    " CHRISTMAS",
    " GIFT",
    " No 2",
)


@dataclass(frozen=True)
class Catalogue:
    """Products in order of no meaning. Codes and descriptions hold more entries, for rows that sell no
    product."""

    codes: pl.Series
    descriptions: pl.Series
    prices: Floats
    by_slot: Ints
    """Product of each popularity slot, shape `(2**SLOT_BITS,)`."""
    quantities: Ints
    """Quantity by (price tier, slot); tier 1 from DEAR_PRICE on."""
    countries: pl.Series
    country_by_slot: Ints
    no_description: int
    bad_debt: int
    manual: int


def catalogue_of(spec: ShopSpec) -> Catalogue:
    """The catalogue, the same for every shop of this seed and number of products."""
    count = spec.products
    keys = child_keys(child_keys(seed_key(spec.seed), Purpose.CATALOGUE), np.arange(count, dtype=np.uint64))
    # Ranks are dealt at random, so that neither code nor description tells how popular a product is.
    ranks = np.argsort(np.argsort(uniforms(keys, Purpose.SHELF), kind="stable"), kind="stable")
    prices = np.asarray(_PRICES)[slots_of(np.asarray(_PRICE_WEIGHTS, dtype=np.float64), _SLOTS)]
    tiers = [slots_of(np.asarray(weights, dtype=np.float64), _SLOTS) for weights in (_CHEAP, _DEAR)]
    return Catalogue(
        codes=pl.Series([*_codes(count), "B", "M"]),
        descriptions=pl.Series([*_descriptions(keys), "Adjust bad debt", "Manual", None]),
        prices=np.append(prices[(uniforms(keys, Purpose.PRICE) * _SLOTS).astype(np.int64)], [0.0, 0.0]),
        by_slot=slots_of(np.asarray((ranks + 30.0) ** -0.9, dtype=np.float64), _SLOTS),
        quantities=np.stack([_QUANTITIES[tier] for tier in tiers]),
        countries=pl.Series(list(_COUNTRIES)),
        country_by_slot=slots_of(np.array(list(_COUNTRIES.values()), dtype=np.float64), _SLOTS),
        no_description=count + 2,
        bad_debt=count,
        manual=count + 1,
    )


def _codes(count: int) -> list[str]:
    """Five digits, every eighth with a letter after them: such a column must be read as text."""
    return [f"{20_000 + 3 * n}{'ABCDE'[n % 5] if n % 8 == 0 else ''}" for n in range(count)]


def _descriptions(keys: Bits) -> list[str]:
    """Distinct as long as the words last (about 10 thousand), drawn without order."""
    total = len(_STYLES) * len(_THINGS) * len(_ENDINGS)
    every = np.arange(total, dtype=np.uint64)
    order = np.argsort(uniforms(child_keys(keys[:1], every), Purpose.SHELF), kind="stable")
    chosen = order[np.arange(len(keys)) % total]
    style, rest = np.divmod(chosen, len(_THINGS) * len(_ENDINGS))
    thing, ending = np.divmod(rest, len(_ENDINGS))
    return [f"{_STYLES[s]} {_THINGS[t]}{_ENDINGS[e]}" for s, t, e in zip(style, thing, ending, strict=True)]
