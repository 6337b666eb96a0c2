"""A verdict as a Markdown summary, as GitHub shows it on the page of a build."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ml_assets.errors import shortened
from ml_assets.evaluation.catalogue import HEADLINE, metric_info
from ml_assets.graph.places import file_and_line
from ml_assets.graph.summary import ModelLine
from ml_assets.graph.verdict import CheckOutcome, Outcome, Verdict

_WORDS: dict[Outcome, str] = {
    "error": "could not be judged", "failed": "failed", "warned": "warned", "passed": "passed", "not_applicable": "not applicable",
}  # fmt: skip
_SIGNS: dict[Outcome, str] = {"error": "🛑", "failed": "❌", "warned": "⚠️", "passed": "✅", "not_applicable": "⏭️"}
_HEADLINES = ("✅ Every ERROR check held", "❌ ERROR checks failed", "🛑 Not everything could be judged")
_MOST_LISTED = 1000


def markdown_summary(verdict: Verdict, project_root: Path, repository: Path) -> str:
    """Headline with counts, what does not hold, model metrics, and everything in a fold."""
    counted = ", ".join(f"{count} {_WORDS[kind]}" for kind, count in verdict.counts.items() if count)
    parts = [
        f"## {_HEADLINES[verdict.exit_code]}",
        f"{counted or 'nothing was asked'} · clock {verdict.now:%Y-%m-%d %H:%M} UTC",
    ]
    amiss = verdict.of("error", "failed", "warned")
    if amiss:
        head = ("", "asset", "partition", "check", "severity", "what", "where")
        parts.append(_table(head, [_amiss(outcome, project_root, repository) for outcome in amiss[:_MOST_LISTED]]))
    parts += [_model(model) for model in verdict.models]
    rows = [
        (_SIGNS[o.outcome], o.asset, o.partition, f"{o.check} ({o.code})", shortened(o.summary, 120))
        for o in verdict.outcomes[:_MOST_LISTED]
    ]
    title = (
        f"All {len(verdict.outcomes)} results"
        if len(rows) == len(verdict.outcomes)
        else f"The first {len(rows)} of {len(verdict.outcomes)} results"
    )
    parts.append(
        f"<details><summary>{title}</summary>\n\n{_table(('', 'asset', 'partition', 'check', 'what'), rows)}\n\n</details>"
    )
    return "\n\n".join(parts) + "\n"


def _amiss(outcome: CheckOutcome, project_root: Path, repository: Path) -> Sequence[str]:
    file, line = file_and_line(outcome.place, project_root, repository)
    where = f"`{file}:{line}`" if line else f"`{file}`" if outcome.place else ""
    return (
        _SIGNS[outcome.outcome], outcome.asset, outcome.partition, f"{outcome.check} ({outcome.code})", outcome.severity,
        shortened(outcome.summary, 300), where,
    )  # fmt: skip


def _model(model: ModelLine) -> str:
    champion = f"champion is version {model.champion}" if model.champion else "no champion yet"
    rows = [
        (name, *("-" if (value := values.get(metric)) is None else f"{value:.4f}" for metric in HEADLINE[model.task]))
        for name, values in sorted(model.metrics.items(), key=lambda item: (item[0] != "candidate", item[0]))
    ]
    head = ("estimator", *(metric_info(model.task, metric).title for metric in HEADLINE[model.task]))
    return f"**{model.model}** version {model.version} on its test rows ({champion})\n\n{_table(head, rows)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def lines() -> Iterator[str]:
        yield f"| {' | '.join(head)} |"
        yield f"|{' --- |' * len(head)}"
        for row in rows:
            yield f"| {' | '.join(map(_cell, row))} |"

    return "\n".join(lines())


def _cell(text: str) -> str:
    """Text that cannot end its cell, nor bring HTML along."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("\r", " ").replace("\n", " ")
