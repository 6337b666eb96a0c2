"""Rows with known truth: exactly calibrated scores, outcomes and columns that go together within a customer."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ml_assets.evaluation.column_groups import Codes, Floats


class Judged(NamedTuple):
    """What the functions under test take; `score` is the true probability of `label`."""

    label: Floats
    score: Floats
    columns: dict[str, Any]
    cluster: Codes


def clean_rows(
    seed: int, *, clusters: int = 1000, each: int = 4, numbers: int = 6, base: float = -1.0, alike: float = 0.4
) -> Judged:
    """Outcomes of a customer come from normal draws with correlation `alike`, so rows are far from independent."""
    from scipy.special import ndtr

    random = np.random.default_rng(seed)
    cluster, rows = np.repeat(np.arange(clusters), each), clusters * each
    shared, own = random.normal(size=(clusters, numbers))[cluster], random.normal(size=(rows, numbers))
    values = 0.8 * shared + 0.6 * own
    columns: dict[str, Any] = {f"x{place}": values[:, place] for place in range(numbers)}
    columns["kind"] = np.array(list("abcdef"))[random.integers(0, 6, clusters)][cluster]
    columns["member"] = (random.random(clusters) < 0.3)[cluster]
    score = 1 / (1 + np.exp(-(base + 0.8 * values[:, 0] + 0.6 * values[:, 1])))
    drawn = np.sqrt(alike) * random.normal(size=clusters)[cluster] + np.sqrt(1 - alike) * random.normal(size=rows)
    return Judged((ndtr(drawn) < score).astype(float), score, columns, cluster)


def spoilt(rows: Judged, where: np.ndarray[Any, np.dtype[np.bool_]], seed: int = 0) -> Judged:
    """In `where`, outcomes are drawn with the opposite of the probability that is said."""
    opposite = np.random.default_rng(seed).random(len(rows.label)) < 1 - rows.score
    return rows._replace(label=np.where(where, opposite, rows.label))
