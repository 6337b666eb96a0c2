"""`ml-assets profile`: what holds in this environment, and what is missing in it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from ml_assets.cli.project import compiled
from ml_assets.cli.pulling import pullable
from ml_assets.errors import DeclarationError
from ml_assets.graph.compile import Graph
from ml_assets.graph.locate import find_project
from ml_assets.graph.profile import Profile, load_profile
from ml_assets.operations.alerts.routes import is_url
from ml_assets.specs.pulls import EnvironmentSpec

SET, MISSING, NO_URL = "set", "NOT SET", "set, but no URL"


@dataclass(frozen=True)
class Variable:
    """One environment variable that the project takes a value from, and whether it is there; never its value."""

    name: str
    purpose: str
    state: str


def profile_command(project: Path | None, *, as_json: bool) -> int:
    """Print what holds; 1 where a variable is missing or is not what it has to be."""
    folder = find_project(project)
    root = folder.root
    profile = load_profile(root)
    variables = list(needed_variables(profile, compiled(folder)))
    if as_json:
        sys.stdout.write(json.dumps(_facts(profile) | {"variables": [asdict(one) for one in variables]}) + "\n")
    else:
        sys.stdout.write(_text(profile, variables))
    return 0 if all(one.state == SET for one in variables) else 1


def prepare_command(project: Path | None) -> int:
    """Give the state folder Dagster's instance file, as the profile declares it, where it has none."""
    from ml_assets.components.instance import prepare_instance

    profile = load_profile(find_project(project).root)
    prepare_instance(profile.home, profile.instance_file)
    return 0


def _facts(profile: Profile) -> dict[str, object]:
    engine, spec = profile.engine, profile.spec
    return {
        "profile": profile.name, "declared_in": profile.place, "description": spec.description, "home": _home(profile),
        "memory_limit": engine.memory_limit, "threads": engine.threads, "lock_deadline_seconds": engine.deadline_seconds,
        "promotion": spec.promotion.model_dump(mode="json"), "fresh_for": spec.fresh_for, "dagster": _instance(profile),
        "alert_routes": {name: route.env for name, route in spec.alert_routes.items()},
    }  # fmt: skip


def _text(profile: Profile, variables: list[Variable]) -> str:
    facts, promotion = _facts(profile), profile.spec.promotion
    how = "at once" if promotion.policy == "automatic" else f"after approval by {promotion.approvals}"
    rows = {
        "state folder": facts["home"] or "unknown: its variable is not set",
        "a query may use": f"{facts['memory_limit']}, {facts['threads']} cores",
        "lock is waited for": f"{profile.engine.deadline_seconds:g} s",
        "promotion": f"{how}, of models that declare none",
        "late after": facts["fresh_for"],
        "dagster": facts["dagster"],
        "alerts go to": ", ".join(["the log", *profile.spec.alert_routes]),
    }
    lines = [f"{profile.name} ({profile.place}): {profile.spec.description or 'no description'}"]
    lines += [f"  {name:<20} {value}" for name, value in rows.items()]
    lines += [f"  {f'${one.name}':<32} {one.state:<10} {one.purpose}" for one in variables]
    return "\n".join(lines) + "\n"


def _home(profile: Profile) -> str | None:
    try:
        return str(profile.home.root)
    except DeclarationError:
        return None


def _instance(profile: Profile) -> str:
    """Which instance file Dagster will find, and whether it is the declared one: one that lies there is never replaced."""
    declared, home = profile.instance_file, _home(profile)
    shown = profile.spec.dagster or "SQLite (built in)"
    if declared is None or home is None:
        return shown
    present = profile.home.dagster / "dagster.yaml"
    if not present.exists():
        return f"{shown}, not written yet"
    same = present.read_bytes() == declared.read_bytes()
    return f"{shown}, in use" if same else f"{shown}, but {present} differs and is left as it is"


def needed_variables(profile: Profile, graph: Graph) -> Iterator[Variable]:
    """Every variable that the profile and the declarations take a value from."""
    if isinstance(profile.spec.home, EnvironmentSpec) and not os.environ.get("ML_ASSETS_HOME"):
        yield _variable(profile.spec.home.env, "the state folder")
    for name in profile.instance_variables():
        yield _variable(name, str(profile.spec.dagster))
    for name, route in profile.spec.alert_routes.items():
        found = _variable(route.env, f"alert route {name}")
        fits = found.state == MISSING or is_url(os.environ[route.env])
        yield found if fits else Variable(found.name, found.purpose, NO_URL)
    for asset in pullable(list(graph)):
        database = asset.spec.pull.database if asset.spec.pull is not None else None
        if isinstance(database, EnvironmentSpec):
            yield _variable(database.env, f"pull of {asset.name}")


def _variable(name: str, purpose: str) -> Variable:
    return Variable(name, purpose, SET if os.environ.get(name, "").strip() else MISSING)
