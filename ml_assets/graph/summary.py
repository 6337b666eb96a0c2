"""What there is now: rows, checks and model metrics of some assets, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from ml_assets.evaluation.evaluation import EvaluationAsset, test_metrics
from ml_assets.graph.compile import Graph
from ml_assets.graph.overlooked import overlooked
from ml_assets.warehouse.aliases import version_at
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.manifest import whole_manifest
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench


@dataclass(frozen=True)
class AssetLine:
    """One asset: what is materialised, its newest partition, and the results of its checks on all of them.

    `quarantined`: rows of its landing files that broke the contract and were put aside.
    """

    asset: str
    place: str
    rows: int
    quarantined: int
    partitions: int
    newest: str
    made_at: datetime | None
    passed: int
    failed: int
    warned: int
    not_applicable: int


@dataclass(frozen=True)
class ModelLine:
    """One model's newest version: test metrics of each estimator, the champion, the report page."""

    model: str
    task: str
    version: int
    champion: int | None
    metrics: dict[str, dict[str, float | None]]
    report: str


@dataclass(frozen=True)
class FailedCheck:
    """A check that does not hold now. `place` is the declaration it comes from."""

    asset: str
    partition: str
    check: str
    code: str
    severity: str
    summary: str
    place: str


@dataclass(frozen=True)
class Summary:
    """Everything `ml-assets run` and `status` print."""

    now: datetime
    assets: tuple[AssetLine, ...]
    models: tuple[ModelLine, ...]
    failed_checks: tuple[FailedCheck, ...] = field(default=())
    overlooked: tuple[str, ...] = field(default=())

    @property
    def errors(self) -> int:
        """How many checks of severity ERROR fail."""
        return sum(check.severity == "error" for check in self.failed_checks)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"errors": self.errors}


def summarize(context: RunContext, graph: Graph, assets: Sequence[TableAsset]) -> Summary:
    """Read the manifest and the book of checks; only findings about the content that is there now count."""
    with context.warehouse.reading() as bench:
        manifest = whole_manifest(bench)
        counts: dict[str, dict[str, int]] = {}
        for asset, verdict, number in bench.rows(_CURRENT_COUNTS):
            counts.setdefault(asset, {})[verdict] = number
        aside = dict(
            bench.rows(
                "select asset, sum(rows_quarantined)::bigint from wh.ops.files where status = 'loaded' group by 1"
            )
        )
        chosen = {str(asset.name) for asset in assets}
        failed = tuple(
            FailedCheck(asset, partition, check, code, severity, said, graph[TableName.parse(asset)].place)
            for asset, partition, check, code, severity, said in bench.rows(_CURRENT_FAILURES) if asset in chosen
        )  # fmt: skip
        unseen = tuple(overlooked(bench, context, graph, assets))
        models = tuple(
            line
            for asset in assets
            if isinstance(asset, EvaluationAsset)
            for line in _model_lines(bench, context, asset)
        )
    lines = []
    for asset in assets:
        rows = manifest.get(str(asset.name), {})
        found = counts.get(str(asset.name), {})
        lines.append(
            AssetLine(
                str(asset.name), asset.place, sum(row.rows for row in rows.values()), int(aside.get(str(asset.name)) or 0), len(rows), max(rows, default=""),
                max((row.made_at for row in rows.values()), default=None), found.get("passed", 0), found.get("failed", 0),
                found.get("warned", 0), found.get("not_applicable", 0),
            )
        )  # fmt: skip
    return Summary(context.now, tuple(lines), models, failed, unseen)


_CURRENT = "from wh.ops.checks c join wh.ops.manifest m on m.asset = c.asset and m.partition = c.partition and m.content = c.content"
_VERDICT = "case when status = 'failed' and severity = 'warn' then 'warned' else status end"
_CURRENT_COUNTS = f"select c.asset, {_VERDICT} as verdict, count(*) {_CURRENT} group by all"
_CURRENT_FAILURES = (
    f"select c.asset, c.partition, c.check_name, c.code, c.severity, c.summary {_CURRENT} where c.status = 'failed' "
    "order by c.severity, c.asset, c.partition, c.check_name"
)


def _model_lines(bench: Workbench, context: RunContext, asset: EvaluationAsset) -> list[ModelLine]:
    if not bench.has_table(asset.name):
        return []
    version = bench.value(f"select max(version) from {asset.name.quoted}")
    model = asset.spec.name
    metrics = {name: dict(values) for name, values in test_metrics(bench, model, version).items()}
    report = context.home.reports / model / f"{version}.html"
    return [ModelLine(model, asset.spec.task, version, version_at(bench, model, "champion"), metrics, str(report))]
