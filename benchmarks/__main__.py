"""Run the measurements: `python -m benchmarks [NAME ...]`; `--list` names them, `--json FILE` keeps the figures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks import drift, evaluation, explanations, own_data, readme, scale, whole_run

MEASUREMENTS = {
    "whole_run": (whole_run.measure_whole, "first run ÷ plain script (target 2.0), second run ÷ first (target 0.2)"),
    "new_day": (whole_run.measure_new_day, "one new day's file to fresh scores ÷ first run (target 0.25)"),
    "own_data": (
        own_data.measure,
        "init to report on 50,000 x 20 (target 60 s, 30 lines, ROC AUC no worse than LightGBM's defaults)",
    ),
    "explanations": (
        explanations.measure,
        "TreeSHAP of 10,000 rows x 30 features x 300 trees (target 5 s), slice search (target 2 s)",
    ),
    "drift": (
        drift.measure,
        "drift of 300,000 and 3 million rows x 50 columns (target 2 and 10 s, 2 GB), false alarms, smallest shift found",
    ),
    "scale": (scale.measure, "ingest and features of 1, 5 and 20 million rows: µs a row, peak memory (target 4 GB)"),
    "evaluation": (evaluation.measure, "intervals of 1,000 draws of 100,000 rows, by task (target 10 s for binary)"),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], help="measurements; default all")
    parser.add_argument(
        "--source", type=Path, default=Path("../shared/data/online_retail"), help="the real daily files"
    )
    parser.add_argument("--pairs", type=int, default=5, help="repetitions of each pair")
    parser.add_argument(
        "--rows", type=int, nargs="*", default=[1_000_000, 5_000_000, 20_000_000], help="sizes for scale"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--keep", action="store_true", help="keep the figures in benchmarks/figures.json and the README"
    )
    parser.add_argument("--list", action="store_true", help="name the measurements and stop")
    options = parser.parse_args()
    if options.list:
        for name, (_, words) in MEASUREMENTS.items():
            print(f"{name:<10} {words}")
        return 0
    figures = {}
    for name in options.names or MEASUREMENTS:
        print(f"== {name}: {MEASUREMENTS[name][1]}", flush=True)
        figures[name] = MEASUREMENTS[name][0](options)
    if options.keep:
        readme.keep(figures)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 0


sys.exit(main())
