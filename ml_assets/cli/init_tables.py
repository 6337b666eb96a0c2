"""What `ml-assets init` says to people."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ml_assets.onboarding.initialize import Clock, Plan
from ml_assets.onboarding.understanding import Understanding
from ml_assets.warehouse.home import Home

_MOST_NOTES = 40


def print_understanding(understanding: Understanding) -> None:
    """One line on the whole, then what was concluded and why; doubts are marked and name the flag that decides."""
    console = _console()
    console.print(f"[bold]{escape(headline(understanding))}[/]", soft_wrap=True, highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("", "about", "understood", "because"):
        table.add_column(name, overflow="fold")
    notes = sorted(understanding.notes, key=lambda note: not note.doubt)
    for note in notes[:_MOST_NOTES]:
        because = note.because + (f" [{note.answered_by}]" if note.answered_by else "")
        mark = "[yellow]?[/]" if note.doubt else ""
        table.add_row(mark, escape(note.subject), escape(note.said), f"[dim]{escape(because)}[/]")
    console.print(table, highlight=False)
    if len(notes) > _MOST_NOTES:
        console.print(f"… and {len(notes) - _MOST_NOTES} more: --json")
    if any(note.doubt for note in notes):
        console.print("[yellow]?[/] is worth a look; what stands in brackets decides otherwise.", highlight=False)


def headline(understanding: Understanding) -> str:
    """The whole in one line."""
    u = understanding
    shape = {
        "flat": "a table of examples",
        "related": "related tables",
        "event_log": "a log of events",
        "ranking": "lists to be ranked",
    }[u.shape]
    goal = u.target or f"whether the {u.entity} comes again"
    positive = f" = {u.positive}" if u.positive is not None else ""
    ahead = f" within {u.horizon_days} days" if u.horizon_days else ""
    return f"{u.name}: {u.task}, {goal}{positive}{ahead}; {shape}, {u.table(u.main).rows:,} rows in {u.main}"


def print_proposal(plan: Plan, *, dry_run: bool) -> None:
    """The diff, and what to do about it. Nothing was written."""
    sys.stdout.write(plan.proposal.diff())
    for source, target in plan.landing.moves:
        sys.stdout.write(f"would land {source} as {target.name}\n")
    if dry_run:
        sys.stdout.write("Nothing was written (--dry-run).\n")
    else:
        sys.stdout.write("Nothing was written. --apply writes this to files that nobody has edited.\n")


def print_nothing(plan: Plan, following: str) -> None:
    """All is as proposed."""
    sys.stdout.write(f"Nothing to change: {len(plan.proposal.texts)} files are as proposed.\nNext: {following}\n")


def print_done(
    plan: Plan, written: list[str], alone: Mapping[str, str], *, home: Home, clock_set: bool, following: str
) -> None:
    """What was written and what was not, the clock, and the next command."""
    for path in written:
        sys.stdout.write(f"  wrote {path}\n")
    for path, why in alone.items():
        sys.stdout.write(f"  left alone {path}: {why}\n")
    moves = plan.landing.moves
    if moves:
        sys.stdout.write(
            f"  landed {len(moves)} {'file' if len(moves) == 1 else 'files'} in {moves[0][1].parent.parent}\n"
        )
    if plan.clock is not None:
        sys.stdout.write(_clock_words(plan.clock, home.replay_file, clock_set=clock_set) + "\n")
    sys.stdout.write(f"Next: {following}\n")


def _clock_words(clock: Clock, file: Path, *, clock_set: bool) -> str:
    if clock_set:
        return (
            f"The data is history, so the project's clock now stands at {clock.text}, after its last day ({file}). "
            "When current data arrives, delete that file."
        )
    if clock.too_early:
        return (
            f"The project's clock stands still before this data ends: with ML_ASSETS_NOW={clock.text} it stands after the last day. "
            f"What lies after the clock is seen by no snapshot; delete {file} once all data is current."
        )
    return (
        f"The data is history: with ML_ASSETS_NOW={clock.text} the clock stands after its last day. With the real time, "
        "outcomes after the end of the data would be taken for none."
    )


def _console() -> Console:
    return Console(width=None if Console().is_terminal else 140)
