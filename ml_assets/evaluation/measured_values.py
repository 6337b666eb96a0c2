"""The rows of `evaluation.<model>`: every metric of every estimator on every part."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple


class MeasuredValue(NamedTuple):
    """One row of `evaluation.<model>`. A null snapshot is the part as a whole; a metric that does not exist is null.

    `low` and `high` are the 95 % interval of the test part as a whole. `positives` is null but for binary tasks.
    """

    version: int
    estimator: str
    part: str
    snapshot: datetime | None
    metric: str
    value: float | None
    low: float | None
    high: float | None
    rows: int
    positives: int | None


def whole_test(values: Sequence[MeasuredValue]) -> dict[str, dict[str, float | None]]:
    """Estimator → metric → value on the whole test part."""
    found: dict[str, dict[str, float | None]] = {}
    for row in values:
        if row.part == "test" and row.snapshot is None:
            found.setdefault(row.estimator, {})[row.metric] = row.value
    return found
