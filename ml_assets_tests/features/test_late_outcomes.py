"""Labels wait for rows that are overdue: an outcome that has not come is not one that did not happen."""

from __future__ import annotations

from pathlib import Path

from ml_assets.graph.plan import select
from ml_assets.graph.run import run_graph
from ml_assets_tests.e2e.state import query
from ml_assets_tests.tiny import TinyProject


def labelled(project: TinyProject) -> dict[str, float]:
    """Snapshot → share of positives, once everything that is due was made."""
    run_graph(project.context(), select(project.graph(), "+labels.again"))
    rows = query(
        project.home.root, "select strftime(snapshot, '%Y-%m-%d'), avg(label) from labels.again group by 1 order by 1"
    )
    return dict(rows)


def project_without_the_last_week(root: Path) -> tuple[TinyProject, str]:
    """A project whose last file has not come, and that file's rows."""
    project = TinyProject.create(root)
    last = max(project.home.landing("shop").glob("*.csv"))
    rows = last.read_text(encoding="utf-8")
    last.unlink()
    return project, rows


def test_window_whose_rows_are_overdue_is_not_labelled_until_they_come(tmp_path: Path) -> None:
    project, rows = project_without_the_last_week(tmp_path / "project")
    project.edit("orders", "freshness: {max_age: 9 days}", "freshness: {max_age: 5 days}")
    assert max(labelled(project)) == "2024-03-18"
    (project.home.landing("shop") / "2024-03-25.csv").write_text(rows, encoding="utf-8")
    found = labelled(project)
    assert max(found) == "2024-03-25"
    assert found["2024-03-25"] > 0.2


def test_window_is_labelled_while_data_is_as_fresh_as_declared(tmp_path: Path) -> None:
    project, _ = project_without_the_last_week(tmp_path / "project")
    assert max(labelled(project)) == "2024-03-25"
