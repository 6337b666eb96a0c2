"""The whole real-data run beside the plain script, the second run, and one new day's file."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.processes import ROOT, fresh, ml_assets, run, spread

YARDSTICK = ROOT / "benchmarks" / "yardstick_retail.py"
# The Sunday whose file completes the week before the newest snapshot, 2011-12-05: the file of that day is what lands.
NEW_DAY, DAY_AFTER = "2011-12-04", "2011-12-05"


def measure_whole(options: argparse.Namespace) -> dict[str, Any]:
    """Pairs of (plain script, first run, second run), one after the other, each in fresh processes and folders."""
    first_ratios, bare_ratios, second_ratios, rows = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.pairs):
            home = fresh(Path(folder) / "state")
            script = run(
                [
                    sys.executable,
                    str(YARDSTICK),
                    str(options.source),
                    "--out",
                    str(fresh(Path(folder) / "plain") / "plain.duckdb"),
                ]
            )
            demo = ml_assets("demo", "--source", str(options.source))
            first = run(demo, {"ML_ASSETS_HOME": str(home)})
            judging = _seconds_of_evaluation(home)
            second = run(demo, {"ML_ASSETS_HOME": str(home)})
            first_ratios.append(first.seconds / script.seconds)
            bare_ratios.append((first.seconds - judging) / script.seconds)
            second_ratios.append(second.seconds / first.seconds)
            rows.append(
                {
                    "script": script.seconds,
                    "first": first.seconds,
                    "second": second.seconds,
                    "evaluation": judging,
                    "megabytes": first.megabytes,
                }
            )
            print(
                f"  pair {number + 1}: script {script.seconds:.2f} s, first run {first.seconds:.2f} s "
                f"(of which {judging:.2f} s evaluation), second {second.seconds:.2f} s",
                flush=True,
            )
    print(
        f"  first ÷ script {spread(first_ratios)}, without the evaluation {spread(bare_ratios)}; "
        f"second ÷ first {spread(second_ratios)}"
    )
    return {
        "pairs": rows, "first_to_script": median(first_ratios), "without_evaluation_to_script": median(bare_ratios),
        "second_to_first": median(second_ratios),
    }  # fmt: skip


def _seconds_of_evaluation(home: Path) -> float:
    """How long the run took over intervals, slices, explanations and the report."""
    import duckdb

    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select sum(epoch(ended_at) - epoch(started_at)) from ops.steps where asset like 'evaluation.%'"
        ).fetchone()
    return float(found[0]) if found and found[0] is not None else 0.0


def measure_new_day(options: argparse.Namespace) -> dict[str, Any]:
    """Everything but one day is made; then the file of that day lands. Both runs see the same clock."""
    ratios, rows = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.pairs):
            home = fresh(Path(folder) / "state")
            landing = fresh(home / "landing" / "retail")
            files = sorted(path for path in options.source.glob("*.csv") if path.stem < NEW_DAY)
            for path in files:
                shutil.copy2(path, landing / path.name)
            environment = {"ML_ASSETS_HOME": str(home), "ML_ASSETS_NOW": DAY_AFTER}
            first = run(ml_assets("run"), environment)
            shutil.copy2(options.source / f"{NEW_DAY}.csv", landing / f"{NEW_DAY}.csv")
            second = run(ml_assets("run"), environment)
            ratios.append(second.seconds / first.seconds)
            rows.append({"first": first.seconds, "new_day": second.seconds})
            print(
                f"  pair {number + 1}: first run {first.seconds:.2f} s, one new day {second.seconds:.2f} s", flush=True
            )
    print(f"  new day ÷ first {spread(ratios)}")
    return {"pairs": rows, "new_day_to_first": median(ratios)}
