"""`ml-assets init`: looks at data, says what it understood, writes declarations."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import click

from ml_assets.errors import DeclarationError, UnderstandingError
from ml_assets.graph.compile import compile_graph
from ml_assets.graph.locate import find_project, new_project
from ml_assets.graph.project import load_project
from ml_assets.onboarding.databases import Fetched, fetched, is_database
from ml_assets.onboarding.initialize import Place, Plan, carry_out, left_alone, plan_of
from ml_assets.onboarding.landing_files import LARGE, refuse_too_little_space
from ml_assets.onboarding.sources import gather
from ml_assets.onboarding.understand import understand
from ml_assets.onboarding.understanding import Note, Understanding
from ml_assets.onboarding.wishes import Wishes
from ml_assets.specs.base import NAME_PATTERN
from ml_assets.specs.models import Task
from ml_assets.specs.times import span_length
from ml_assets.sql_files import sql_root
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.names import SCHEMAS

_MOST_NAME = 40


@dataclass(frozen=True)
class Manner:
    """How it is to be done, whatever the data."""

    dry_run: bool = False
    yes: bool = False
    apply: bool = False
    link: bool = False
    real_clock: bool = False
    as_json: bool = False

    @property
    def asks(self) -> bool:
        """Questions are asked only where somebody can answer."""
        return not (self.yes or self.as_json) and sys.stdin.isatty() and sys.stdout.isatty()


def init_command(project: Path | None, name: str, data: tuple[str, ...], said: dict[str, Any], manner: Manner) -> int:
    """Look, say, ask, write; the process's exit code."""
    _refuse_bad_name(name)
    place = _place(project)
    with TemporaryDirectory(prefix="ml_assets-init-") as folder:
        taken = _fetched(data, said.pop("table", ()), Path(folder), place)
        found = taken.files if taken is not None else gather(data)
        wishes = Wishes(name, found, **(said | {"horizon_days": _days(said.pop("horizon", None))}))
        understanding = _understood(wishes, manner)
        if not manner.as_json:
            _print_understanding(understanding)
        if manner.asks and (other := _asked(understanding, wishes)) != wishes:
            understanding = _understood(other, manner)
            _print_understanding(understanding)
        if taken is not None:
            understanding, manner = taken.told_of(understanding), replace(manner, link=False)
        plan = plan_of(understanding, place)
        written = _carry_out(plan, place, manner)
        if manner.as_json:
            sys.stdout.write(json.dumps(_facts(plan, place, written, manner), default=str) + "\n")
    return 0


def _fetched(data: tuple[str, ...], tables: tuple[str, ...], folder: Path, place: Place) -> Fetched | None:
    """Tables of the database that --data names; None where it names files."""
    if not any(map(is_database, data)):
        return None
    if len(data) > 1:
        raise UnderstandingError(
            "a database stands alone", expected="one --data with a database, or files", got=f"{len(data)} of them", remedy="name one database",
        )  # fmt: skip
    return fetched(data[0], tables, folder, place.root)


def _refuse_bad_name(name: str) -> None:
    if not NAME_PATTERN.fullmatch(name) or "__" in name or len(name) > _MOST_NAME:
        raise UnderstandingError(
            f"{name!r} is no name for a use case", expected=f"lower-case letters, digits and single underscores, at most {_MOST_NAME}",
            got=name, remedy="choose one such as churn or next_order",
        )  # fmt: skip


def _place(project: Path | None) -> Place:
    """The project that is meant; an empty folder becomes one."""
    try:
        folder = find_project(project)
    except DeclarationError:
        folder = new_project(project)
    graph = compile_graph(load_project(folder.defs, sql_root(folder.root), folder.root))
    return Place(folder.root, folder.defs, Home.locate(folder.root), graph)


def _days(horizon: str | None) -> int | None:
    if horizon is None:
        return None
    try:
        days = span_length(horizon).total_seconds() / 86_400
    except ValueError as problem:
        raise UnderstandingError(
            f"{horizon!r} is no span",
            expected="a whole number of days or weeks, as '30 days'",
            got=horizon,
            remedy="correct --horizon",
        ) from problem
    if days != int(days) or days < 1:
        raise UnderstandingError(
            f"a horizon of {horizon} is finer than snapshots", expected="whole days or weeks, as '30 days'", got=horizon, remedy="correct --horizon",
        )  # fmt: skip
    return int(days)


