"""The project that the examples of `ml_assets.specs.examples` make together, with landing files for a year."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import yaml

from ml_assets.graph.compile import Graph, compile_graph
from ml_assets.graph.project import load_project
from ml_assets.specs.examples import EXAMPLES, STATEMENTS
from ml_assets_tests.smallest import DG

NOW, DAYS, CUSTOMERS = date(2024, 12, 2), 420, 60


def uncommented(text: str) -> str:
    """A scaffolded document with every field that was commented out."""
    return re.sub(r"^(\s*)# (\w+: .*)$", r"\1\2", text, flags=re.MULTILINE)


def example_project(root: Path) -> Path:
    """`defs/shop/…` and `sql/shop/…` as the examples say, nothing landed yet."""
    for kind, text in EXAMPLES.items():
        folder = root / "defs" / "shop" / kind.lower() / yaml.safe_load(text)["attributes"]["name"]
        folder.mkdir(parents=True)
        (folder / "defs.yaml").write_text(text, encoding="utf-8")
    state_statements(root)
    return root


def state_statements(root: Path) -> None:
    """The statements of the examples, and what `dg` needs."""
    for name, text in STATEMENTS.items():
        path = root / "sql" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (root / "pyproject.toml").write_text(DG, encoding="utf-8")


def example_graph(root: Path) -> Graph:
    return compile_graph(load_project(root / "defs", root / "sql", root))


def land_orders(root: Path) -> None:
    """Every day some customers order, each at a rate of its own, until the day at which the clock then stands."""
    lines = ["order_no;customer_id;amount;ordered_at"]
    for number in range(DAYS):
        day = NOW - timedelta(days=DAYS - number)
        lines += [
            f"{day}-{who};{who};{who + 1}.50;{day}T10:00:00"
            for who in range(CUSTOMERS)
            if (who * 7919 + number * 104729) % 1009 < 2 + 2 * who
        ]
    folder = root / ".ml_assets" / "landing" / "shop"
    folder.mkdir(parents=True)
    (folder / "orders-1.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / ".ml_assets" / "now").write_text(NOW.isoformat(), encoding="utf-8")
