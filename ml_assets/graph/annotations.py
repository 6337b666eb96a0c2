"""A verdict as GitHub workflow commands, which GitHub shows beside the line of the declaration they name."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from ml_assets.graph.places import file_and_line
from ml_assets.graph.verdict import CheckOutcome, Verdict

_MOST_PARTITIONS = 3


def workflow_commands(verdict: Verdict, project_root: Path, repository: Path) -> Iterator[str]:
    """One command for each failed check and line, whatever number of partitions it failed on; errors come first."""
    for level, kinds in (("error", ("error", "failed")), ("warning", ("warned",))):
        found = [outcome for outcome in verdict.outcomes if outcome.outcome in kinds]
        found.sort(key=lambda outcome: (outcome.asset, outcome.check, outcome.place))
        for (asset, check, place), group in groupby(found, key=lambda o: (o.asset, o.check, o.place)):
            outcomes = list(group)
            file, line = file_and_line(place, project_root, repository)
            title = f"{asset}: {check} ({outcomes[0].code})"
            properties = {"file": file} if place else {}
            properties |= {"line": str(line)} if line else {}
            listed = ",".join(f"{name}={_property(value)}" for name, value in {**properties, "title": title}.items())
            yield f"::{level} {listed}::{_data(_said(outcomes))}"


def _said(outcomes: list[CheckOutcome]) -> str:
    lines = [f"{o.partition}: {o.summary}" if o.partition else o.summary for o in outcomes[:_MOST_PARTITIONS]]
    more = len(outcomes) - _MOST_PARTITIONS
    return "\n".join([*lines, f"… and {more} more partitions"] if more > 0 else lines)


def _data(text: str) -> str:
    """As `escapeData` of GitHub's toolkit."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As `escapeProperty` of GitHub's toolkit."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
