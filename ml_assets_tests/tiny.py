"""A whole project in miniature: 40 customers, 14 weeks, one model of a few trees. A full run takes a few seconds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zlib import crc32

from ml_assets.graph.compile import Graph, compile_graph
from ml_assets.graph.project import load_project
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.lock import WarehouseLock
from ml_assets.warehouse.store import EngineSettings, Warehouse

FIRST_DAY, NOW = date(2023, 12, 25), "2024-04-02"
WEEKS, CUSTOMERS = 14, 40
HEADER = "order_id,customer_id,ordered_at,amount\n"

DECLARATIONS = {
    "orders": """\
type: ml_assets.RawTable
attributes:
  name: orders
  description: Orders of the shop, one row an order.
  owners: [team:shop]
  files: "*.csv"
  event_time: ordered_at
  key: [order_id]
  contract:
    columns:
      order_id: {type: integer, nullable: false}
      customer_id: {type: integer, nullable: false}
      ordered_at: {type: timestamp, nullable: false}
      amount: {type: float, min: 0}
    max_quarantine_share: 0.2
  freshness: {max_age: 9 days}
""",
    "sales": """\
type: ml_assets.SqlTable
attributes:
  name: sales
  description: Orders that count as sales.
  owners: [team:shop]
  sql: shop/sales.sql
  event_time: ordered_at
  columns:
    order_id: {type: integer, nullable: false}
    customer_id: {type: integer, nullable: false}
    ordered_at: {type: timestamp, nullable: false}
    amount:
      type: float
      min: 0
      max: 1000
""",
    "habits": """\
type: ml_assets.FeatureSet
attributes:
  name: habits
  description: How often and for how much a customer ordered.
  owners: [team:shop]
  entity: customer_id
  snapshots: {every: week, last: 12}
  sql: shop/habits.sql
  columns:
    orders_28d: {type: integer, nullable: false, min: 0}
    spend: {type: float, nullable: false, min: 0}
    days_since_last: {type: integer, nullable: false, min: 0}
""",
    "again": """\
type: ml_assets.Model
attributes:
  name: again
  description: Whether a customer orders again within a week.
  owners: [team:shop]
  entity: customer_id
  snapshots: {every: week, last: 12}
  label: {sql: shop/again.sql, population: shop/customers.sql, horizon: 7 days}
  features: [habits]
  split: {test_snapshots: 2, validation_snapshots: 1}
  estimator:
    max_rounds: 8
    early_stopping_rounds: null
    parameters: {num_leaves: 4, min_data_in_leaf: 10}
  gate: {better_than: []}
""",
    "scores": """\
type: ml_assets.ScoredOutput
attributes:
  name: again
  description: Every customer's probability of ordering again, each Monday.
  owners: [team:shop]
  model: again
  snapshots: {every: week, last: 4}
""",
}
STATEMENTS = {
    "sales": "select order_id, customer_id, ordered_at, amount\nfrom raw.orders\nwhere amount > 0\n",
    "habits": (
        "select customer_id, count(*) filter (where ordered_at >= $snapshot - interval 28 day) as orders_28d,\n"
        "    sum(amount) as spend, date_diff('day', max(ordered_at), $snapshot) as days_since_last\n"
        "from staging.sales\ngroup by customer_id\n"
    ),
    "again": "select customer_id, 1 as label\nfrom staging.sales\ngroup by customer_id\n",
    "customers": "select distinct customer_id\nfrom staging.sales\n",
}
_PYPROJECT = """\
[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "tiny"
"""
_DEFINITIONS = """\
from pathlib import Path

import dagster as dg

from ml_assets.components.graph_wide import graph_wide_definitions

defs = dg.Definitions.merge(
    dg.ComponentTree.for_project(Path(__file__).parent).build_defs(), graph_wide_definitions()
)
"""


@dataclass(frozen=True)
class TinyProject:
    """A project's folder and the folder of its state."""

    root: Path
    home: Home

    @classmethod
    def create(cls, root: Path) -> TinyProject:
        """With all declarations and statements, and landing files for all weeks; nothing is made yet."""
        project = cls(root, Home(root / ".ml_assets"))
        for name, text in DECLARATIONS.items():
            project.declare(name, text)
        for name, text in STATEMENTS.items():
            project.state(name, text)
        (root / "pyproject.toml").write_text(_PYPROJECT, encoding="utf-8")
        (root / "tiny" / "__init__.py").write_text("", encoding="utf-8")
        (root / "tiny" / "defs" / "__init__.py").write_text("", encoding="utf-8")
        (root / "tiny" / "definitions.py").write_text(_DEFINITIONS, encoding="utf-8")
        for week in range(WEEKS):
            project.land(FIRST_DAY + timedelta(weeks=week))
        project.home.replay_file.write_text(NOW, encoding="utf-8")
        return project

    def copied_to(self, root: Path) -> TinyProject:
        """The same project with the same state, for a test that changes it."""
        # No commit of anybody else while files are copied.
        with WarehouseLock(self.home.warehouse, deadline_seconds=20).shared():
            shutil.copytree(self.root, root, ignore=shutil.ignore_patterns("scratch"))
        return TinyProject(root, Home(root / ".ml_assets"))

    def declare(self, name: str, text: str) -> Path:
        """Write the declaration `shop/<name>`."""
        return self._write(self.declaration(name), text)

    def declaration(self, name: str) -> Path:
        return self.root / "tiny" / "defs" / "shop" / name / "defs.yaml"

    def state(self, name: str, text: str) -> Path:
        """Write the statement `shop/<name>.sql`."""
        return self._write(self.root / "sql" / "shop" / f"{name}.sql", text)

    def edit(self, name: str, old: str, new: str) -> None:
        """Change one place of the declaration `shop/<name>`."""
        path = self.declaration(name)
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        path.write_text(text.replace(old, new), encoding="utf-8")

    def land(self, monday: date, rows: str | None = None) -> Path:
        """Write one week's landing file, with the usual orders unless given."""
        return self._write(
            self.home.landing("shop") / f"{monday}.csv", HEADER + (weekly_orders(monday) if rows is None else rows)
        )

    def graph(self) -> Graph:
        return compile_graph(load_project(self.root / "tiny" / "defs", self.root / "sql", self.root))

    def context(self, deadline_seconds: float = 20) -> RunContext:
        """What a step gets."""
        warehouse = Warehouse(
            self.home.warehouse, self.home.scratch, EngineSettings(threads=2, deadline_seconds=deadline_seconds)
        )
        return RunContext(warehouse, self.home, self.root / "sql", self.home.clock()(), "test", log=lambda _text: None)

    def batches(self) -> dict[tuple[str, str], int]:
        """(asset, partition) → number of the batch that made it last."""
        with self.context().warehouse.reading() as bench:
            return {
                (asset, key): batch
                for asset, key, batch in bench.rows("select asset, partition, batch from wh.ops.manifest")
            }

    def _write(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def weekly_orders(monday: date) -> str:
    """The orders of one week as CSV lines: some customers order in most weeks, others seldom."""
    week = (monday - FIRST_DAY).days // 7
    lines = []
    for customer in range(1, CUSTOMERS + 1):
        if crc32(f"{week}/{customer}".encode()) % 10 < 1 + 2 * (customer % 4):
            moment = datetime.combine(monday, datetime.min.time(), UTC) + timedelta(
                days=customer % 7, hours=customer % 12
            )
            lines.append(f"{week * 1000 + customer},{customer},{moment:%Y-%m-%d %H:%M:%S},{customer + week % 3}.50\n")
    return "".join(lines)
