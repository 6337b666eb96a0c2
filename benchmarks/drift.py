"""Drift of 50 columns from sketches, with the reference at hand: seconds and memory; false alarms and the smallest shift found."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import run
from ml_assets.monitoring.drift_rows import judged_rows
from ml_assets.monitoring.reference_rows import History, ReferenceColumn, Watched
from ml_assets.monitoring.sketch_sql import learn_bins, sketches
from ml_assets.monitoring.thresholds import ColumnJudge
from ml_assets.warehouse.store import Warehouse, Workbench
from ml_assets_tests.monitoring.simulated_columns import Population, alarm_weeks, allowed

SIZES = (300_000, 3_000_000)
NUMBERS, CATEGORIES, LISTED = 40, 10, 30
REFERENCE_ROWS, WEEKS, POPULATIONS = 100_000, 1000, 5
SHIFTS = (0.05, 0.08, 0.1, 0.12, 0.15, 0.2)


def measure(_options: argparse.Namespace) -> dict[str, Any]:
    """Seconds and peak megabytes by rows; alarms of 1,000 stable weeks; share of shifted weeks that are found."""
    figures: dict[str, Any] = {}
    for rows in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            run([sys.executable, "-m", "benchmarks.drift", "prepare", folder, str(rows)])
            timed = run([sys.executable, "-m", "benchmarks.drift", "judge", folder, str(rows)])
            found = json.loads((Path(folder) / "found.json").read_text(encoding="utf-8"))
        print(
            f"  {rows:>9,} rows x {NUMBERS + CATEGORIES} columns: {found['seconds']:.2f} s "
            f"({found['cpu_seconds']:.2f} s of CPU), peak {timed.megabytes:,.0f} MB",
            flush=True,
        )
        figures[str(rows)] = {**found, "peak_mb": timed.megabytes}
    figures["false_alarms"] = _false_alarms()
    figures["found"] = _found()
    return figures


def _false_alarms() -> dict[str, float]:
    """Mean alarms in 1,000 weeks of 50 columns, over several populations; the budget is one a year."""
    found = {"budget": allowed(WEEKS)}
    for name, population in (("still", Population()), ("moving", Population(moving=0.05))):
        alarms = [alarm_weeks(population.alarms(50, WEEKS, seed=seed)) for seed in range(POPULATIONS)]
        found[name] = float(np.mean(alarms))
        print(
            f"  {WEEKS:,} weeks of 4,000 rows x 50 columns, {name}: {found[name]:.1f} alarms, budget {found['budget']:.1f}",
            flush=True,
        )
    return found


def _found() -> dict[str, float]:
    """Shift in standard deviations → share of the weeks in which a column with 4,000 rows a week is flagged."""
    found = {f"{shift:g}": float(Population().alarms(50, 40, shift=shift, seed=9).mean()) for shift in SHIFTS}
    print("  found: " + ", ".join(f"{shift} sd {share:.0%}" for shift, share in found.items()), flush=True)
    return found


def _warehouse(folder: Path) -> Warehouse:
    return Warehouse(folder / "warehouse.duckdb", folder / "scratch")


def _prepare(folder: Path, rows: int) -> None:
    numbers = "".join(
        f", (hash(i * {place + 1} + {place}) % 1000003) ** {1 + place % 3} / 1e6 as n{place}"
        for place in range(NUMBERS)
    )
    texts = "".join(f", 'k' || (hash(i + {place}) % {LISTED}) as c{place}" for place in range(CATEGORIES))
    with _warehouse(folder).committing() as bench:
        bench.execute(f"create table wh.scores.scored as select i as id{numbers}{texts} from range({rows}) t(i)")


def _judge(folder: Path) -> dict[str, float]:
    with _warehouse(folder).reading() as bench:
        judges = _judges(bench)
        wall, processor = time.perf_counter(), time.process_time()
        bins = {key: judge.reference.bins for key, judge in judges.items()}
        current = sketches(bench, "wh.scores.scored", bins)[None]
        rows = judged_rows(None, 1, 1, judges, current)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    if len(rows) != NUMBERS + CATEGORIES:
        raise SystemExit(f"{len(rows)} columns were judged")
    return {"seconds": wall, "cpu_seconds": processor}


def _judges(bench: Workbench) -> dict[str, ColumnJudge]:
    """References of the first rows, without history."""
    first = f"(select * from wh.scores.scored where id < {REFERENCE_ROWS})"
    bins = learn_bins(
        bench, first, [f"n{place}" for place in range(NUMBERS)], {f"c{place}": () for place in range(CATEGORIES)}
    )
    found = sketches(bench, first, bins)[None]
    judges = {}
    for key, known in bins.items():
        nothing = History((), np.empty((0, len(known)), np.int64), np.empty(0, np.int64))
        column = ReferenceColumn(Watched("feature", key, None), known, found[key], 1, None, nothing, None)
        judges[key] = ColumnJudge(column, 1e-5)
    return judges


if __name__ == "__main__":
    step, place, size = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if step == "prepare":
        _prepare(place, size)
    else:
        (place / "found.json").write_text(json.dumps(_judge(place)), encoding="utf-8")
