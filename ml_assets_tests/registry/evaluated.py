"""The further tables of an evaluation, as the evaluation writes them, with a few rows of one version."""

from __future__ import annotations

from typing import Any

from ml_assets_tests.training.world import World

COLUMNS = {
    "comparisons": "version integer, other varchar, metric varchar, difference double, low double, high double, verdict varchar, sentence varchar",
    "slices": "version integer, slice varchar, kind varchar, metric varchar, value double, low double, high double, overall double, "
    "rows bigint, positives bigint, q_value double, verdict varchar, reason varchar",
    "fairness": "version integer, column_name varchar, group_name varchar, measure varchar, value double, low double, high double, rows bigint, reason varchar",
    "facts": "version integer, fact varchar, value double, text varchar",
}
ROWS: dict[str, list[list[Any]]] = {
    "comparisons": [
        ["linear", "log_loss", 0.02, 0.01, 0.03, "better", "better than linear"],
        ["champion", "log_loss", 0.001, -0.01, 0.012, "cannot be told apart", "cannot be told from the champion"],
    ],
    "slices": [
        ["channel=web", "declared", "roc_auc", 0.7, 0.6, 0.8, 0.75, 50, 20, None, "no worse", None],
        ["channel=post", "declared", "roc_auc", None, None, None, 0.75, 3, 1, None, "not judged", "fewer than 30 rows"],
    ],
    "fairness": [
        ["loyal", None, "selection_rate", 0.15, 0.1, 0.2, 80, None],
        ["loyal", "true", "selection_rate", 0.5, 0.4, 0.6, 40, None],
    ],
    "facts": [
        ["package_bytes", 20_000.0, None], ["prediction_us", 12.0, None], ["train_test_gap", float("nan"), "one class in test"],
        ["seed_spread", 0.01, None], ["calibration_error", 0.04, None], ["golden_share", 0.5, None], ["champion_version", 1.0, None],
    ],
}  # fmt: skip


def put(world: World, version: int, **rows: list[list[Any]]) -> None:
    """Write the tables; `rows` replaces those of one table, without the version."""
    with world.lab.warehouse.committing() as bench:
        for table, columns in COLUMNS.items():
            name = f"wh.evaluation.again__{table}"
            bench.execute(f"create table if not exists {name} ({columns})")
            bench.execute(f"delete from {name} where version = ?", [version])
            for row in rows.get(table, ROWS[table]):
                bench.execute(f"insert into {name} values ({', '.join('?' * (len(row) + 1))})", [version, *row])
