"""`ml-assets pull`, and `ml-assets run --pull`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ml_assets.cli.project import OpenProject, open_project
from ml_assets.cli.terminal import Terminal
from ml_assets.errors import MlAssetsError, SelectionError
from ml_assets.graph.plan import select
from ml_assets.ingest.pull import Pulled, pull_table
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.warehouse.asset import TableAsset


@dataclass
class PullReport:
    """What became of the landing file of each table, by the table's name; `failures`: what kept it from being fetched."""

    pulled: dict[str, Pulled] = field(default_factory=dict)
    failures: dict[str, MlAssetsError] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        tables = {
            name: {"file": str(one.path), "rows": one.rows, "sha256": one.sha256, "changed": one.changed, "order_by": one.order_by}
            for name, one in self.pulled.items()
        }  # fmt: skip
        return {"pulled": tables, "failures": {name: str(problem) for name, problem in self.failures.items()}}


def pull_command(project: Path | None, selection: str, *, as_json: bool) -> int:
    """Fetch the landing files of the selected tables that declare `pull`; 1 where one could not be fetched."""
    opened = open_project(project)
    assets = pullable(select(opened.graph, selection))
    if not assets:
        raise SelectionError(
            "no selected table declares pull", expected="a raw table with pull: {database: …, table: …}", got=selection,
            remedy="`ml-assets components RawTable.pull` shows what to declare",
        )  # fmt: skip
    report = pull_assets(opened, assets, as_json=as_json)
    tell(report, as_json=as_json)
    return 1 if report.failures else 0


def pullable(assets: Sequence[TableAsset]) -> list[RawTableAsset]:
    """The raw tables among them whose landing file is pulled."""
    return [asset for asset in assets if isinstance(asset, RawTableAsset) and asset.spec.pull is not None]


def pull_assets(opened: OpenProject, assets: Sequence[RawTableAsset], *, as_json: bool) -> PullReport:
    """Fetch one after the other; a table that cannot be fetched keeps no other one from it."""
    report = PullReport()
    with Terminal(quiet=as_json) as terminal:
        for asset in assets:
            place = opened.graph.declared_by[asset.name].place_of("pull")
            try:
                report.pulled[str(asset.name)] = pull_table(
                    asset.spec, opened.home.landing(asset.use_case), opened.root, place, terminal.progress
                )
            except MlAssetsError as problem:
                report.failures[str(asset.name)] = problem
    return report


def tell(report: PullReport, *, as_json: bool) -> None:
    """One JSON object, or a line for each table, with what failed on standard error."""
    if as_json:
        sys.stdout.write(json.dumps(report.to_json()) + "\n")
        return
    for name, pulled in report.pulled.items():
        sys.stdout.write(f"{name:<32} {pulled.path.name:<28} {pulled.sentence}\n")
    for problem in report.failures.values():
        sys.stderr.write(f"{problem.code} {problem}\n")
