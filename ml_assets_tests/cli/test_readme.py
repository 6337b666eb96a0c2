"""The README's own example, taken from its text, is a project that runs from landing files to scores."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.docs.reader import texts
from ml_assets_tests.e2e.state import ROOT, query
from ml_assets_tests.tiny import TinyProject

NOW, DAYS, CUSTOMERS = date(2024, 12, 2), 420, 60


def blocks(language: str) -> list[str]:
    return texts(ROOT / "README.md", language)


def land_orders(folder: Path) -> None:
    """Every day some customers order, each at a rate of its own."""
    rng = np.random.default_rng(3)
    rates = np.linspace(0.002, 0.12, CUSTOMERS)
    lines = ["order_no;customer_id;amount;ordered_at"]
    for day in (NOW - timedelta(days=DAYS - n) for n in range(DAYS)):
        lines += [
            f"{day}-{who};{who};{who + 1}.50;{day}T10:00:00" for who in np.flatnonzero(rng.random(CUSTOMERS) < rates)
        ]
    folder.mkdir(parents=True)
    (folder / "orders-1.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def shop(tmp_path: Path) -> TinyProject:
    """A project of the README's declarations and statements alone."""
    project = TinyProject.create(tmp_path / "project")
    for folder in ("tiny/defs/shop", "sql/shop", ".ml_assets/landing/shop"):
        for path in sorted((project.root / folder).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (project.root / folder).rmdir()
    declared = [text for text in blocks("yaml") if text.startswith("type: ")]
    for text in declared:
        path = project.root / "tiny" / "defs" / "shop" / yaml.safe_load(text)["type"].lower() / "defs.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    paths = ("features/customer_orders", "labels/orders_again", "labels/population")
    for name, statement in zip(paths, blocks("sql"), strict=True):
        path = project.root / "sql" / "shop" / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(statement, encoding="utf-8")
    land_orders(project.root / ".ml_assets" / "landing" / "shop")
    project.home.replay_file.write_text(NOW.isoformat(), encoding="utf-8")
    return project


def test_the_example_of_the_readme_runs_to_scores(shop: TinyProject) -> None:
    result = invoke(shop, "run", "use_case:shop", "--json")
    assert result.exit_code == 0, result.output
    assert json_of(result)
    ((scored, lowest, highest),) = query(
        shop.home.root, "select count(*), min(score), max(score) from scores.orders_again"
    )
    assert scored > 0
    assert 0 <= lowest < highest <= 1


def test_the_gate_of_the_readme_is_a_gate(shop: TinyProject) -> None:
    (gate,) = [text for text in blocks("yaml") if text.lstrip().startswith("gate:")]
    model = shop.root / "tiny" / "defs" / "shop" / "ml_assets.model" / "defs.yaml"
    model.write_text(model.read_text(encoding="utf-8") + gate, encoding="utf-8")
    assert len(shop.graph().assets) > 0
