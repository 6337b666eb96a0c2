"""Which assets are in production, and which of them somebody looks after."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.operations.coverage import production_assets
from ml_assets_tests.tiny import TinyProject

SCORES_MONITOR = """\
type: ml_assets.Monitor
attributes:
  name: again
  scores: again
  runbook: docs/again.md
"""
OPERATIONS = """\
type: ml_assets.Operations
attributes:
  name: operations
  on_duty: [team:night]
"""


@pytest.fixture
def project(tmp_path: Path) -> TinyProject:
    return TinyProject.create(tmp_path / "project")


def roles(project: TinyProject) -> dict[str, str]:
    return {str(one.name): one.role for one in production_assets(project.graph())}


def watched(project: TinyProject) -> dict[str, bool]:
    return {str(one.name): one.is_watched for one in production_assets(project.graph())}


def test_production_is_scores_their_champions_and_the_raw_tables_behind(project: TinyProject) -> None:
    assert roles(project) == {"models.again__champion": "champion", "raw.orders": "raw", "scores.again": "scores"}


def test_production_leaves_out_what_no_score_comes_from(project: TinyProject) -> None:
    project.declare(
        "returns",
        "type: ml_assets.RawTable\nattributes:\n  name: returns\n  files: 'r-*.csv'\n  contract: {columns: {order_id: {type: integer}}}\n",
    )
    assert "raw.returns" not in roles(project)


def test_production_without_scores_is_empty(project: TinyProject) -> None:
    project.declaration("scores").unlink()
    assert production_assets(project.graph()) == ()


def test_production_is_watched_by_a_monitor_of_its_scores_and_by_its_own_freshness(project: TinyProject) -> None:
    assert watched(project) == {"models.again__champion": False, "raw.orders": True, "scores.again": False}
    project.declare("monitor", SCORES_MONITOR)
    assert all(watched(project).values())
    project.edit("orders", "  freshness: {max_age: 9 days}\n", "")
    assert [name for name, held in watched(project).items() if not held] == ["raw.orders"]


def test_production_says_the_yaml_that_would_have_it_watched(project: TinyProject) -> None:
    found = {str(one.name): one for one in production_assets(project.graph())}
    remedy = "type: ml_assets.Monitor\nattributes:\n  name: again\n  owners: [team:shop]\n  scores: again\n"
    assert found["scores.again"].remedy == found["models.again__champion"].remedy == remedy
    project.declare("monitor", found["scores.again"].remedy)
    project.declare("days", found["raw.orders"].remedy)
    by_name = {str(one.name): one.watched_by for one in production_assets(project.graph())}
    assert by_name == {"models.again__champion": ("again",), "raw.orders": ("orders",), "scores.again": ("again",)}


def test_production_tells_runbooks_that_are_no_file(project: TinyProject) -> None:
    project.declare("monitor", SCORES_MONITOR)
    scores = production_assets(project.graph())[-1]
    assert scores.runbooks == scores.lost_runbooks == ("docs/again.md",)
    (project.root / "docs").mkdir()
    (project.root / "docs" / "again.md").write_text("# What to do\n", encoding="utf-8")
    assert production_assets(project.graph())[-1].lost_runbooks == ()


def test_operations_are_found_where_they_are_declared(project: TinyProject) -> None:
    assert project.graph().operations is None
    project.declare("operations", OPERATIONS)
    spec = project.graph().operations
    assert spec is not None
    assert spec.on_duty == ("team:night",)
