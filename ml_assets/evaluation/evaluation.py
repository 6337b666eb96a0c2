"""The evaluation of the newest candidate on the untouched test rows, beside its baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml_assets.evaluation.catalogue import HEADLINE, LOSS
from ml_assets.evaluation.checks import evaluation_checks
from ml_assets.evaluation.measured_values import MeasuredValue, whole_test
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.splits import ChronologicalSplitSpec
from ml_assets.training.versions import ModelVersion, load_version
from ml_assets.warehouse.aliases import CHAMPION, version_at
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged, whole_inputs
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint, manifest_of
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

if TYPE_CHECKING:
    from ml_assets.evaluation.assessment import Assessment
    from ml_assets.evaluation.pictures import SplitRow

_STEPS = 4
EVALUATION_COLUMNS = (
    "version integer, estimator varchar, part varchar, snapshot timestamp, metric varchar, value double, low double, "
    "high double, rows bigint, positives bigint"
)


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
        return f"How good each version of {self.spec.name} is on its test rows, beside constant, one-rule and linear baselines."

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.model, self.training)

    @property
    def logic(self) -> str:
        return fingerprint("evaluation/3", self.spec.evaluation.model_dump(mode="json"))

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        found = whole_inputs(bench, self.deps)
        return {key: read | {CHAMPION: self._compared(bench, read)} for key, read in found.items()}

    def _compared(self, bench: Workbench, read: Mapping[str, str]) -> str:
        """The champion that the newest version is to be compared with. One that has become champion itself keeps the
        comparison that it was judged by."""
        serving = version_at(bench, self.spec.name, CHAMPION)
        newest = bench.value(f"select max(version) from {self.model.quoted}")
        if serving is not None and serving != newest:
            return str(serving)
        before = manifest_of(bench, self.name).get(UNPARTITIONED)
        same = before is not None and before.inputs.get(str(self.model)) == read[str(self.model)]
        return before.inputs.get(CHAMPION, "none") if before is not None and same else "none"

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        from ml_assets.evaluation import findings
        from ml_assets.evaluation.assessment import assess
        from ml_assets.evaluation.facts import facts_of
        from ml_assets.evaluation.overview import overview_picture
        from ml_assets.evaluation.report import render_report, write_report
        from ml_assets.evaluation.report_facts import ReportFacts
        from ml_assets.evaluation.scored import measured, score_rows

        version, label = load_version(bench, self.spec.name), str(self.name)
        champion = self._champion(bench, version.version)
        scored = score_rows(bench, version, self.training, self.spec)
        context.progress(label, 1, _STEPS)
        found = assess(self.spec, version, scored, champion)
        context.progress(label, 2, _STEPS)
        values = measured(scored, version.version, found.options, found.report)
        facts = facts_of(self.spec, version, scored, values, found, context.home)
        self._stage(bench, version.version, values)
        findings.stage(bench, version.version, findings.rows_of(self.spec, scored, found, facts))
        context.progress(label, 3, _STEPS)
        told = ReportFacts(self.spec, version, scored, values, self._split(bench), found, facts, self.personal)
        page = render_report(told)
        path = write_report(context.home.reports, version, page)
        bench.execute(
            "create or replace temp table report_page as select ?::integer as version, ? as html",
            [version.version, page],
        )
        context.progress(label, _STEPS, _STEPS)
        return Staged(
            "(select * from measured order by all)",
            {
                "version": version.version,
                "report": str(path),
                "picture": overview_picture(told),
                **_shown(values, found),
            },
        )

    def _champion(self, bench: Workbench, version: int) -> ModelVersion | None:
        """The version that serves now, to compare with; None where there is none or it is this one."""
        serving = version_at(bench, self.spec.name, CHAMPION)
        return None if serving is None or serving == version else load_version(bench, self.spec.name, serving)

    def _stage(self, bench: Workbench, version: int, values: Sequence[MeasuredValue]) -> None:
        bench.execute(f"create or replace temp table measured ({EVALUATION_COLUMNS})")
        if bench.has_table(self.name):
            bench.execute(f"insert into measured by name select * from {self.name.quoted} where version <> {version}")
        columns = [list(column) for column in zip(*values, strict=True)]
        bench.execute(f"insert into measured select {', '.join(['unnest(?)'] * len(columns))}", columns)

    def _split(self, bench: Workbench) -> list[SplitRow]:
        from ml_assets.evaluation.pictures import SplitRow

        split = self.spec.split
        moment = f"date_trunc('{split.every}', snapshot)" if isinstance(split, ChronologicalSplitSpec) else "snapshot"
        positives = "sum(label)::bigint" if self.spec.task == "binary" else "null::bigint"
        return [
            SplitRow(*row)
            for row in bench.rows(
                f"select {moment} as snapshot, part, count(*), {positives} from {self.training.quoted} group by all order by 1, 2"
            )
        ]

    def after_write(self, bench: Workbench, context: RunContext, staged: Staged) -> None:
        from ml_assets.evaluation import findings

        version = staged.facts["version"]
        bench.replace_rows(self.pages, "report_page", "version", [version])
        findings.write(bench, self.name, version)

    @property
    def checks(self) -> tuple[Check, ...]:
        return evaluation_checks(self.spec)


def _shown(values: Sequence[MeasuredValue], found: Assessment) -> dict[str, Any]:
    """What stands beside the materialisation in the UI: headline metrics, and in words whether the gain is real."""
    test = whole_test(values)
    headline = {
        f"{name}.{metric}": known[metric]
        for name, known in test.items()
        for metric in HEADLINE[found.report.task]
        if known[metric] is not None
    }
    said = {f"against_{one.other}": one.sentence for one in found.comparisons if one.metric == LOSS[found.report.task]}
    return headline | said


def test_metrics(bench: Workbench, model: str, version: int) -> Mapping[str, Mapping[str, float | None]]:
    """Estimator → metric → value on the whole test part of one stored version."""
    rows = bench.rows(
        "select version, estimator, part, snapshot, metric, value, low, high, rows, positives from "
        f"{TableName('evaluation', model).quoted} where version = ? and part = 'test' and snapshot is null order by estimator, metric",
        [version],
    )
    return whole_test([MeasuredValue(*row) for row in rows])
