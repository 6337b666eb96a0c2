"""What the registry's commands do: read the project, call the registry, print."""

from __future__ import annotations

import getpass
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ml_assets.cli.project import OpenProject, open_made
from ml_assets.errors import SelectionError, UnknownNameError
from ml_assets.registry.actions import Outcome, Registrar
from ml_assets.registry.champion import ChampionAsset
from ml_assets.registry.resolve import version_named
from ml_assets.warehouse.home import parse_instant


def list_command(project: Path | None, *, name: str | None, as_json: bool) -> int:
    """Print all versions of one model or of all."""
    from ml_assets.registry.overview import list_versions

    opened = opened_versions(project)
    assets = [model_named(opened, name)] if name else list(models_of(opened).values())
    context = opened.context()
    with context.warehouse.reading() as bench:
        found = [line for asset in assets for line in list_versions(bench, context, asset)]
    return print_found({"versions": found}, as_json, "print_list")


def show_command(project: Path | None, *, reference: str, as_json: bool) -> int:
    """Print everything about one version."""
    from ml_assets.registry.overview import show_version

    opened, asset, version = referred(project, reference)
    context = opened.context()
    with context.warehouse.reading() as bench:
        found = show_version(bench, context, asset, version)
    return print_found(found, as_json, "print_version")


def at_command(project: Path | None, *, name: str, moment: str, as_json: bool) -> int:
    """Print where each alias pointed at a moment."""
    from ml_assets.registry.overview import served_at

    opened = opened_versions(project)
    asset = model_named(opened, name)
    instant = parse_instant(moment, "MOMENT")
    with opened.context().warehouse.reading() as bench:
        found = served_at(bench, asset.spec.name, instant)
    return print_found(found, as_json, "print_moment")


def act_command(
    project: Path | None, *, action: str, reference: str, by: str | None, reason: str, as_json: bool
) -> int:
    """Promote, approve or pin."""
    opened, asset, version = referred(project, reference)
    outcome: Outcome = getattr(_registrar(opened, asset, by, reason), action)(version)
    return print_found(outcome.to_json(), as_json, "print_outcome")


def override_command(
    project: Path | None, *, reference: str, until: str, by: str | None, reason: str, as_json: bool
) -> int:
    """Let a refused version serve for a time."""
    opened, asset, version = referred(project, reference)
    outcome = _registrar(opened, asset, by, reason).override(version, parse_instant(until, "--until"))
    return print_found(outcome.to_json(), as_json, "print_outcome")


def rollback_command(project: Path | None, *, reference: str, by: str | None, reason: str, as_json: bool) -> int:
    """Champion becomes the champion before, or the named version."""
    opened, asset, target = _rollback_reference(project, reference)
    started = time.monotonic()
    outcome = _registrar(opened, asset, by, reason).rollback(target)
    return print_found(outcome.to_json() | {"seconds": round(time.monotonic() - started, 3)}, as_json, "print_outcome")


def compare_command(project: Path | None, *, references: Sequence[str], everything: bool, as_json: bool) -> int:
    """Print versions of one model side by side."""
    from ml_assets.registry.overview import compare_versions

    opened = opened_versions(project)
    names = {reference.partition("@")[0] for reference in references}
    if len(names) > 1:
        raise SelectionError(
            "only versions of one model can be compared", expected="NAME@A NAME@B", got=" ".join(references),
            remedy="name one model",
        )  # fmt: skip
    asset = model_named(opened, names.pop())
    wanted = [reference.partition("@")[2] for reference in references]
    if len(wanted) == 1:
        wanted = ["champion", *wanted]
    with opened.context().warehouse.reading() as bench:
        versions = [version_named(bench, asset.spec.name, which) for which in wanted]
        found = compare_versions(bench, asset, versions)
    if not (everything or as_json):
        for section, rows in found["sections"].items():
            kept = [row for row in rows if row["differs"] or section in ("metrics", "gate")]
            found["sections"][section] = kept
    return print_found(found, as_json, "print_comparison")


def card_command(project: Path | None, *, reference: str, as_json: bool) -> int:
    """Print a version's card, made anew from what is stored."""
    from ml_assets.registry.card import render_card

    opened, asset, version = referred(project, reference)
    with opened.context().warehouse.reading() as bench:
        text = render_card(bench, asset.spec, version)
    if as_json:
        return print_found({"model": asset.spec.name, "version": version, "card": text}, as_json, "")
    sys.stdout.write(text)
    return 0


def drill_command(project: Path | None, *, reference: str, as_json: bool) -> int:
    """Rehearse a rollback."""
    from ml_assets.registry.drill import drill_rollback

    opened, asset, target = _rollback_reference(project, reference)
    report = drill_rollback(opened.context(), asset.spec.name, target)
    return print_found(report.to_json(), as_json, "print_drill")


def opened_versions(project: Path | None) -> OpenProject:
    """The project, once something was made in it."""
    return open_made(project, "there is no warehouse, and so no versions")


def models_of(opened: OpenProject) -> dict[str, ChampionAsset]:
    """Model → what promotes its versions."""
    return {asset.spec.name: asset for asset in opened.graph if isinstance(asset, ChampionAsset)}


def model_named(opened: OpenProject, name: str) -> ChampionAsset:
    """A declared model; an unknown name is refused."""
    known = models_of(opened)
    if name not in known:
        raise UnknownNameError("model", name, known)
    return known[name]


def referred(project: Path | None, reference: str) -> tuple[OpenProject, ChampionAsset, int]:
    """`NAME@VERSION`, `NAME@alias`, or `NAME` for its champion."""
    opened = opened_versions(project)
    name, _, which = reference.partition("@")
    asset = model_named(opened, name)
    with opened.context().warehouse.reading() as bench:
        return opened, asset, version_named(bench, name, which or None)


def _rollback_reference(project: Path | None, reference: str) -> tuple[OpenProject, ChampionAsset, int | None]:
    """As `referred`; `NAME` alone means the champion before."""
    if "@" in reference:
        return referred(project, reference)
    opened = opened_versions(project)
    return opened, model_named(opened, reference), None


def _registrar(opened: OpenProject, asset: ChampionAsset, by: str | None, reason: str) -> Registrar:
    return Registrar(opened.context(), asset, by if by is not None else getpass.getuser(), reason)


def print_found(found: dict[str, Any], as_json: bool, printer: str) -> int:
    """One JSON object, or what `registry_tables.<printer>` makes of it."""
    if as_json:
        sys.stdout.write(json.dumps(found, default=_plain) + "\n")
        return 0
    from ml_assets.cli import registry_tables

    getattr(registry_tables, printer)(found)
    return 0


def _plain(value: object) -> object:
    return asdict(value) if hasattr(value, "__dataclass_fields__") else str(value)  # type: ignore[call-overload]
