"""Exact TreeSHAP contributions of 10,000 rows x 30 features x 300 trees, beside LightGBM's own; and the slice search."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ml_assets.evaluation.explanations import reason_codes, tree_contributions
from ml_assets.evaluation.slice_search import worst_slices
from ml_assets.training.lightgbm_library import Trees, train_trees

ROWS, FEATURES, TREES, SEARCHED = 10_000, 30, 300, 100_000


def measure(_: argparse.Namespace) -> dict[str, Any]:
    """Seconds for trees of 6 and of 31 leaves (the library's default), and for a search of 100,000 rows x 30 columns."""
    random = np.random.default_rng(0)
    matrix = random.normal(size=(2 * ROWS, FEATURES))
    odds = matrix[:, :8] @ random.normal(size=8) / 2 + matrix[:, 0] * matrix[:, 1]
    label = (random.random(2 * ROWS) < 1 / (1 + np.exp(-odds))).astype(float)
    figures: dict[str, Any] = {}
    for leaves in (6, 31):
        parameters = {
            "objective": "binary",
            "metric": "binary_logloss",
            "num_leaves": leaves,
            "learning_rate": 0.03,
            "verbosity": -1,
        }
        text = train_trees((matrix, label), parameters, TREES).text
        trees, names, rows = (
            Trees(text),
            [f"f{place}" for place in range(FEATURES)],
            np.ascontiguousarray(matrix[:ROWS]),
        )
        found, ours = _timed(lambda text=text, rows=rows, names=names: tree_contributions(text, rows, names))
        said, library = _timed(lambda trees=trees, rows=rows: trees.contributions(rows))
        _, reasons = _timed(lambda found=found: reason_codes(found))
        apart = float(np.abs(found.values - said[:, :-1]).max())
        print(
            f"  {leaves} leaves: {ours:.2f} s (target 5), LightGBM's own {library:.2f} s, largest difference {apart:.0e}; "
            f"reason codes {reasons:.2f} s",
            flush=True,
        )
        figures[f"leaves_{leaves}"] = {
            "seconds": ours,
            "library_seconds": library,
            "difference": apart,
            "reason_codes": reasons,
        }
    figures["slice_search"] = _search(random)
    return figures


def _search(random: np.random.Generator) -> float:
    columns = {f"f{place}": random.normal(size=SEARCHED) for place in range(FEATURES)}
    score = 1 / (1 + np.exp(-columns["f0"]))
    label = (random.random(SEARCHED) < score).astype(float)
    found, seconds = _timed(lambda: worst_slices(label, score, columns, np.arange(SEARCHED) // 4))
    print(f"  slice search: {seconds:.2f} s for {SEARCHED:,} rows, {found.slices:,} slices (target 2)", flush=True)
    return seconds


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    found = call()
    return found, time.perf_counter() - start
