"""The tiny project with a monitor of its scores, lived through week by week."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ml_assets.graph.plan import select
from ml_assets.graph.run import RunReport, run_graph
from ml_assets_tests.tiny import NOW, TinyProject

MONITOR = """\
type: ml_assets.Monitor
attributes:
  name: watch
  description: Whether the scores still mean what the evaluation promised.
  owners: [team:shop]
  scores: again
  slices: [{columns: [orders_28d], edges: [2]}, {columns: [spend], bins: 2}]
  retrain: {when: []}
"""


@dataclass(frozen=True)
class Watched:
    """A project whose clock can be moved; every run makes everything that is out of date."""

    project: TinyProject

    @classmethod
    def create(cls, root: Path, monitor: str = MONITOR, edit: Callable[[TinyProject], None] | None = None) -> Watched:
        """Made once at the project's usual time; nobody trains again by a schedule."""
        project = TinyProject.create(root)
        project.edit(
            "again",
            "  gate: {better_than: []}",
            "  gate: {better_than: []}\n  retrain: manual\n  evaluation: {slices: [{columns: [spend], bins: 2}], draws: 100}",
        )
        project.declare("watch", monitor)
        if edit is not None:
            edit(project)
        watched = cls(project)
        watched.run()
        return watched

    def copied_to(self, root: Path) -> Watched:
        return Watched(self.project.copied_to(root))

    def run(self, selection: str = "*") -> RunReport:
        """`ml-assets run`, in this process; everything has to go well."""
        graph = self.project.graph()
        report = run_graph(self.project.context(), select(graph, selection), workers=1)
        assert report.failures == {}
        return report

    def weeks_later(self, weeks: int, rows: str | None = None) -> RunReport:
        """The clock moves on, the files of these weeks land, and everything is made."""
        first = date.fromisoformat(NOW) - timedelta(days=1)
        for week in range(weeks):
            self.project.land(first + timedelta(weeks=week), rows)
        self.project.home.replay_file.write_text(
            str(date.fromisoformat(NOW) + timedelta(weeks=weeks)), encoding="utf-8"
        )
        return self.run()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.project.context().warehouse.reading() as bench:
            return bench.rows(sql)

    def findings(self, asset: str, check: str) -> dict[str, tuple[str, str]]:
        """Partition → status and summary."""
        return {
            key: (status, summary)
            for key, status, summary in self.query(
                f"select partition, status, summary from wh.ops.checks where asset = '{asset}' and check_name = '{check}' order by 1"
            )
        }
