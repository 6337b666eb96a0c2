"""A post-mortem to fill in: what the books know is written down, what only people know is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from ml_assets.operations.causes import WORDS
from ml_assets.operations.incident_book import Event, Incident
from ml_assets.operations.timing import in_words, times_of
from ml_assets.operations.watch import Watch

_TO_FILL_IN = "_To fill in._"


def postmortem(one: Incident, events: Sequence[Event], watch: Watch) -> str:
    """Markdown. An incident that lasts says so, and its times so far."""
    root = one.signals[0]
    lines = [
        f"# Incident {one.number}: {one.title}", "",
        f"Severity {one.severity}, status {one.status}, owner {one.owner or 'nobody'}. Draft of {watch.context.now:%Y-%m-%d %H:%M} UTC.", "",
        "## Summary", "", _summary(one), "",
        "## Impact", "", *_impact(one), "",
        "## Timeline", "", *_times(one), "", "| time (UTC) | what | who | words |", "|---|---|---|---|",
        *(f"| {event.happened_at:%Y-%m-%d %H:%M} | {event.kind} | {event.actor} | {_cell(event.message)} |" for event in events), "",
        "## Root cause", "", f"{WORDS[root.cause].capitalize()}: {root.summary}", "",
        *(f"- `{name}`: {value}" for name, value in root.numbers.items() if value is not None), "",
        f"Declared at `{root.place}`." if root.place else "", "",
        "Why did it happen, and why was it possible? " + _TO_FILL_IN, "",
        "## What went well", "", *_went_well(one), "- " + _TO_FILL_IN, "",
        "## Action items", "", "| what | who | until |", "|---|---|---|",
        f"| keep it from happening again | {one.owner or 'nobody yet'} | |", "| find it earlier | | |",
        f"| correct the runbook {one.runbook} by what was learnt | | |", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _summary(one: Incident) -> str:
    times = times_of(one)
    over = times["over after"]
    ended = f"It was over {in_words(over)} later" if over is not None else "It lasts"
    return (
        f"{one.title}. It began on {one.began_at:%Y-%m-%d %H:%M} UTC and was detected {in_words(one.opened_at - one.began_at)} later. "
        f"{ended}. {len(one.signals)} {'signal shows' if len(one.signals) == 1 else 'signals show'} it."
    )


def _impact(one: Incident) -> list[str]:
    found = [
        f"- scores: {', '.join(one.affected.scores) or 'none is made from it'}",
        f"- models: {', '.join(one.affected.models) or 'none'}",
    ]
    found.append(f"- tables made from it: {', '.join(one.affected.tables) or 'none'}")
    return [*found, f"- people and products: {_TO_FILL_IN}"]


def _times(one: Incident) -> list[str]:
    words = {
        "detected after": "time to detect",
        "acknowledged after": "time to acknowledge",
        "over after": "time to recover",
    }
    return [
        f"- {words[name]}: {in_words(span) if span is not None else 'not yet'}" for name, span in times_of(one).items()
    ]


def _went_well(one: Incident) -> list[str]:
    found = [f"- it was found by a check, {in_words(one.opened_at - one.began_at)} after it began"]
    if len(one.signals) > 1:
        found.append(f"- {len(one.signals)} signals were told as one incident")
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
