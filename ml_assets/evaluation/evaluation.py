"""The evaluation of the newest candidate on the untouched test snapshots, beside its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml_assets.evaluation.checks import evaluation_checks
from ml_assets.evaluation.metrics import METRICS
from ml_assets.evaluation.overview import overview_picture
from ml_assets.evaluation.pictures import SplitRow
from ml_assets.evaluation.report import ReportFacts, render_report, write_report
from ml_assets.evaluation.scored import MeasuredValue, measured, score_rows, whole_test
from ml_assets.specs.models import ModelSpec
from ml_assets.training.versions import load_version
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged, whole_inputs
from ml_assets.warehouse.manifest import fingerprint
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

EVALUATION_COLUMNS = "version integer, estimator varchar, part varchar, snapshot timestamp, metric varchar, value double, rows bigint, positives bigint"


class EvaluationAsset(ComputedTable):
    """`evaluation.<model>`: grain (version, estimator, part, snapshot, metric); a null snapshot is the part as a whole."""

    kinds = ("duckdb",)
    imports = ("vl_convert",)

    def __init__(self, spec: ModelSpec, place: str, use_case: str) -> None:
        super().__init__(TableName("evaluation", spec.name), spec, place, use_case=use_case)
        self.spec: ModelSpec = spec
        self.model = TableName("models", spec.name)
        self.training = TableName("training", spec.name)
        self.pages = self.name.sibling("reports")

    @property
    def description(self) -> str:
        return f"How good each version of {self.spec.name} is on its test snapshots, beside constant, one-rule and linear baselines."

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.model, self.training)

    @property
    def logic(self) -> str:
        return fingerprint("evaluation/2", sorted(METRICS))

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        return whole_inputs(bench, self.deps)

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        version = load_version(bench, self.spec.name)
        scored = score_rows(bench, version, self.training, self.spec.entity)
        values = measured(scored, version.version)
        self._stage(bench, version.version, values)
        facts = ReportFacts(self.spec, version, scored, values, self._split(bench))
        page = render_report(facts)
        path = write_report(context.home.reports, version, page)
        bench.execute(
            "create or replace temp table report_page as select ?::integer as version, ? as html",
            [version.version, page],
        )
        test = {
            f"{name}.{metric}": value for name, found in whole_test(values).items() for metric, value in found.items()
        }
        return Staged(
            "(select * from measured order by all)",
            {"version": version.version, "report": str(path), "picture": overview_picture(facts), **test},
        )

    def _stage(self, bench: Workbench, version: int, values: Sequence[MeasuredValue]) -> None:
        bench.execute(f"create or replace temp table measured ({EVALUATION_COLUMNS})")
        if bench.has_table(self.name):
            bench.execute(f"insert into measured by name select * from {self.name.quoted} where version <> {version}")
        columns = [list(column) for column in zip(*values, strict=True)]
        bench.execute(f"insert into measured select {', '.join(['unnest(?)'] * len(columns))}", columns)

    def _split(self, bench: Workbench) -> list[SplitRow]:
        return [
            SplitRow(*row)
            for row in bench.rows(
                f"select snapshot, part, count(*), sum(label)::bigint from {self.training.quoted} group by all order by snapshot"
            )
        ]

    def after_write(self, bench: Workbench, context: RunContext, staged: Staged) -> None:
        bench.replace_rows(self.pages, "report_page", "version", [staged.facts["version"]])

    @property
    def checks(self) -> tuple[Check, ...]:
        return evaluation_checks()


def test_metrics(bench: Workbench, model: str, version: int) -> Mapping[str, Mapping[str, float | None]]:
    """Estimator → metric → value on the whole test part of one stored version."""
    rows = bench.rows(
        "select version, estimator, part, snapshot, metric, value, rows, positives from "
        f"{TableName('evaluation', model).quoted} where version = ? and part = 'test' and snapshot is null order by estimator, metric",
        [version],
    )
    return whole_test([MeasuredValue(*row) for row in rows])
