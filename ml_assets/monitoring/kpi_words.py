"""Indicators as people read them."""

from __future__ import annotations

import math

_DAY_HOURS = 48


def value_in_words(value: float | None, unit: str) -> str:
    """A value with its unit; "-" where there is none."""
    if value is None:
        return "-"
    if unit == "share":
        return f"{value * 100:.1f}".removesuffix(".0") + " %"
    if unit == "hours":
        return f"{value / 24:.1f} days" if value >= _DAY_HOURS else f"{value:.1f} h"
    if unit == "seconds":
        return f"{_plainly(value)} s"
    if unit == "count":
        return f"{value:.4g}"
    if unit == "correlation":
        return f"{value:+.2f}"
    return f"{_plainly(value)} {unit}"


def _plainly(value: float) -> str:
    """Three significant digits, written out."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    text = f"{value:,.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def interval_in_words(low: float | None, high: float | None, unit: str) -> str:
    """An interval; the empty text without one, and where it is no wider than the value."""
    return (
        ""
        if low is None or high is None or low == high
        else f"{value_in_words(low, unit)} to {value_in_words(high, unit)}"
    )


def parts_in_words(numerator: float | None, denominator: float | None, unit: str) -> str:
    """What a share is a share of, or how many were looked at; the empty text where that says nothing."""
    if unit == "share" and numerator is not None and denominator:
        return f"{numerator:g} of {denominator:g}"
    if unit in ("hours", "seconds", "correlation") and denominator:
        return f"of {denominator:g}"
    return ""


def change_in_words(value: float | None, before: float | None, unit: str) -> str:
    """How far a value is from that of the window before; the empty text where either is not known."""
    if value is None or before is None:
        return ""
    difference = value - before
    if abs(difference) <= 1e-12 * max(abs(value), abs(before), 1.0):
        return "as before"
    sign = "+" if difference > 0 else "-"
    if unit == "share":
        return f"{sign}{abs(difference) * 100:.1f}".removesuffix(".0") + " points"
    if unit == "correlation":
        return f"{difference:+.2f}"
    return f"{sign}{value_in_words(abs(difference), unit)}"
