"""Other rows in the further tables of an evaluation than it found, for what a small world does not have."""

from __future__ import annotations

from typing import Any

from ml_assets.evaluation.findings import TABLES
from ml_assets_tests.training.world import World

JUDGED_SLICE: list[Any] = ["channel=web", "declared", "roc_auc", 0.7, 0.6, 0.8, 0.75, 50, 20, None, "no worse", None]
SMALL_SLICE: list[Any] = ["channel=post", "declared", "roc_auc", None, None, None, 0.75, 3, 1, None, "not judged", "fewer than 30 rows"]  # fmt: skip
GAP: list[Any] = ["loyal", None, "demographic_parity_difference", 0.15, 0.1, 0.2, 80, None]


def put(world: World, version: int, **rows: list[list[Any]]) -> None:
    """Replace the rows of a version in the named tables; columns at the end that a row lacks are null."""
    with world.lab.warehouse.committing() as bench:
        for table, found in rows.items():
            name, width = f"wh.evaluation.again__{table}", TABLES[table].count(",") + 1
            bench.execute(f"delete from {name} where version = ?", [version])
            for row in found:
                values = [version, *row, *[None] * (width - len(row))]
                bench.execute(f"insert into {name} values ({', '.join('?' * len(values))})", values)


def put_fact(world: World, version: int, fact: str, value: float | None, text: str) -> None:
    """Another value of one fact; the others stay as they were measured."""
    with world.lab.warehouse.committing() as bench:
        bench.execute(
            "update wh.evaluation.again__facts set value = ?, text = ? where version = ? and fact = ?",
            [value, text, version, fact],
        )