def _understood(wishes: Wishes, manner: Manner) -> Understanding:
    talks = not manner.as_json and sys.stderr.isatty()

    def tell(text: str) -> None:
        if talks:
            sys.stderr.write(f"  {text} …\n")

    return understand(wishes, progress=tell)


def _print_understanding(understanding: Understanding) -> None:
    from ml_assets.cli.init_tables import print_understanding

    print_understanding(understanding)


def _asked(understanding: Understanding, wishes: Wishes) -> Wishes:
    """The wishes after a question about each doubt that a flag decides. An empty answer leaves all as understood."""
    asked: set[str] = set()
    for note in understanding.notes:
        if note.doubt and note.answered_by and note.answered_by not in asked:
            asked.add(note.answered_by)
            wishes = _answered(note, wishes)
    return wishes


def _answered(note: Note, wishes: Wishes) -> Wishes:
    flag, _, column = note.answered_by.removeprefix("--").partition(" ")
    question = f"{note.subject}: {note.said} ({note.because})" if note.because else f"{note.subject}: {note.said}"
    if flag == "keep":
        return (
            replace(wishes, keep=(*wishes.keep, column))
            if click.confirm(f"{question}. Keep it?", default=False)
            else wishes
        )
    if flag not in ("target", "time", "entity", "group", "query", "task", "positive", "horizon"):
        return wishes
    answer = click.prompt(f"{question}. Enter to go on, or another --{flag}", default="", show_default=False).strip()
    if not answer:
        return wishes
    if flag == "task" and answer not in get_args(Task):
        raise UnderstandingError(
            f"{answer!r} is no task",
            expected=" or ".join(get_args(Task)),
            got=answer,
            remedy="run again, or say it with --task",
        )
    changed: dict[str, Any] = {"horizon_days": _days(answer)} if flag == "horizon" else {flag: answer}
    return replace(wishes, **changed)


def _carry_out(plan: Plan, place: Place, manner: Manner) -> list[str]:
    """Write what may be written now; the paths."""
    from ml_assets.cli.init_tables import print_done, print_nothing, print_proposal

    quiet = manner.as_json
    if plan.nothing_to_do:
        if not quiet:
            print_nothing(plan, _next(plan, manner))
        return []
    if manner.dry_run or not (plan.first or manner.apply):
        if not quiet:
            print_proposal(plan, dry_run=manner.dry_run)
        return []
    if not manner.link:
        refuse_too_little_space(plan.landing, place.home.landing(plan.understanding.name))
        if plan.landing.bytes > LARGE and not quiet:
            click.echo(
                f"Copying {plan.landing.bytes / 1e9:.1f} GB into the landing folder (--link leaves them where they are)."
            )
    if manner.asks and not click.confirm(f"Write {len(plan.proposal.texts)} files?", default=True):
        return []
    written = carry_out(plan, place, link=manner.link, set_clock=_sets_clock(plan, manner))
    if not quiet:
        print_done(
            plan, written, left_alone(plan.proposal), home=place.home, clock_set=_sets_clock(plan, manner),
            following=_next(plan, manner),
        )  # fmt: skip
    return written


def _sets_clock(plan: Plan, manner: Manner) -> bool:
    return plan.clock is not None and plan.clock.settable and not manner.real_clock


def _next(plan: Plan, manner: Manner) -> str:
    """The command that makes everything."""
    name = plan.understanding.name
    command = f"ml-assets run {f'use_case:{name}' if name in SCHEMAS else name}"
    replayed = plan.clock is not None and not _sets_clock(plan, manner) and not manner.real_clock
    return f"ML_ASSETS_NOW={plan.clock.text} {command}" if plan.clock is not None and replayed else command


def _facts(plan: Plan, place: Place, written: list[str], manner: Manner) -> dict[str, Any]:
    u = plan.understanding
    return {
        "name": u.name, "shape": u.shape, "task": u.task, "target": u.target, "positive": u.positive, "entity": u.entity,
        "time": u.time, "group": u.group, "query": u.query, "left_out": u.left_out,
        "tables": {table.name: {"rows": table.rows, "columns": len(table.columns)} for table in u.tables},
        "notes": [vars(note) for note in u.notes],
        "root": str(place.root), "files": dict(plan.proposal.states), "written": written, "diff": plan.proposal.diff(),
        "landing": [str(target) for _, target in plan.landing.moves],
        "clock": plan.clock.moment.isoformat() if plan.clock else None, "clock_set": bool(written) and _sets_clock(plan, manner),
        "next": _next(plan, manner),
    }  # fmt: skip
