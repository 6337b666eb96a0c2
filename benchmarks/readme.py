"""The block of figures in the README, written by the command that measured them."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from benchmarks.processes import ROOT

BEGIN, END = "<!-- measured:begin -->", "<!-- measured:end -->"
KEPT = ROOT / "benchmarks" / "figures.json"


def keep(figures: Mapping[str, Any]) -> None:
    """Merge new figures into the kept ones and rewrite the README's block."""
    kept: dict[str, Any] = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for name, found in figures.items():
        # Sizes that were not measured again stay.
        kept[name] = {
            **(kept.get(name, {}) if name == "scale" else {}),
            **found,
            "on": f"{datetime.now(UTC):%Y-%m-%d}",
            "python": platform.python_version(),
        }
    KEPT.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    readme.write_text(f"{head}{BEGIN}\n{block(kept)}\n{END}{tail}", encoding="utf-8")


def block(kept: Mapping[str, Any]) -> str:
    """A Markdown table of what was measured, what was aimed at, and the command."""
    rows: list[tuple[str, str, str, str]] = []
    if whole := kept.get("whole_run"):
        command = "`python -m benchmarks whole_run`"
        pairs = f"{len(whole['pairs'])} pairs"
        rows.append(
            (
                "real files: whole first run ÷ plain DuckDB + LightGBM script",
                f"{whole['first_to_script']:.2f} ({pairs})",
                "≤ 2.0",
                command,
            )
        )
        bare = f"{whole['without_evaluation_to_script']:.2f}"
        rows.append(("the same without the evaluation's intervals, slices, reasons and report", bare, "≤ 2.0", command))
        rows.append(("second run ÷ first run", f"{whole['second_to_first']:.2f}", "≤ 0.2", command))
    if day := kept.get("new_day"):
        rows.append(
            (
                "one new day's file to fresh scores ÷ first run",
                f"{day['new_day_to_first']:.2f}",
                "≤ 0.25",
                "`python -m benchmarks new_day`",
            )
        )
    if scale := kept.get("scale"):
        sizes = {int(size): found for size, found in scale.items() if size.isdigit()}
        for size, found in sorted(sizes.items()):
            said = f"{found['us_per_row']:.1f} µs a row, peak {found['peak_mb']:,.0f} MB"
            rows.append(
                (
                    f"ingest, staging and features of {size:,} simulated rows",
                    said,
                    "≤ 4,096 MB, flat",
                    "`python -m benchmarks scale`",
                )
            )
    if own := kept.get("own_data"):
        command = "`python -m benchmarks own_data`"
        what = "`init` and `run` on an undescribed file of 50,000 x 20, to the report"
        rows.append((what, f"{own['seconds']:.1f} s, {own['lines']} lines declared", "≤ 60 s, ≤ 30 lines", command))
        what = "its test ROC AUC less that of LightGBM's own defaults on the same split, worst of three files"
        rows.append((what, f"{own['worst_gain']:+.4f}", "≥ 0", command))
        said = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in own["asked"].items())
        rows.append(("the tool itself on that project: `--help`, `status`, `plan`", said, "≤ 0.3, 3, 3 s", command))
    if evaluation := kept.get("evaluation"):
        said = f"{evaluation['binary']['seconds']:.1f} s ({evaluation['binary']['cpu_seconds']:.1f} s of CPU)"
        what = "1,000 bootstrap draws of 100,000 rows, four estimators, all binary metrics"
        rows.append((what, said, "≤ 10 s", "`python -m benchmarks evaluation`"))
    if reasons := kept.get("explanations"):
        command = "`python -m benchmarks explanations`"
        for leaves in (6, 31):
            said = f"{reasons[f'leaves_{leaves}']['seconds']:.2f} s"
            rows.append((f"TreeSHAP of 10,000 rows, 30 features, 300 trees of {leaves} leaves", said, "≤ 5 s", command))
        said = f"{reasons['slice_search']:.2f} s"
        rows.append(("search for slices, 100,000 rows, 30 columns", said, "≤ 2 s", command))
    rows += _drift(kept.get("drift"))
    lines = ["| what | measured | aim | command |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _drift(found: Mapping[str, Any] | None) -> list[tuple[str, str, str, str]]:
    """Rows about drift; none where it was not measured."""
    if not found:
        return []
    command = "`python -m benchmarks drift`"
    rows = []
    for size, aim in ((300_000, "≤ 2 s"), (3_000_000, "≤ 10 s")):
        one = found[str(size)]
        said = f"{one['seconds']:.1f} s ({one['cpu_seconds']:.1f} s of CPU), peak {one['peak_mb']:,.0f} MB"
        rows.append((f"drift of {size:,} rows x 50 columns, reference at hand", said, f"{aim}, ≤ 2,048 MB", command))
    alarms = found["false_alarms"]
    said = f"{alarms['still']:.1f}; {alarms['moving']:.1f} where levels always moved by 0.05 standard deviations"
    aim = f"≤ {alarms['budget']:.0f}"
    rows.append(("false alarms in 1,000 stable weeks of 50 columns, budget one a year", said, aim, command))
    said = f"{found['found']['0.2']:.0%}; of those by 0.1, {found['found']['0.1']:.0%}"
    rows.append(
        ("weeks of 4,000 rows found in which a column moved by 0.2 standard deviations", said, "≥ 95 %", command)
    )
    return rows
