"""Promotion: the verdict on the newest candidate is stored, and the champion alias moves only with a passing one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ml_assets.registry.book import Hashes, actions, store_verdict
from ml_assets.registry.checks import champion_checks
from ml_assets.registry.facts import CLOCKED, evaluation_tables, read_facts, refuse_unknown_names, undocumented
from ml_assets.registry.gate import Verdict, judge
from ml_assets.specs.models import ModelSpec
from ml_assets.training.versions import ModelVersion, load_version
from ml_assets.warehouse.aliases import CHALLENGER, CHAMPION, champion_before, move, version_at
from ml_assets.warehouse.asset import AssetReport, RunContext
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged, whole_inputs
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint, naive_utc, relation_content
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

if TYPE_CHECKING:
    from ml_assets.registry.golden import GoldenRows

_COLUMNS = "version integer, package_sha256 varchar, passed boolean, reasons varchar, rules json, judged_at timestamp"


@dataclass(frozen=True, kw_only=True)
class _Judged(Staged):
    """What is to be written with a verdict."""

    version: ModelVersion
    verdict: Verdict
    hashes: Hashes
    champion: int | None
    golden: GoldenRows


class ChampionAsset(ComputedTable):
    """`models.<model>__champion`: grain one judged version, its last verdict.

    The aliases are in `ops.aliases`, every verdict ever given in `ops.verdicts`.
    """

    def __init__(self, spec: ModelSpec, place: str, use_case: str) -> None:
        super().__init__(TableName("models", f"{spec.name}__champion"), spec, place, use_case=use_case)
        self.spec: ModelSpec = spec
        self.evaluation = TableName("evaluation", spec.name)

    @property
    def description(self) -> str:
        how = "becomes champion" if self.spec.promotion.policy == "automatic" else "waits as challenger for approval"
        return f"The gate's verdict on each version of {self.spec.name}; a passing one {how}."

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.evaluation, TableName("models", self.spec.name))

    @property
    def logic(self) -> str:
        documented = (
            undocumented(self.spec) if any(rule.kind == "documentation" for rule in self.spec.gate.rules) else {}
        )
        return fingerprint("champion/2", self.spec.gate.model_dump(mode="json"), documented)

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        found = whole_inputs(bench, self.deps)
        return {key: read | self._beside(bench) for key, read in found.items()}

    def _beside(self, bench: Workbench, *, clocked: bool = True) -> dict[str, str]:
        """Contents of the evaluation's further tables, which have no manifest rows of their own."""
        found = {}
        for short, table in evaluation_tables(self.spec.name).items():
            if short == "metrics" or not bench.has_table(table):
                continue
            timeless = short == "facts" and not clocked
            rows = f"(select * from {table.quoted} where fact <> '{CLOCKED}')" if timeless else table.quoted
            found[str(table)] = relation_content(bench, rows)[1]
        return found

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        from ml_assets.registry.golden import sample_golden

        version = load_version(bench, self.spec.name)
        golden = sample_golden(bench, version, self.spec.entity)
        number = version.version
        champion = version_at(bench, self.spec.name, CHAMPION)
        facts = read_facts(bench, self.spec, number, champion)
        refuse_unknown_names(facts, self.spec.gate, self.place)
        verdict = judge(facts, self.spec.gate)
        bench.execute(f"create or replace temp table verdicts ({_COLUMNS})")
        if bench.has_table(self.name):
            bench.execute(f"insert into verdicts by name select * from {self.name.quoted} where version <> {number}")
        rules = json.dumps([vars(rule) for rule in verdict.rules])
        bench.execute(
            "insert into verdicts values (?, ?, ?, ?, ?, ?)",
            [number, version.package_sha256, verdict.passed, verdict.reasons, rules, naive_utc(context.now)],
        )
        read = self.inputs(bench, context, partitions)[UNPARTITIONED]
        # Approvals and rollbacks stand when the very same evaluation is made again, though a clock never says the same twice.
        read |= self._beside(bench, clocked=False)
        evaluated = fingerprint({name: content for name, content in read.items() if name.startswith("evaluation.")})
        hashes = Hashes(version.package_sha256, version.manifest["training_set"]["content"], self.logic, evaluated)
        before = champion if champion != number else champion_before(bench, self.spec.name, number)
        return _Judged(
            "(select * from verdicts order by version)",
            {"version": number, "passed": verdict.passed, "reasons": verdict.reasons},
            version=version, verdict=verdict, hashes=hashes, champion=before,
            golden=golden,
        )  # fmt: skip

    def after_write(self, bench: Workbench, context: RunContext, staged: Staged) -> None:
        from ml_assets.registry.golden import store_golden

        assert isinstance(staged, _Judged)
        model, number = self.spec.name, staged.version.version
        store_verdict(bench, model, number, staged.hashes, staged.champion, staged.verdict, context.now, context.run_id)
        store_golden(bench, staged.version, staged.golden, context.now)
        if not staged.verdict.passed or _was_rolled_back(bench, model, number, staged.hashes):
            return
        if self.spec.promotion.policy == "automatic":
            move(bench, model, CHAMPION, number, at=context.now, by="gate", reason=staged.verdict.reasons)
        elif version_at(bench, model, CHAMPION) != number:
            reason = f"{staged.verdict.reasons}; waits for {self.spec.promotion.approvals} approval(s)"
            move(bench, model, CHALLENGER, number, at=context.now, by="gate", reason=reason)

    def materialize(self, context: RunContext, partitions: Sequence[str]) -> AssetReport:
        """As every computed table; a new verdict also writes the version's card."""
        from ml_assets.registry.card import write_card

        report = super().materialize(context, partitions)
        if not report.changed:
            return report
        with context.warehouse.reading() as bench:
            path = write_card(bench, context.home.reports, self.spec, int(report.facts["version"]))
        return replace(report, facts={**report.facts, "card": str(path)})

    @property
    def checks(self) -> tuple[Check, ...]:
        return champion_checks(self.spec)


def _was_rolled_back(bench: Workbench, model: str, version: int, hashes: Hashes) -> bool:
    """Whether a person took this version back after a verdict on the very same things: machines do not overrule that."""
    return any(
        action.version == version and action.hashes == hashes for action in actions(bench, model, kind="rollback")
    )
