"""Intervals of all metrics: 1,000 bootstrap draws of 100,000 rows, a candidate beside three baselines, by task."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from ml_assets.evaluation.bootstrap import bootstrap
from ml_assets.evaluation.comparison import comparisons

ROWS, DRAWS, CLASSES, QUERY_ROWS = 100_000, 1000, 4, 20


def measure(_options: argparse.Namespace) -> dict[str, Any]:
    """Wall and CPU seconds by task; binary also with rows in clusters of five."""
    figures = {}
    for name, asked in questions().items():
        wall, processor = time.perf_counter(), time.process_time()
        report = bootstrap(name.partition("_")[0], draws=DRAWS, **asked)
        found = comparisons(report)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        print(f"  {name:<16} {wall:.1f} s, {processor:.1f} s CPU, {len(found)} comparisons", flush=True)
        figures[name] = {"seconds": wall, "cpu_seconds": processor}
    return figures


def questions() -> dict[str, dict[str, Any]]:
    """Arguments of `bootstrap` by task: a good estimator, a worse one, one with few values, and a constant."""
    random = np.random.default_rng(0)
    truth = random.normal(size=ROWS)
    guesses = {
        "candidate": truth + random.normal(0, 0.5, ROWS),
        "linear": truth + random.normal(0, 1.0, ROWS),
        "one_rule": np.round(truth + random.normal(0, 2.0, ROWS)),
        "constant": np.zeros(ROWS),
    }
    happened = (random.random(ROWS) < 1 / (1 + np.exp(-truth))).astype(np.float64)
    probabilities = {name: 1 / (1 + np.exp(-found)) for name, found in guesses.items()}
    level = np.digitize(truth + random.normal(size=ROWS), [-1, 0, 1])
    centres = np.linspace(-1.5, 1.5, CLASSES)
    classes = {name: np.exp(-((found[:, None] - centres) ** 2)) for name, found in guesses.items()}
    binary: dict[str, Any] = {"label": happened, "scores": probabilities}
    return {
        "binary": binary,
        "binary_clusters": {**binary, "cluster": np.arange(ROWS) // 5},
        "multiclass": {
            "label": level,
            "scores": {name: found / found.sum(axis=1, keepdims=True) for name, found in classes.items()},
        },
        "regression": {"label": truth, "scores": guesses},
        "ranking": {"label": happened, "scores": guesses, "query": np.arange(ROWS) // QUERY_ROWS},
    }
