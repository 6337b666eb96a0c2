"""Versions as plain data: the list of them, everything about one, and several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ml_assets.registry.actions import valid_approvals
from ml_assets.registry.book import Action, actions, verdicts
from ml_assets.registry.card import card_path
from ml_assets.registry.card_analyses import in_catalogue_order
from ml_assets.registry.champion import ChampionAsset
from ml_assets.registry.changes import SECTIONS, described
from ml_assets.registry.facts import read_facts
from ml_assets.registry.resolve import standing
from ml_assets.training.versions import load_version
from ml_assets.warehouse.aliases import ALIASES, history, version_at
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench


def list_versions(bench: Workbench, context: RunContext, asset: ChampionAsset) -> list[dict[str, Any]]:
    """Every stored version of a model, newest first, with its aliases and how it stands."""
    model, table = asset.spec.name, TableName("models", asset.spec.name)
    if not bench.has_table(table):
        return []
    pointed = {alias: version_at(bench, model, alias) for alias in ALIASES}
    found = []
    for version, trained_at in bench.rows(f"select version, trained_at from {table.quoted} order by version desc"):
        stands = standing(bench, model, version, context.now)
        found.append({
            "model": model, "version": version, "trained_at": trained_at.replace(tzinfo=UTC), "package_sha256": stands.package_sha256,
            "aliases": [alias for alias, at in pointed.items() if at == version],
            "verdict": None if stands.verdict is None else "passed" if stands.verdict.passed else "refused",
            "reasons": "" if stands.verdict is None else stands.verdict.reasons,
            "override": None if stands.override is None else str(stands.override), "may_serve": not stands.refusal,
        })  # fmt: skip
    return found


def show_version(bench: Workbench, context: RunContext, asset: ChampionAsset, version: int) -> dict[str, Any]:
    """Everything that is known about one version."""
    spec = asset.spec
    loaded = load_version(bench, spec.name, version)
    stands = standing(bench, spec.name, version, context.now)
    given = verdicts(bench, spec.name, version)
    approvals = actions(bench, spec.name, version, "approve")
    valid = valid_approvals(approvals, given[-1].hashes) if given and given[-1].hashes.gate_logic == asset.logic else []
    path = card_path(context.home.reports, spec.name, version)
    return {
        "model": spec.name, "version": version, "package_sha256": loaded.package_sha256, "trained_at": loaded.manifest.get("trained_at"),
        "trained_by": loaded.manifest.get("trained_by"), "because": loaded.manifest.get("because"), "may_serve": not stands.refusal, "standing": stands.said,
        "aliases": [alias for alias in ALIASES if version_at(bench, spec.name, alias) == version],
        "verdict": None if not given else asdict(given[-1]), "verdicts_given": len(given),
        "overrides": [_action(one) | {"counts": one == stands.override} for one in actions(bench, spec.name, version, "override")],
        "approvals": [_action(one) | {"valid": one in valid} for one in approvals],
        "approvals_needed": spec.promotion.approvals if spec.promotion.policy == "approval" else 0,
        "actions": [_action(one) for one in actions(bench, spec.name, version)],
        "alias_history": [asdict(move) for move in history(bench, spec.name) if move.version == version],
        "metrics": _metrics(bench, asset, version), "made_from": described(loaded),
        "card": str(path) if path.exists() else None, "report": str(path.with_name(f"{version}.html")),
    }  # fmt: skip


def _action(action: Action) -> dict[str, Any]:
    return asdict(action) | {"hashes": action.hashes._asdict()}


def _metrics(bench: Workbench, asset: ChampionAsset, version: int) -> dict[str, dict[str, float | None]]:
    facts = read_facts(bench, asset.spec, version, None)
    found = {
        metric: value for (who, part, metric), value in facts.metrics.items() if (who, part) == ("candidate", "test")
    }
    return {metric: found[metric]._asdict() for metric in in_catalogue_order(asset.spec.task, found)}


def compare_versions(bench: Workbench, asset: ChampionAsset, versions: Sequence[int]) -> dict[str, Any]:
    """Versions side by side: section → name → one value a version, in their order; `differs` says where they are not equal.

    Sections: metrics (value with its interval), gate, data, features, parameters, code.
    """
    measured = [_metrics(bench, asset, version) for version in versions]
    made = [described(load_version(bench, asset.spec.name, version)) for version in versions]
    sections = {"metrics": [{name: _interval(values) for name, values in found.items()} for found in measured]}
    sections["gate"] = [_gate(bench, asset.spec.name, version) for version in versions]
    sections |= {section: [found[section] for found in made] for section in SECTIONS}
    return {
        "model": asset.spec.name, "versions": list(versions), "measured": measured,
        "sections": {section: _side_by_side(columns) for section, columns in sections.items()},
    }  # fmt: skip


def _side_by_side(columns: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = [(name, [column.get(name) for column in columns]) for name in names]
    return [{"name": name, "values": values, "differs": len(set(values)) > 1} for name, values in rows]


def _interval(values: dict[str, float | None]) -> str:
    if values["value"] is None:
        return "not defined"
    between = "" if values["low"] is None else f" [{values['low']:.4f}, {values['high']:.4f}]"
    return f"{values['value']:.4f}{between}"


def _gate(bench: Workbench, model: str, version: int) -> dict[str, str]:
    given = verdicts(bench, model, version)
    if not given:
        return {"verdict": "not judged"}
    last = given[-1]
    rules = {rule.rule: f"{rule.status.replace('_', ' ')}: {rule.reason}" for rule in last.rules}
    return {"verdict": "passed" if last.passed else "refused", **rules}


def served_at(bench: Workbench, model: str, moment: datetime) -> dict[str, Any]:
    """Alias → the move that decides where it pointed at `moment`, None before it was first set."""
    found: dict[str, Any] = {}
    moves = [move for move in history(bench, model) if move.moved_at <= moment]
    for alias in ALIASES:
        last = [move for move in moves if move.alias == alias]
        found[alias] = asdict(last[-1]) if last else None
    return {"model": model, "moment": moment, "aliases": found}
