"""How long it took: to detect, to be acknowledged, to recover."""

from __future__ import annotations

from datetime import timedelta

from ml_assets.operations.incident_book import Incident


def times_of(one: Incident) -> dict[str, timedelta | None]:
    """By the clock: detected after it began, acknowledged and recovered after it was detected; None where it has not been."""
    return {
        "detected after": one.opened_at - one.began_at,
        "acknowledged after": one.acknowledged_at - one.opened_at if one.acknowledged_at is not None else None,
        "over after": one.closed_at - one.opened_at if one.closed_at is not None else None,
    }


def in_words(span: timedelta) -> str:
    """In minutes, hours or days, whichever is short."""
    minutes = span / timedelta(minutes=1)
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 1440:.1f} days"
