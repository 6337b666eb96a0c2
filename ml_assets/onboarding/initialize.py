"""Bringing what was understood into a project: names that are free, a clock that fits, files that are proved to compile."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from ml_assets.errors import MlAssetsError, UnderstandingError
from ml_assets.graph.compile import Graph, compile_graph
from ml_assets.graph.project import load_project
from ml_assets.onboarding.declare import declarations
from ml_assets.onboarding.event_log import clock_after, newest
from ml_assets.onboarding.landing_files import Landing, bring, landing_of
from ml_assets.onboarding.proposal import WRITABLE, Proposal
from ml_assets.onboarding.understanding import TableFacts, Understanding
from ml_assets.warehouse.home import Home

# Data that ends longer ago than this is history: outcomes after its end are unknown, not absent.
_PRESENT = timedelta(days=3)


@dataclass(frozen=True)
class Place:
    """Where a use case is written: project root, folder of declarations, state, and the graph that is there already."""

    root: Path
    defs: Path
    home: Home
    graph: Graph

    @property
    def sql(self) -> Path:
        return self.root / "sql"


@dataclass(frozen=True)
class Clock:
    """History is to be replayed: the instant at which its clock stands, and whether `init` may set the project's clock.

    `too_early`: the project's own clock stands still before the data ends.
    """

    moment: datetime
    settable: bool
    too_early: bool = False

    @property
    def text(self) -> str:
        return f"{self.moment:%Y-%m-%d}"


@dataclass(frozen=True)
class Plan:
    """Everything that `init` would do."""

    understanding: Understanding
    proposal: Proposal
    landing: Landing
    clock: Clock | None
    first: bool

    @property
    def nothing_to_do(self) -> bool:
        return not self.landing.moves and all(state == "same" for state in self.proposal.states.values())


def plan_of(understanding: Understanding, place: Place) -> Plan:
    """What is to be written, landed and set. Raises where the use case is somebody's own work, or names are taken."""
    name = understanding.name
    understanding = with_free_names(understanding, place.graph)
    texts = declarations(understanding, place.defs.relative_to(place.root).as_posix())
    proposal = Proposal(place.root, texts, place.home.root / "init" / f"{name}.json")
    first = not proposal.known and not any((place.root / path).exists() for path in texts)
    ours = proposal.known or "same" in proposal.states.values()
    if not ours and any(asset.use_case == name for asset in place.graph):
        raise UnderstandingError(
            f"there is a use case {name} already, and `init` did not write it", place=place.defs / name,
            expected="a new name", got=name, remedy="choose another name; a use case of your own is never touched",
        )  # fmt: skip
    return Plan(
        understanding,
        proposal,
        landing_of(understanding, place.home.landing(name)),
        _clock(understanding, place),
        first,
    )


def with_free_names(understanding: Understanding, graph: Graph) -> Understanding:
    """Tables get the use case's name in front where another use case has one of that name. A taken model is refused."""
    name = understanding.name
    others = {str(asset.name) for asset in graph if asset.use_case != name}
    if f"models.{name}" in others or f"features.{name}_history" in others:
        raise UnderstandingError(
            f"another use case has a model {name}",
            expected="a name that no model has",
            got=name,
            remedy="choose another name",
        )
    renamed = {
        table.name: f"{name}_{table.name}"[:60] for table in understanding.tables if f"raw.{table.name}" in others
    }
    if not renamed:
        return understanding

    def called(table: str) -> str:
        return renamed.get(table, table)

    tables: Iterable[TableFacts] = (replace(table, name=called(table.name)) for table in understanding.tables)
    relations = (replace(r, child=called(r.child), parent=called(r.parent)) for r in understanding.relations)
    return replace(understanding, tables=tuple(tables), main=called(understanding.main), relations=tuple(relations))


def _clock(understanding: Understanding, place: Place) -> Clock | None:
    """The replay clock of an event log that ended before the present; None where the clock is right as it is."""
    if understanding.shape != "event_log":
        return None
    end, now = newest(understanding), place.home.clock()()
    moment = clock_after(end)
    stands_before = place.home.replays_history and now < moment
    if not stands_before and (now == moment or abs(now - end) <= _PRESENT or end > now):
        return None
    alone = all(asset.use_case == understanding.name for asset in place.graph)
    return Clock(moment, alone and not place.home.replays_history, stands_before)


def carry_out(plan: Plan, place: Place, *, link: bool, set_clock: bool) -> list[str]:
    """Write, prove that it compiles, land the files, set the clock; paths written. A failure leaves nothing written."""
    place.sql.mkdir(parents=True, exist_ok=True)
    place.defs.mkdir(parents=True, exist_ok=True)
    with plan.proposal.written() as paths:
        refuse_what_does_not_compile(place, paths)
        bring(plan.landing, link=link)
        if set_clock and plan.clock is not None:
            place.home.root.mkdir(parents=True, exist_ok=True)
            place.home.replay_file.write_text(f"{plan.clock.moment.isoformat()}\n", encoding="utf-8")
    return paths


def refuse_what_does_not_compile(place: Place, paths: list[str]) -> None:
    """Load and compile the project as every command does. What was there compiled before: a failure is ours."""
    try:
        compile_graph(load_project(place.defs, place.sql, place.root))
    except MlAssetsError as problem:
        raise UnderstandingError(
            "what was written does not compile, which is a fault of `ml-assets init`; nothing of it was kept", place=problem.place,
            expected=f"{len(paths)} files that compile", got=str(problem), remedy="report it with this message and the file's header",
        ) from problem  # fmt: skip


def left_alone(proposal: Proposal) -> dict[str, str]:
    """Files that differ from the proposal and are not written, with the reason."""
    words = {"edited": "edited since it was written", "removed": "removed since it was written"}
    states = proposal.states
    found = {path: words[state] for path, state in states.items() if state != "same" and state not in WRITABLE}
    return found | dict.fromkeys(proposal.given_up, "no longer proposed")
