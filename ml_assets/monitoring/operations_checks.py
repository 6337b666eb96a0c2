"""Checks of the whole project: everything in production is watched, belongs to somebody, and can be taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ml_assets.monitoring.kpi_facts import Declared, readiness
from ml_assets.monitoring.production import ProductionAsset
from ml_assets.monitoring.rules_on_file import COMMAND, FILE, FOLDER, rules_on_file, without_rules
from ml_assets.specs.monitors import OperationsSpec
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.results import MAX_EVIDENCE_ROWS, CheckFinding

_NOTHING = "nothing is in production: no scored output is declared"


def operations_checks(spec: OperationsSpec, declared: Declared) -> tuple[Check, ...]:
    """All checks of `monitoring.<operations>`."""
    return (_watched(declared), _owned(spec, declared), _ready(declared), _alerted(declared))


def _watched(declared: Declared) -> Check:
    name = "production_is_watched"

    def judged(_scope: CheckScope) -> list[CheckFinding]:
        bare = [one for one in declared.production if not one.is_watched]
        evidence = [
            {"asset": str(one.name), "why": _unwatched(one), "yaml": one.remedy, "into": one.remedy_file}
            for one in bare
        ]
        return [_of_share(name, declared.production, bare, "are watched", evidence)]

    return Check(
        name, "OP001", "Every scored output, the champion behind it and every raw table upstream is watched.", judged
    )


def _unwatched(one: ProductionAsset) -> str:
    if one.role == "raw":
        return "no Monitor watches its days, and it declares no freshness: that nothing comes any more would not be noticed"
    return "no Monitor watches these scores: drift and decay would not be noticed"


def _owned(spec: OperationsSpec, declared: Declared) -> Check:
    name = "production_has_owners_and_runbooks"

    def judged(_scope: CheckScope) -> list[CheckFinding]:
        evidence: list[dict[str, Any]] = []
        for one in declared.production:
            if not one.owners:
                on_duty = f"; told until then: {', '.join(spec.on_duty)}" if spec.on_duty else "; nobody is told"
                evidence.append(
                    {
                        "asset": str(one.name),
                        "why": f"has no owner{on_duty}",
                        "yaml": "owners: [team:NAME]",
                        "place": one.place,
                    }
                )
            evidence += [
                {"asset": str(one.name), "why": f"its runbook {lost} is no file of the project", "yaml": f"runbook: {lost}", "place": one.place}
                for lost in one.lost_runbooks
            ]  # fmt: skip
        named = {row["asset"] for row in evidence}
        bare = [one for one in declared.production if str(one.name) in named]
        evidence += [
            {"asset": str(one), "why": "the project's own runbook is no file of the project", "yaml": "", "place": ""}
            for one in declared.lost_runbooks
        ]
        if evidence and not bare:
            said = (
                f"{len(declared.lost_runbooks)} declared runbooks are no files: {', '.join(declared.lost_runbooks[:3])}"
            )
            return [CheckFinding(name, "failed", said, evidence=evidence[:MAX_EVIDENCE_ROWS])]
        return [_of_share(name, declared.production, bare, "have an owner and a runbook", evidence)]

    return Check(
        name, "OP002", "Everything in production has an owner, and each runbook that is declared is there.", judged
    )


def _ready(declared: Declared) -> Check:
    name = "rollback_is_ready"

    def judged(scope: CheckScope) -> list[CheckFinding]:
        found = readiness(scope.bench, declared.production, scope.now)
        later = {model: one for model, one in found.items() if not one.is_first}
        if not later:
            said = (
                f"the champion of {', '.join(found)} is the first: there is none to go back to" if found else _NOTHING
            )
            return [CheckFinding(name, "not_applicable", said)]
        bare = {model: one for model, one in later.items() if not one.is_ready}
        said = f"{len(later) - len(bare)} of {len(later)} models could be rolled back"
        if bare:
            said += "; not " + ", ".join(f"{model}: {one.reason}" for model, one in bare.items())
        evidence = [
            {"model": model, "champion": one.champion, "target": one.target, "why": one.reason}
            for model, one in bare.items()
        ]
        numbers = {"ready": len(later) - len(bare), "models": len(later), "first_champions": len(found) - len(later)}
        return [CheckFinding.judged(name, not bare, said, numbers=numbers, evidence=evidence[:MAX_EVIDENCE_ROWS])]

    return Check(
        name, "OP003", "The champion before may serve and answers as it did when it was judged.", judged, "warn"
    )


def _alerted(declared: Declared) -> Check:
    name = "production_has_alert_rules"

    def judged(_scope: CheckScope) -> list[CheckFinding]:
        on_file = rules_on_file(declared.root)
        if on_file is None:
            return [CheckFinding(name, "not_applicable", f"no alert rules stand in {FOLDER / FILE}: {COMMAND}")]
        missing = without_rules(declared.production, on_file)
        bare = [one for one in declared.production if str(one.name) in missing]
        evidence = [
            {"asset": asset, "why": f"no rule tells of {', '.join(kinds)}", "remedy": COMMAND}
            for asset, kinds in missing.items()
        ]
        return [_of_share(name, declared.production, bare, "have alert rules", evidence)]

    return Check(name, "OP004", "Alert rules on file cover everything in production.", judged)


def _of_share(
    name: str, production: Sequence[ProductionAsset], bare: Sequence[ProductionAsset], are: str,
    evidence: Sequence[Mapping[str, Any]],
) -> CheckFinding:  # fmt: skip
    if not production:
        return CheckFinding(name, "not_applicable", _NOTHING)
    held = len(production) - len(bare)
    said = f"{held} of {len(production)} assets in production {are}"
    if bare:
        said += f"; not {', '.join(str(one.name) for one in bare)}"
    numbers = {"assets": len(production), "held": held, "coverage": held / len(production)}
    return CheckFinding.judged(name, not bare, said, numbers=numbers, evidence=evidence[:MAX_EVIDENCE_ROWS])
