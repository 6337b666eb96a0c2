"""Which alert rules stand on file for which asset: what a Prometheus that loads the generated files watches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from ml_assets.errors import DeclarationError
from ml_assets.monitoring.production import ProductionAsset

FOLDER, FILE = Path("deploy") / "monitoring", "rules.yml"
COMMAND = f"ml-assets telemetry generate --write {FOLDER.as_posix()}"
_ALWAYS = ("failed_step", "failed_check", "overdue")


def rules_on_file(project_root: Path) -> dict[str, tuple[str, ...]] | None:
    """Asset → kinds of trouble for which a rule stands in `deploy/monitoring/rules.yml`; None where there is no file.

    Raises DeclarationError for a file that holds no rules.
    """
    path = project_root / FOLDER / FILE
    if not path.is_file():
        return None
    try:
        # The loader in C takes a twentieth of the time, and a rules file is long.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        groups = yaml.load(path.read_text(encoding="utf-8"), loader)["groups"]  # noqa: S506 (both are safe loaders)
        labels = [rule["labels"] for group in groups for rule in group["rules"] if "alert" in rule]
        found: dict[str, list[str]] = {}
        for one in labels:
            if "asset" in one:
                found.setdefault(str(one["asset"]), []).append(str(one["kind"]))
    except (yaml.YAMLError, KeyError, TypeError) as problem:
        raise DeclarationError(
            "no alert rules can be read", place=path.relative_to(project_root), expected="groups of rules with labels",
            got=f"{type(problem).__name__}: {problem}", remedy=f"make the file again: {COMMAND}",
        ) from problem  # fmt: skip
    return {asset: tuple(kinds) for asset, kinds in found.items()}


def required_kinds(asset: ProductionAsset) -> tuple[str, ...]:
    """The kinds of trouble that somebody has to be told of: a failed step, a failed check, an asset that is overdue; of
    champions their age; of raw tables that declare freshness, that nothing comes any more."""
    if asset.role == "champion":
        return (*_ALWAYS, "champion_age")
    return (*_ALWAYS, "stale_data") if any(rule.startswith("freshness") for rule in asset.rules) else _ALWAYS


def without_rules(
    production: Sequence[ProductionAsset], on_file: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Production asset → the kinds of trouble that no rule would tell of; assets that are covered are left out."""
    found = {}
    for asset in production:
        missing = tuple(kind for kind in required_kinds(asset) if kind not in on_file.get(str(asset.name), ()))
        if missing:
            found[str(asset.name)] = missing
    return found
