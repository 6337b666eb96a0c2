"""One small use case for each task other than binary, from a CSV by `init` and `run` alone to report and scores.

Each is held against scikit-learn, fitted here on the same rows: those that the training table says were trained on.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LinearRegression
from sklearn.metrics import f1_score, mean_squared_error, ndcg_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from ml_assets_tests.cli.test_init import facts, initialised, ml

Numbers = npt.NDArray[Any]


def written(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(header)
        out.writerows(rows)
    return path


def wines(folder: Path) -> Path:
    wine = load_wine()
    rows = ([*row, wine.target_names[kind]] for row, kind in zip(wine.data, wine.target, strict=True))
    return written(folder / "wines.csv", [*wine.feature_names, "cultivar"], rows)


def patients(folder: Path) -> Path:
    found = load_diabetes(scaled=False)
    rows = ([*row, target] for row, target in zip(found.data, found.target, strict=True))
    return written(folder / "patients.csv", [*found.feature_names, "progression"], rows)


def results(folder: Path) -> Path:
    """150 queries; the grade depends on match, age and clicks of a result, and on chance."""
    rng = np.random.default_rng(5)
    rows = []
    for query in range(150):
        for number in range(int(rng.integers(6, 14))):
            match, age, clicks = rng.random(), rng.integers(0, 400), rng.poisson(3)
            grade = np.clip(round(2.2 * match - 0.003 * age + 0.15 * clicks + rng.normal(0, 0.35)), 0, 3)
            rows.append([f"q{query:03}", f"d{query:03}{number:02}", round(match, 4), age, clicks, int(grade)])
    return written(folder / "results.csv", ["query_id", "document", "match", "age_days", "clicks", "grade"], rows)


@dataclass(frozen=True)
class Parts:
    """Rows that were trained on (validation rows too, since `refit` takes them) and those of the test."""

    x: Numbers
    y: Numbers
    test_x: Numbers
    test_y: Numbers
    queries: Numbers


def parts(training: Path, name: str, query: str | None) -> Parts:
    """Rows, labels and parts as the training table has them."""
    with duckdb.connect(str(training), read_only=True) as connection:
        table = connection.sql(f"from training.{name} order by all").to_arrow_table().to_pydict()
    own = {"snapshot", "row_id", "document", "query_id", "label", "part", "reason"}
    x = np.column_stack([np.asarray(values, float) for column, values in table.items() if column not in own])
    y, test = np.asarray(table["label"]), np.asarray(table["part"]) == "test"
    return Parts(x[~test], y[~test], x[test], y[test], np.asarray(table[query])[test] if query else test)


def tree_f1(rows: Parts) -> float:
    fitted = DecisionTreeClassifier(random_state=0).fit(rows.x, rows.y)
    return float(f1_score(rows.test_y, fitted.predict(rows.test_x), average="macro"))


def tree_error(rows: Parts) -> float:
    fitted = DecisionTreeRegressor(max_depth=3, random_state=0).fit(rows.x, rows.y)
    return float(np.sqrt(mean_squared_error(rows.test_y, fitted.predict(rows.test_x))))


def best_column_ndcg(rows: Parts) -> float:
    """Of the order by a line through the one column that training rows make most of."""
    lines = [LinearRegression().fit(rows.x[:, [k]], rows.y) for k in range(rows.x.shape[1])]
    best = max(range(len(lines)), key=lambda k: lines[k].score(rows.x[:, [k]], rows.y))
    scores = lines[best].predict(rows.test_x[:, [best]])
    each = [rows.queries == query for query in sorted(set(rows.queries))]
    graded = [one for one in each if rows.test_y[one].max() > 0]
    return float(np.mean([ndcg_score([rows.test_y[one]], [scores[one]], k=10) for one in graded]))


@dataclass(frozen=True)
class UseCase:
    """Files, the flags of `init`, and what the candidate is held against."""

    file: Callable[[Path], Path]
    target: str
    metric: str
    baseline: Callable[[Parts], float]
    higher_is_better: bool = True
    query: str | None = None


CASES = {
    "multiclass": UseCase(wines, "cultivar", "f1_macro", tree_f1),
    "regression": UseCase(patients, "progression", "rmse", tree_error, higher_is_better=False),
    "ranking": UseCase(results, "grade", "ndcg", best_column_ndcg, query="query_id"),
}


@pytest.mark.parametrize("task", CASES)
def test_use_case_goes_from_a_file_to_scores_and_beats_a_plain_model(task: str, tmp_path: Path) -> None:
    case = CASES[task]
    flags = ["--data", str(case.file(tmp_path)), "--target", case.target]
    made = initialised(tmp_path / "project", task, *flags, *(["--query", case.query] if case.query else []))
    assert made.told["task"] == task
    summary = facts(ml(made.root, "run", task, "--json"))
    assert (summary["failures"], summary["errors"]) == ({}, 0)
    assert (made.home / "reports" / task / "1.html").is_file()

    warehouse = made.home / "warehouse.duckdb"
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        [(measured,)] = connection.execute(
            f"select value from evaluation.{task} where estimator = 'candidate' and part = 'test' and metric = ? and snapshot is null",
            [case.metric],
        ).fetchall()
        [counts] = connection.execute(
            f"select (select count(*) from scores.{task} where score is not null), (select count(*) from training.{task})"
        ).fetchall()
    plain = case.baseline(parts(warehouse, task, case.query))
    assert counts[0] == counts[1] > 0
    assert measured >= plain if case.higher_is_better else measured <= plain, (measured, plain)
