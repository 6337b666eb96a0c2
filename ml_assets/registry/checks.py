"""Checks of verdicts: the champion may serve, the newest candidate passed, and the champion still says what it said."""

from __future__ import annotations

from datetime import datetime

from ml_assets.errors import NotMaterializedError
from ml_assets.registry.resolve import standing
from ml_assets.specs.models import ModelSpec
from ml_assets.training.versions import load_version
from ml_assets.warehouse.aliases import CHALLENGER, CHAMPION, version_at
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.manifest import UNPARTITIONED, manifest_of
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import CheckFinding, record_findings
from ml_assets.warehouse.store import Workbench


def champion_checks(spec: ModelSpec) -> tuple[Check, ...]:
    """All checks of `models.<model>__champion`."""
    return (_champion_check(spec), _verdict_check(), _golden_check(spec.name), _override_check(spec.name))


def record_champion_checks(bench: Workbench, spec: ModelSpec, table: TableName, now: datetime) -> None:
    """Inside a commit: judge anew after a person moved an alias, so that consumers meet what holds now."""
    known = manifest_of(bench, table)
    if UNPARTITIONED not in known:
        return
    checks = champion_checks(spec)
    scope = CheckScope(bench, table, [UNPARTITIONED], now)
    rules = {check.name: (check.code, check.severity, check.blocking) for check in checks}
    found = [finding for check in checks for finding in check.findings(scope)]
    record_findings(bench, table, rules, {UNPARTITIONED: known[UNPARTITIONED].content}, found, now)


def _champion_check(spec: ModelSpec) -> Check:
    name = "there_is_a_champion_that_passed"

    def judged(scope: CheckScope) -> list[CheckFinding]:
        champion = version_at(scope.bench, spec.name, CHAMPION)
        if champion is None:
            waiting = version_at(scope.bench, spec.name, CHALLENGER)
            if waiting is not None:
                return [
                    CheckFinding(
                        name, "not_applicable", f"{spec.name}@{waiting} waits for approval; nothing serves yet"
                    )
                ]
            return [CheckFinding(name, "failed", "no version has passed the gate yet")]
        found = standing(scope.bench, spec.name, champion, scope.now)
        said = f"champion is {spec.name}@{champion}"
        if found.override is not None:
            said += f" by {found.override}"
        elif found.refusal:
            said += f", but {found.refusal}"
        return [CheckFinding.judged(name, not found.refusal, said, numbers={"version": champion})]

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


def _golden_check(model: str) -> Check:
    name = "champion_answers_its_golden_rows_exactly"

    def judged(scope: CheckScope) -> list[CheckFinding]:
        from ml_assets.registry.golden import answer_golden

        champion = version_at(scope.bench, model, CHAMPION)
        if champion is None:
            return [CheckFinding(name, "not_applicable", "there is no champion yet")]
        try:
            answer = answer_golden(scope.bench, load_version(scope.bench, model, champion))
        except NotMaterializedError as problem:
            return [CheckFinding(name, "not_applicable", problem.subject)]
        said = f"{model}@{champion}: {answer.rows - answer.differing} of {answer.rows} answers as when it was judged"
        numbers = {"rows": answer.rows, "differing": answer.differing, "largest": answer.largest}
        return [CheckFinding.judged(name, answer.exact, said, numbers=numbers)]

    return Check(
        name, "GT003", "The champion gives the scores that it gave when it was judged, to the last bit.", judged
    )


def _override_check(model: str) -> Check:
    name = "champion_serves_without_an_override"

    def judged(scope: CheckScope) -> list[CheckFinding]:
        champion = version_at(scope.bench, model, CHAMPION)
        if champion is None:
            return [CheckFinding(name, "not_applicable", "there is no champion yet")]
        found = standing(scope.bench, model, champion, scope.now)
        return [CheckFinding.judged(name, found.override is None, found.said, numbers={"version": champion})]

    return Check(name, "GT004", "The champion passed by itself; nobody has to answer for it.", judged, "warn")
