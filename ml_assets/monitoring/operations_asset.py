"""The project's operational indicators, one set of rows for each day of the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ml_assets.monitoring.kpi_facts import Declared, own_table, read_facts, window_of
from ml_assets.monitoring.kpis import Kpi, computed_kpis
from ml_assets.monitoring.operations_checks import operations_checks
from ml_assets.specs.monitors import OperationsSpec
from ml_assets.warehouse.asset import AssetReport, RunContext
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint, naive_utc
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

KPI_COLUMNS = (
    "day date, indicator varchar, value double, unit varchar, low double, high double, numerator double, denominator double, "
    "span varchar, until timestamp, reason varchar"
)


class OperationsAsset(ComputedTable):
    """`monitoring.<name>`: grain (day, indicator); the rows of a day are replaced within it, those of earlier days stay.

    It is due once a day, and when steps ran, versions moved or declarations changed since: not by checks and incidents alone, which follow from
    steps and would have it made anew after every run. It reads nothing of the tables it follows, so what failed among them
    is no reason to leave it out: that is when its numbers are wanted.
    """

    undeterred = True

    def __init__(
        self, spec: OperationsSpec, declared: Declared, follows: Sequence[TableName], place: str, use_case: str
    ) -> None:
        super().__init__(own_table(spec), spec, place, use_case=use_case)
        self.spec: OperationsSpec = spec
        self.declared = declared
        self._follows = tuple(sorted(follows))

    @property
    def deps(self) -> tuple[TableName, ...]:
        return self._follows

    @property
    def logic(self) -> str:
        cost = None if self.spec.cost is None else self.spec.cost.model_dump(mode="json")
        return fingerprint("operations/1", self.spec.window, cost)

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        steps, moves = bench.rows(
            "select (select count(*) from wh.ops.steps where status <> 'judged' and asset <> ?), "
            "(select count(*) from wh.ops.aliases) + (select count(*) from wh.ops.registry_actions)",
            [str(self.name)],
        )[0]
        return {
            UNPARTITIONED: {
                "day": f"{context.now:%Y-%m-%d}", "steps": str(steps), "moves of versions": str(moves), "declarations": self._declarations,
            }
        }  # fmt: skip

    @property
    def _declarations(self) -> str:
        """What is counted of declarations, their lines in files left out."""
        production = [{**one.to_json(), "place": ""} for one in self.declared.production]
        return fingerprint(production, self.declared.models, self.declared.documented)

    def refuse_blocked_inputs(self, bench: Workbench, partitions: Sequence[str]) -> None:
        """Never: it counts what failed and reads none of it."""

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        window = window_of(self.spec, context.now)
        kpis = computed_kpis(read_facts(bench, self.spec, self.declared, window, context.now))
        day, until = context.now.date(), naive_utc(context.now)
        bench.execute(f"create or replace temp table indicators ({KPI_COLUMNS})")
        if bench.has_table(self.name):
            bench.execute(f"insert into indicators by name select * from {self.name.quoted} where day <> ?", [day])
        rows = [
            (day, one.name, one.value, one.unit, one.low, one.high, one.numerator, one.denominator, self.spec.window, until, one.reason)
            for one in kpis
        ]  # fmt: skip
        columns = [list(column) for column in zip(*rows, strict=True)]
        bench.execute(f"insert into indicators select {', '.join(['unnest(?)'] * len(columns))}", columns)
        return Staged("(select * from indicators order by day, indicator)", _shown(kpis))

    def materialize(self, context: RunContext, partitions: Sequence[str]) -> AssetReport:
        """As every computed table; new indicators also rewrite their page."""
        report = super().materialize(context, partitions)
        if not report.changed:
            return report
        return replace(report, facts={**report.facts, "page": str(self._write_page(context))})

    def _write_page(self, context: RunContext) -> object:
        from ml_assets.monitoring.kpi_page import write_kpi_page

        with context.warehouse.reading() as bench:
            return write_kpi_page(bench, self.name, self.spec, context.home.reports)

    @property
    def checks(self) -> tuple[Check, ...]:
        return operations_checks(self.spec, self.declared)


def _shown(kpis: Sequence[Kpi]) -> dict[str, Any]:
    return {one.name: one.value for one in kpis if one.value is not None}
