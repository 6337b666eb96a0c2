"""A project with one flat table: 600 visits by 120 visitors, in 2024, with a label for every task."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from ml_assets.graph.compile import Graph, compile_graph
from ml_assets.graph.project import load_project
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.store import EngineSettings, Warehouse

ROWS, VISITORS = 600, 120
COLUMNS = {
    "visit": "{type: string, nullable: false}", "visitor": "{type: integer}", "day": "{type: date}",
    "city": "{type: string}", "pages": "{type: integer, min: 0}", "minutes": "{type: float, min: 0}",
    "mail": "{type: string, pii: true}", "bought": "{type: string, allowed: ['yes', 'no']}", "returned": "{type: boolean}",
    "plan": "{type: string}", "spent": "{type: float}", "grade": "{type: integer}",
}  # fmt: skip
TABLE = "type: ml_assets.RawTable\nattributes:\n  name: visits\n  files: visits.csv\n  event_time: day\n  contract:\n    columns:\n" + "".join(
    f"      {name}: {contract}\n" for name, contract in COLUMNS.items()
)  # fmt: skip
OTHER_LABELS = ("bought", "returned", "plan", "spent", "grade")
BOOSTED = (
    "  estimator: {max_rounds: 8, early_stopping_rounds: null, parameters: {num_leaves: 4, min_data_in_leaf: 10}}\n"
)
JUDGED = "  evaluation: {draws: 100, seeds: 1}\n  gate: {better_than: []}\n"


def model(
    label: str, split: str, *, task: str = "binary", more: str = "  entity: visit\n", of: str = "raw.visits"
) -> str:
    """A model of the table; `label` and `split` are flow mappings."""
    others = [name for name in OTHER_LABELS if f"column: {name}" not in label]
    return (
        f"type: ml_assets.Model\nattributes:\n  name: visit_model\n  task: {task}\n  source: {of}\n  label: {label}\n"
        f"  exclude: [{', '.join(others)}]\n  split: {split}\n{more}{BOOSTED}{JUDGED}"
    )  # fmt: skip


SCORES = "type: ml_assets.ScoredOutput\nattributes:\n  name: visit_scores\n  model: visit_model\n"


@dataclass(frozen=True)
class FlatProject:
    """A project's folder and the folder of its state."""

    root: Path
    home: Home

    @classmethod
    def create(cls, root: Path, declared: str, scores: str = SCORES) -> FlatProject:
        """With table, model and scores declared, and its landing file; nothing is made yet."""
        project = cls(root, Home(root / ".ml_assets"))
        for name, text in (("visits", TABLE), ("model", declared), ("scores", scores)):
            project.declare(name, text)
        (root / "sql").mkdir()
        (root / "workspace.yaml").write_text("", encoding="utf-8")
        project.land(visits())
        return project

    def declare(self, name: str, text: str) -> None:
        path = self.root / "defs" / "shop" / name / "defs.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def land(self, lines: list[str], file: str = "visits.csv") -> None:
        folder = self.home.landing("shop")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("\n".join([",".join(COLUMNS), *lines, ""]), encoding="utf-8")

    def graph(self) -> Graph:
        return compile_graph(load_project(self.root / "defs", self.root / "sql", self.root))

    def context(self) -> RunContext:
        warehouse = Warehouse(self.home.warehouse, self.home.scratch, EngineSettings(threads=2, deadline_seconds=20))
        return RunContext(warehouse, self.home, self.root / "sql", self.home.clock()(), "test", log=lambda _text: None)


def visits(unknown: int = 20) -> list[str]:
    """CSV lines; of the last `unknown` visits no outcome is known yet."""
    draws = np.random.default_rng(3)
    lines = []
    for row in range(ROWS):
        pages, minutes, visitor = int(draws.integers(1, 9)), float(draws.gamma(2.0, 3.0)), row % VISITORS
        will = draws.random() < 1 / (1 + np.exp(3 - pages * 0.4 - minutes * 0.2))
        outcome = [
            "yes" if will else "no", "true" if will else "false", ("free", "basic", "pro")[min(pages // 3, 2)],
            f"{pages * 2 + minutes + draws.normal():.2f}", str(min(pages // 2, 3)),
        ]  # fmt: skip
        known = outcome if row < ROWS - unknown else [""] * len(outcome)
        day = date(2024, 1, 1) + timedelta(days=row // 2)
        lines.append(
            ",".join(
                [f"v{row:04}", str(visitor), str(day), ("Ulm", "Bonn", "")[row % 3], str(pages), f"{minutes:.2f}", f"p{visitor}@example.org", *known]
            )
        )  # fmt: skip
    return lines
