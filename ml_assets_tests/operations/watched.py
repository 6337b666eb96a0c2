"""The tiny project with people on duty, a clock that tests move, and its incidents as plain data."""

from __future__ import annotations

from datetime import date
from typing import Any

from ml_assets.operations.signals import THOROUGH
from ml_assets.operations.watch import Watch
from ml_assets.specs.profiles import ProfileSpec
from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.tiny import TinyProject, weekly_orders

NEXT_MONDAY = date(2024, 4, 1)
OPERATIONS = """\
type: ml_assets.Operations
attributes:
  name: operations
  description: How the shop is run.
  on_duty: [duty@shop.example]
  escalate_after: 4 hours
"""
RENAMED = "order_id,customer,ordered_at,amount\n90001,1,2024-04-01 09:00:00,5\n"


def watch(project: TinyProject, profile: ProfileSpec | None = None) -> Watch:
    """The project as operations look at it, with the declarations as they stand now."""
    return Watch(project.context(), project.graph(), profile or ProfileSpec())


def set_clock(project: TinyProject, moment: str) -> None:
    project.home.replay_file.write_text(moment, encoding="utf-8")


def land_renamed(project: TinyProject) -> None:
    """A week's file in which `customer_id` is called otherwise."""
    (project.home.landing("shop") / f"{NEXT_MONDAY}.csv").write_text(RENAMED, encoding="utf-8")


def land_good(project: TinyProject) -> None:
    project.land(NEXT_MONDAY, weekly_orders(NEXT_MONDAY))


def incidents(project: TinyProject, *words: str) -> list[dict[str, Any]]:
    """Those that last, or with `--all` every one."""
    return list(json_of(invoke(project, "incidents", *words, "--json"))["incidents"])


def only(project: TinyProject, *words: str) -> dict[str, Any]:
    """The one incident that there is."""
    [found] = incidents(project, *words)
    return found


def shown(project: TinyProject, number: int) -> dict[str, Any]:
    return json_of(invoke(project, "incidents", "show", str(number), "--json"))


def kinds(project: TinyProject, number: int) -> list[str]:
    """The kinds of events of its timeline, in order."""
    return [event["kind"] for event in shown(project, number)["timeline"]]


__all__ = ["THOROUGH", "incidents", "kinds", "land_good", "land_renamed", "only", "set_clock", "shown", "watch"]
