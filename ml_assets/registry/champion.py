"""Promotion: the verdict on the newest candidate is stored, and the champion alias moves only with a passing one."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ml_assets.evaluation.evaluation import test_metrics
from ml_assets.registry.aliases import move, version_at
from ml_assets.registry.gate import judge
from ml_assets.specs.models import ModelSpec
from ml_assets.training.versions import load_version
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.computed import ComputedTable, Staged, whole_inputs
from ml_assets.warehouse.manifest import fingerprint, naive_utc
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.store import Workbench

_COLUMNS = "version integer, package_sha256 varchar, passed boolean, reasons varchar, rules json, judged_at timestamp"


class ChampionAsset(ComputedTable):
    """`models.<model>__champion`: grain one judged version; the alias itself is in `ops.aliases`."""

    def __init__(self, spec: ModelSpec, place: str, use_case: str) -> None:
        super().__init__(TableName("models", f"{spec.name}__champion"), spec, place, use_case=use_case)
        self.spec: ModelSpec = spec
        self.evaluation = TableName("evaluation", spec.name)

    @property
    def description(self) -> str:
        return f"The gate's verdict on each version of {self.spec.name}; a passing one becomes champion."

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.evaluation, TableName("models", self.spec.name))

    @property
    def logic(self) -> str:
        return fingerprint("champion/1", self.spec.gate.model_dump(mode="json"))

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        return whole_inputs(bench, self.deps)

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        version = load_version(bench, self.spec.name)
        verdict = judge(test_metrics(bench, self.spec.name, version.version), self.spec.gate)
        bench.execute(f"create or replace temp table verdicts ({_COLUMNS})")
        if bench.has_table(self.name):
            bench.execute(
                f"insert into verdicts by name select * from {self.name.quoted} where version <> {version.version}"
            )
        rules = json.dumps([vars(rule) for rule in verdict.rules])
        bench.execute(
            "insert into verdicts values (?, ?, ?, ?, ?, ?)",
            [version.version, version.package_sha256, verdict.passed, verdict.reasons, rules, naive_utc(context.now)],
        )
        facts = {"version": version.version, "passed": verdict.passed, "reasons": verdict.reasons}
        return Staged("(select * from verdicts order by version)", facts)

    def after_write(self, bench: Workbench, context: RunContext, staged: Staged) -> None:
        if staged.facts["passed"]:
            move(
                bench, self.spec.name, "champion", staged.facts["version"], at=context.now, by="gate",
                reason=staged.facts["reasons"],
            )  # fmt: skip

    @property
    def checks(self) -> tuple[Check, ...]:
        return (_champion_check(self.spec.name), _verdict_check())


def _champion_check(model: str) -> Check:
    name = "there_is_a_champion_that_passed"

    def judged(scope: CheckScope) -> list[CheckFinding]:
        champion = version_at(scope.bench, model, "champion")
        passed = champion is not None and bool(
            scope.bench.value(f"select passed from {scope.table.quoted} where version = ?", [champion])
        )
        said = f"champion is {model}@{champion}" if champion else "no version has passed the gate yet"
        return [CheckFinding.judged(name, passed, said, numbers={"version": champion})]

    return Check(name, "GT001", "The champion alias points to a version with a passing verdict.", judged, blocking=True)


def _verdict_check() -> Check:
    name = "newest_candidate_passed_the_gate"

    def judged(scope: CheckScope) -> list[CheckFinding]:
        rows = scope.bench.rows(
            f"select version, passed, reasons from {scope.table.quoted} order by version desc limit 1"
        )
        return [
            CheckFinding.judged(name, bool(passed), f"version {version}: {reasons}")
            for version, passed, reasons in rows
        ]

    return Check(name, "GT002", "The newest candidate holds every gate rule.", judged, "warn")
