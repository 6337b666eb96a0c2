"""How old an asset's newest materialisation may be."""

from __future__ import annotations

from datetime import timedelta

from ml_assets.specs.times import span_length
from ml_assets.warehouse.asset import TableAsset

_OF_SNAPSHOTS = {"day": "2 days", "week": "9 days", "month": "33 days"}


def age_limit(asset: TableAsset, default: str) -> timedelta:
    """By its snapshots; without any by its declaration, else the profile's `default`. A limit of the pipeline, not of the
    data: that one is the check FR001."""
    if asset.snapshots is not None:
        return span_length(_OF_SNAPSHOTS[asset.snapshots.every])
    return span_length(asset.max_age or default)
