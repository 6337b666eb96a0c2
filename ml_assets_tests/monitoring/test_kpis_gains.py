"""Which promotions make pairs of promised and observed gains, and which do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.evaluation.findings import TABLES
from ml_assets.monitoring.kpi_gains import gain_pairs
from ml_assets.monitoring.performance_rows import PERFORMANCE_COLUMNS
from ml_assets.warehouse.store import Warehouse
from ml_assets_tests.monitoring.test_kpis_month import DECLARED, Books

TASKS = {"again": "binary"}


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(Warehouse(tmp_path / "warehouse.duckdb", tmp_path / "scratch"))


def write(books: Books, promised: dict[int, float | None], losses: dict[int, list[float | None]]) -> None:
    """`promised`: version → difference to the champion as its evaluation found it; `losses`: version → observed log loss of
    each snapshot that it scored."""
    with books.warehouse.committing() as bench:
        bench.execute(f"create table wh.evaluation.again__comparisons (version integer, {TABLES['comparisons']})")
        bench.execute(f"create table wh.monitoring.again__performance ({PERFORMANCE_COLUMNS})")
        for version, difference in promised.items():
            bench.execute(
                "insert into wh.evaluation.again__comparisons (version, other, metric, difference) values "
                "(?, 'champion', 'log_loss', ?), (?, 'linear', 'log_loss', 9), (?, 'champion', 'roc_auc', 9)",
                [version, difference, version, version],
            )
        for version, found in losses.items():
            for week, loss in enumerate(found):
                bench.execute(
                    "insert into wh.monitoring.again__performance (snapshot, slice, metric, model_version, observed) values (timestamp '2024-01-01' + interval (?) week, 'all', "
                    "'log_loss', ?, ?), (null, 'region=north', 'log_loss', ?, 9), (null, 'all', 'roc_auc', ?, 9)",
                    [10 * version + week, version, loss, version, version],
                )


def pairs(books: Books, tasks: dict[str, str] = TASKS) -> list[tuple[float, float]]:
    with books.warehouse.reading() as bench:
        return [(round(one.offline, 9), round(one.online, 9)) for one in gain_pairs(bench, DECLARED.production, tasks)]


def test_pair_is_the_promised_difference_and_the_fall_of_the_observed_loss(books: Books) -> None:
    write(books, {2: 0.02, 3: -0.01}, {1: [0.60, 0.64], 2: [0.58], 3: [0.59, 0.61, None]})
    for version, day in ((1, "01-10"), (2, "02-10"), (3, "03-10")):
        books.promoted(version, f"{day} 00:00")
    # 2 over 1: 0.62 - 0.58; 3 over 2: 0.58 - 0.60
    assert pairs(books) == [(0.02, 0.04), (-0.01, -0.02)]


def test_rollback_makes_no_pair_and_what_follows_is_compared_with_where_it_led(books: Books) -> None:
    write(books, {2: 0.02, 3: 0.03}, {1: [0.60], 2: [0.70], 3: [0.55]})
    books.promoted(1, "01-10 00:00")
    books.promoted(2, "02-10 00:00")
    books.rolled_back(2, 1, "02-20 00:00")
    books.promoted(3, "03-10 00:00")
    # 2 over 1: 0.60 - 0.70; 3 over 1, which served before it: 0.60 - 0.55
    assert pairs(books) == [(0.02, -0.1), (0.03, 0.05)]


def test_promotion_without_a_comparison_or_without_outcomes_makes_no_pair(books: Books) -> None:
    write(books, {2: None, 3: 0.03, 4: 0.04}, {1: [0.60], 2: [0.59], 3: [None], 4: []})
    for version in (1, 2, 3, 4):
        books.promoted(version, f"0{version}-10 00:00")
    assert pairs(books) == []


def test_nothing_is_paired_before_tables_and_tasks_are_known(books: Books) -> None:
    assert pairs(books) == []
    write(books, {2: 0.02}, {1: [0.60], 2: [0.58]})
    books.promoted(1, "01-10 00:00")
    books.promoted(2, "02-10 00:00")
    assert pairs(books, {}) == []
    assert pairs(books) == [(0.02, 0.02)]


def test_five_promotions_with_outcomes_are_correlated(books: Books) -> None:
    # promised 1 to 5 hundredths; losses fall by 2, 4, 1, 3 and 5 hundredths: correlation 0.5
    write(
        books, {version: (version - 1) / 100 for version in range(2, 7)},
        {1: [0.80], 2: [0.78], 3: [0.74], 4: [0.73], 5: [0.70], 6: [0.65]},
    )  # fmt: skip
    for version in range(1, 7):
        books.promoted(version, f"01-0{version} 00:00")
    found = books.kpis()["gain_correlation"]
    assert (found.value, found.denominator) == (pytest.approx(0.5), 5)
    assert found.low is not None
    assert found.low < 0 < 0.5 < (found.high or 0)
