"""What `ml-assets doctor` and `ml-assets alerts` do: look, or send, and print."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from ml_assets.cli.profiles import SET, needed_variables
from ml_assets.cli.project import OpenProject, open_project
from ml_assets.cli.watching import watch_of
from ml_assets.errors import UnknownNameError
from ml_assets.graph.explain import one_asset
from ml_assets.operations.alerts.delivery import deliver
from ml_assets.operations.alerts.outbox import alerts_where, log_file, write_log
from ml_assets.operations.alerts.routes import LOG, url_of
from ml_assets.operations.doctor import diagnose
from ml_assets.operations.environment import Look


def doctor_command(project: Path | None, *, asset: str, as_json: bool) -> int:
    """Print the diagnosis; 1 where something is wrong."""
    opened = open_project(project)
    name = str(one_asset(opened.graph, asset).name) if asset else ""
    found = diagnose(watch_of(opened), name, _profile(opened))
    if as_json:
        sys.stdout.write(json.dumps(found.to_json(), default=str) + "\n")
    else:
        from ml_assets.cli.doctor_tables import print_diagnosis

        print_diagnosis(found)
    return 0 if found.is_well else 1


def _profile(opened: OpenProject) -> Iterator[Look]:
    """Whether every variable is there that the profile and the declarations need."""
    variables = list(needed_variables(opened.profile, opened.graph))
    missing = [one for one in variables if one.state != SET]
    for one in missing:
        yield Look(
            f"variable {one.name}", "environment", False, f"${one.name} is {one.state.lower()} ({one.purpose})",
            remedy=f"export {one.name}=…, see ml-assets profile",
        )  # fmt: skip
    if not missing:
        said = f"profile {opened.profile.name} is complete ({len(variables)} variables)"
        yield Look("profile", "environment", True, said)


def alerts_command(project: Path | None, *, as_json: bool) -> int:
    """Print routes and the newest alerts."""
    opened = open_project(project)
    watch = watch_of(opened)
    profile = watch.profile
    routes = {
        name: {"variable": route.env, "set": bool(url_of(profile, name))}
        for name, route in profile.alert_routes.items()
    }
    sent = []
    if opened.home.warehouse.exists():
        with watch.context.warehouse.reading() as bench:
            sent = alerts_where(bench, "true")
    if as_json:
        facts = {"log": str(log_file(opened.home)), "routes": routes, "alerts": [vars(alert) for alert in sent]}
        sys.stdout.write(json.dumps(facts, default=str) + "\n")
    else:
        from ml_assets.cli.doctor_tables import print_alerts

        print_alerts(str(log_file(opened.home)), {name: f"${route.env}" for name, route in profile.alert_routes.items()},
                     {name for name in routes if not routes[name]["set"]}, sent)  # fmt: skip
    return 0


def alert_test_command(project: Path | None, *, route: str | None) -> int:
    """Send a test message and say what came of it; 1 where somebody did not take it."""
    watch = watch_of(open_project(project))
    declared = watch.profile.alert_routes
    if route is not None and route not in (LOG, *declared):
        raise UnknownNameError("alert route", route, [LOG, *declared], remedy="declare it in the profile: alert_routes")
    wanted = [route] if route is not None else [LOG, *declared]
    text = f"[test] ml-assets reaches you\nsent by `ml-assets alerts test` of {watch.context.home.root.parent.name}; nothing is wrong"
    failed = 0
    if LOG in wanted:
        write_log(watch, text)
        sys.stdout.write(f"{LOG}: written\n")
    for name, found in deliver(watch.profile, {name: [text] for name in wanted if name != LOG}).items():
        problem = found[0].problem
        failed += bool(problem)
        sys.stdout.write(f"{name}: {problem or 'taken'}\n")
    return 1 if failed else 0
