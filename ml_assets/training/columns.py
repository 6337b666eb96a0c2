"""Which features can teach anything."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ml_assets.errors import TrainingError


def usable_features(table: pa.Table, features: Sequence[str], place: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Features in order, and those left out with the reason: always missing, or one value in every training row.

    Raises TrainingError on infinite values, and when no feature is left.
    """
    kept, left_out, infinite = [], {}, {}
    for name in features:
        column = table[name]
        if pa.types.is_floating(column.type):
            found = pc.sum(pc.is_inf(column)).as_py() or 0
            if found:
                infinite[name] = found
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        if column.null_count == len(column):
            left_out[name] = "always missing"
        elif column.null_count == 0 and pc.count_distinct(column).as_py() == 1:
            left_out[name] = "the same value in every row"
        else:
            kept.append(name)
    if infinite:
        raise TrainingError(
            "features hold infinite values", place=place, expected="finite numbers or missing values",
            got=", ".join(f"{name} in {count} rows" for name, count in infinite.items()),
            remedy="guard the division in the feature SQL, so that what is undefined is null",
        )  # fmt: skip
    if not kept:
        raise TrainingError(
            "no feature has anything to teach", place=place, expected="features that differ between training rows",
            got="; ".join(f"{name}: {reason}" for name, reason in left_out.items()), remedy="repair the feature sets",
        )  # fmt: skip
    return tuple(kept), left_out
