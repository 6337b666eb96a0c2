"""Summaries as text for people."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ml_assets.evaluation.catalogue import HEADLINE, metric_info
from ml_assets.graph.summary import AssetLine, ModelLine, Summary
from ml_assets.graph.verdict import Verdict

_MOST_FAILURES = 12


def print_summary(summary: Summary, failures: list[str], seconds: float) -> None:
    """Assets, checks, model metrics beside baselines, failures with their places, and what to do next."""
    console = Console(width=None if Console().is_terminal else 120)
    console.print(_asset_table(summary.assets))
    for model in summary.models:
        console.print(_model_table(model))
    totals = {
        name: sum(getattr(line, name) for line in summary.assets)
        for name in ("passed", "failed", "warned", "not_applicable")
    }
    console.print(
        f"Checks: [green]{totals['passed']} passed[/], [red]{totals['failed']} failed[/], [yellow]{totals['warned']} warnings[/], "
        f"{totals['not_applicable']} not applicable · clock {summary.now:%Y-%m-%d %H:%M} UTC · {seconds:.1f} s"
    )
    for check in summary.failed_checks[:_MOST_FAILURES]:
        colour = "red" if check.severity == "error" else "yellow"
        at = f" {check.partition}" if check.partition else ""
        console.print(
            f"  [{colour}]{check.severity:<5}[/] {check.asset}{at} {check.check} ({check.code}): {escape(check.summary)}",
            soft_wrap=True,
        )
    if len(summary.failed_checks) > _MOST_FAILURES:
        console.print(f"  … and {len(summary.failed_checks) - _MOST_FAILURES} more: ml-assets status")
    for failure in failures:
        console.print(escape(failure), style="red", soft_wrap=True, highlight=False)
    _print_next(console, summary, failures)


def print_verdict(verdict: Verdict) -> None:
    """What does not hold with its place, and the counts."""
    console = Console(width=None if Console().is_terminal else 120)
    colours = {"error": "red", "failed": "red", "warned": "yellow"}
    amiss = verdict.of("error", "failed", "warned")
    for outcome in amiss:
        word = {"error": "not judged", "warned": "warning"}.get(outcome.outcome, outcome.outcome)
        console.print(
            f"[{colours[outcome.outcome]}]{word}[/] {outcome.at} {outcome.check} ({outcome.code})\n  {escape(outcome.summary)}"
            f"\n  [dim]{escape(outcome.place)}[/]", soft_wrap=True, highlight=False,
        )  # fmt: skip
    counts = verdict.counts
    console.print(
        f"Checks: [green]{counts['passed']} passed[/], [red]{counts['failed']} failed[/], [yellow]{counts['warned']} warnings[/], "
        f"{counts['not_applicable']} not applicable, {counts['error']} not judged · clock {verdict.now:%Y-%m-%d %H:%M} UTC",
        highlight=False, soft_wrap=True,
    )  # fmt: skip


def _asset_table(lines: tuple[AssetLine, ...]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (
        ("asset", "left"),
        ("rows", "right"),
        ("partitions", "right"),
        ("newest", "left"),
        ("checks held", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for line in lines:
        judged = line.passed + line.failed + line.warned
        held = f"{line.passed}/{judged}" if judged else "-"
        colour = "red" if line.failed else "yellow" if line.warned else "green"
        partitions = str(line.partitions) if line.newest else "" if line.partitions else "not made"
        rows = f"{line.rows:,}" + (f" [yellow](+{line.quarantined:,} in quarantine)[/]" if line.quarantined else "")
        table.add_row(line.asset, rows, partitions, line.newest, f"[{colour}]{held}[/]")
    return table


def _model_table(model: ModelLine) -> Table:
    champion = f"champion is version {model.champion}" if model.champion else "no champion yet"
    table = Table(box=None, header_style="bold", pad_edge=False, title=f"\n{model.model} version {model.version} on its test rows ({champion})",
                  title_justify="left", title_style="")  # fmt: skip
    table.add_column("estimator")
    for metric in HEADLINE[model.task]:
        table.add_column(metric_info(model.task, metric).title, justify="right")
    for name, values in sorted(model.metrics.items(), key=lambda item: (item[0] != "candidate", item[0])):
        cells = ["-" if (value := values.get(metric)) is None else f"{value:.4f}" for metric in HEADLINE[model.task]]
        table.add_row(f"[bold]{name}[/]" if name == "candidate" else name, *cells)
    return table


def _print_overlooked(console: Console, summary: Summary) -> None:
    for said in summary.overlooked:
        console.print(f"  [yellow]note[/]  {escape(said)}", soft_wrap=True, highlight=False)


def _print_next(console: Console, summary: Summary, failures: list[str]) -> None:
    _print_overlooked(console, summary)
    for model in summary.models:
        if Path(model.report).exists():
            console.print(f"Report: {_relative(model.report)}", soft_wrap=True)
    if failures or summary.errors:
        console.print("Next: repair what is named above, then `ml-assets run` goes on where it stopped.")
    else:
        console.print(
            "Next: `ml-assets ui` shows the graph; `ml-assets status` says what is out of date; new landing files are picked up by the sensor."
        )


def _relative(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def print_status(summary: Summary, stale: dict[str, dict[str, str]]) -> None:
    """As the summary of a run, with what is out of date and why."""
    console = Console(width=None if Console().is_terminal else 120)
    console.print(_asset_table(summary.assets))
    for model in summary.models:
        console.print(_model_table(model))
    for check in summary.failed_checks:
        at = f" {check.partition}" if check.partition else ""
        said = f"{check.summary} [{check.place}]"
        console.print(
            f"  {check.severity:<5} {check.asset}{at} {check.check} ({check.code}): {escape(said)}", soft_wrap=True
        )
    _print_overlooked(console, summary)
    waiting = [line.asset for line in summary.assets if not line.partitions and line.asset not in stale]
    for asset in waiting:
        console.print(
            f"  not made: {asset}: waits for what it reads (rows, labels whose window has passed, a champion)"
        )
    if not stale and not waiting:
        console.print("Everything is current.")
    for asset, reasons in stale.items():
        words = sorted(set(reasons.values()))
        count = f"{len(reasons)} partitions: " if len(reasons) > 1 else "".join(f"{key}: " for key in reasons if key)
        console.print(f"  out of date: {asset}: {count}{escape('; '.join(words)[:200])}", soft_wrap=True)
