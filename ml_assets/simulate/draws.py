"""Random numbers addressed by key: the same key gives the same number, whatever else was drawn before.

A shop is grown by adding days, so no draw may depend on how many others were made. Each customer, purchase
and line has a 64-bit key; its numbers are a hash of that key (the SplitMix64 finaliser: Steele, Lea, Flood
2014, "Fast Splittable Pseudorandom Number Generators").
"""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


class Purpose(IntEnum):
    """What a number is drawn for; far above any line or purchase number, so that the two never meet."""

    CUSTOMER = 1 << 32
    CATALOGUE = 2 << 32
    RATE = 3 << 32
    DROP_OUT_CHANCE = 4 << 32
    JOINING = 5 << 32
    COUNTRY = 6 << 32
    GAP = 7 << 32
    DROP_OUT = 8 << 32
    BASKET_SIZE = 9 << 32
    BASKET_OFFSET = 10 << 32
    RETURN = 11 << 32
    RETURN_DELAY = 12 << 32
    RETURN_SIZE = 13 << 32
    GUEST = 14 << 32
    WRITE_OFF = 15 << 32
    BAD_DEBT = 16 << 32
    ABSURD_PRICE = 17 << 32
    TIME_OF_DAY = 18 << 32
    PRICE = 19 << 32
    SHELF = 20 << 32


def seed_key(seed: int) -> Bits:
    """The root key of a seed, shape `(1,)`."""
    return child_keys(np.array([seed], dtype=np.uint64), 0)


def child_keys(keys: Bits, number: Bits | int) -> Bits:
    """Keys of the children `number` of `keys` (broadcast together); distinct numbers give unrelated keys."""
    # At least 1-d: numpy warns about the wanted wrap-around of scalars alone.
    step = np.atleast_1d(np.asarray(number, dtype=np.uint64)) + np.uint64(1)
    mixed = keys + step * _GOLDEN
    mixed ^= mixed >> np.uint64(30)
    mixed *= _FIRST
    mixed ^= mixed >> np.uint64(27)
    mixed *= _SECOND
    mixed ^= mixed >> np.uint64(31)
    return mixed


def uniforms(keys: Bits, purpose: Purpose) -> Floats:
    """One number a key, uniform in the open interval (0, 1)."""
    top = (child_keys(keys, purpose) >> np.uint64(11)).astype(np.float64)
    return (top + 0.5) * 2.0**-53


def bit_field(bits: Bits, start: int, width: int) -> Ints:
    """`width` bits of each word from bit `start` on, as integers in [0, 2**width)."""
    return ((bits >> np.uint64(start)) & np.uint64((1 << width) - 1)).astype(np.int64)


def slots_of(weights: Floats, slots: int) -> Ints:
    """Index table of length `slots` in which index i stands about `weights[i]` / total of the time.

    A draw is then one look-up instead of a search through cumulated weights.
    """
    edges = np.cumsum(weights) / weights.sum()
    middles = (np.arange(slots) + 0.5) / slots
    return np.minimum(np.searchsorted(edges, middles, side="right"), len(weights) - 1).astype(np.int64)
