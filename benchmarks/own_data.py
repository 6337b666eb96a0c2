"""From an undescribed file of 50,000 rows and 20 columns to its evaluation report, beside LightGBM's defaults on the same rows."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import numpy as np

from benchmarks.processes import run

ROWS = 50_000
ASKED = {"help": ["--help"], "status": ["status"], "plan": ["plan"]}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of `init` and `run`, lines of declaration, and ROC AUC of both models, for several generated files."""
    found = [_once(seed) for seed in range(min(options.pairs, 3))]
    for one in found:
        print(
            f"  init {one['init']:.1f} s, run {one['run']:.1f} s, {one['lines']} lines, "
            f"ROC AUC {one['auc']:.4f}, LightGBM's defaults {one['defaults_auc']:.4f}; "
            + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in one["asked"].items()),
            flush=True,
        )
    return {
        "files": found,
        "seconds": median(one["init"] + one["run"] for one in found),
        "asked": {name: median(one["asked"][name] for one in found) for name in ASKED},
        "lines": max(one["lines"] for one in found),
        "worst_gain": min(one["auc"] - one["defaults_auc"] for one in found),
    }


def _once(seed: int) -> dict[str, Any]:
    root = Path(tempfile.mkdtemp(prefix="ml_assets-own-data-"))
    try:
        write_customers(root / "customers.csv", seed)
        command = [sys.executable, "-m", "ml_assets.cli", "--project", str(root)]
        (root / "defs").mkdir()
        (root / "sql").mkdir()
        init = run([*command, "init", "churn", "--data", str(root / "customers.csv"), "--target", "churned", "--yes"])
        made = run([*command, "run", "churn"])
        asked = {name: run([*command, *words]).seconds for name, words in ASKED.items()}
        return {
            "init": init.seconds,
            "run": made.seconds,
            "asked": asked,
            "lines": declared_lines(root / "defs"),
            **_quality(root / ".ml_assets" / "warehouse.duckdb"),
        }
    finally:
        shutil.rmtree(root)


def write_customers(path: Path, seed: int) -> None:
    """19 features of usual kinds (numbers, counts, categories, gaps) and whether a customer left."""
    draws = np.random.default_rng(seed)
    numbers = draws.normal(size=(ROWS, 9))
    counts = draws.poisson(3, size=(ROWS, 4))
    kinds = draws.integers(0, [3, 5, 8, 20], size=(ROWS, 4))
    spend, age = draws.gamma(2, 50, ROWS), draws.integers(18, 90, ROWS)
    effect = draws.normal(0, 0.4, 20)[kinds[:, 3]]
    log_odds = (
        numbers[:, 0] + numbers[:, 1] * numbers[:, 2] + 0.3 * counts[:, 0] - 0.01 * spend + 0.5 * (kinds[:, 0] == 1) + effect - 1
    )  # fmt: skip
    left = draws.random(ROWS) < 1 / (1 + np.exp(-log_odds))
    names = [f"score_{n}" for n in range(9)] + [f"count_{n}" for n in range(4)] + [f"kind_{n}" for n in range(4)]
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join([*names, "spend", "age", "churned"]) + "\n")
        for row in range(ROWS):
            file.write(
                ",".join([
                    *(f"{value:.4f}" if abs(value) < 2.2 else "" for value in numbers[row]), *map(str, counts[row]),
                    *(f"k{value}" for value in kinds[row]), f"{spend[row]:.2f}", str(age[row]), "yes" if left[row] else "no",
                ]) + "\n"
            )  # fmt: skip


def declared_lines(folder: Path) -> int:
    """Lines of declaration that are neither blank nor comment."""
    lines = (line.strip() for path in folder.rglob("*.yaml") for line in path.read_text(encoding="utf-8").splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


def _quality(warehouse: Path) -> dict[str, float]:
    """ROC AUC on the test rows: of the candidate as evaluated, and of `lightgbm.LGBMClassifier()` fitted on the other rows."""
    import lightgbm
    import pyarrow as pa
    import pyarrow.compute as pc
    from sklearn.metrics import roc_auc_score

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        table = connection.sql("select * from training.churn").to_arrow_table()
        rows = connection.sql(
            "select value from evaluation.churn where estimator = 'candidate' and metric = 'roc_auc' and part = 'test' and snapshot is null"
        ).fetchall()
    features = [n for n in table.column_names if n not in ("label", "snapshot", "part", "reason", "row_id")]
    columns = {}
    for name in features:
        column = table[name]
        if pa.types.is_string(column.type):
            column = pc.index_in(column, value_set=pc.unique(column))
        columns[name] = pc.cast(column, pa.float64()).to_numpy()
    matrix = np.column_stack(list(columns.values()))
    texts = [p for p, n in enumerate(features) if pa.types.is_string(table.schema.field(n).type)]
    label = table["label"].to_numpy()
    test = np.asarray(pc.equal(table["part"], "test"))
    model = lightgbm.LGBMClassifier(verbose=-1).fit(matrix[~test], label[~test], categorical_feature=texts)
    guessed = model.predict_proba(matrix[test])[:, 1]
    return {"auc": rows[0][0], "defaults_auc": float(roc_auc_score(label[test], guessed))}
