"""`ml-assets kpi`: how well the pipeline runs, in numbers with their definitions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml_assets.errors import SelectionError

if TYPE_CHECKING:
    from rich.console import Console

    from ml_assets.operations.kpi_report import KpiLine, KpiReport


def add_to(group: click.Group) -> None:
    """Hang the command below the main one."""
    group.add_command(kpi)


@click.command()
@click.option("--window", metavar="SPAN", help="Over which time, such as '7 days'. Default: as declared, else 30 days.")
@click.option("--explain", is_flag=True, help="Say below each indicator what it means.")
@click.option("--history", is_flag=True, help="Show the stored values of each day (needs declared operations).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with definitions and history.")
@click.pass_obj
def kpi(project: Path | None, window: str | None, explain: bool, history: bool, as_json: bool) -> None:
    """Operational indicators: success rates, times to detect and recover, cost, coverage; each with its trend.

    Computed from what runs, checks, incidents and people left in the warehouse. Changes nothing.
    """
    from ml_assets.cli.project import open_project
    from ml_assets.cli.status import looking
    from ml_assets.operations.kpi_report import kpi_report

    opened = open_project(project, may_be_empty=True)
    with looking(opened) as context:
        report = kpi_report(context, opened.graph, _span(window))
    if as_json:
        sys.stdout.write(json.dumps(report.to_json(), default=str) + "\n")
        return
    _print(report, explain=explain)
    if history:
        _print_history(report)


def _span(text: str | None) -> str | None:
    from ml_assets.specs.times import span_length

    if text is None:
        return None
    try:
        is_span = bool(span_length(text))
    except (ValueError, OverflowError):
        is_span = False
    if not is_span:
        raise SelectionError(
            "no window can be made of what was given", expected="a whole number and minutes, hours, days or weeks, as '7 days'", got=text,
            remedy="correct --window",
        )  # fmt: skip
    return text


def _print(report: KpiReport, *, explain: bool) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ml_assets.monitoring.kpi_words import interval_in_words, parts_in_words, value_in_words

    console = Console(width=None if Console().is_terminal else 120)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (("indicator", "left"), ("value", "right"), ("of", "right"), ("trend", "right"), ("", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for line in report.lines:
        one = line.now
        beside = "; ".join(filter(None, [interval_in_words(one.low, one.high, one.unit), one.reason]))
        table.add_row(
            line.definition.title, value_in_words(one.value, one.unit), parts_in_words(one.numerator, one.denominator, one.unit), _trend(line), escape(beside),
        )  # fmt: skip
    console.print(table)
    console.print(
        f"Over {report.span} to {report.now:%Y-%m-%d %H:%M} UTC; the trend is against the {report.span} before.",
        highlight=False,
    )
    if not explain:
        console.print("What each means: ml-assets kpi --explain", highlight=False)
        return
    for line in report.lines:
        told = line.definition
        console.print(f"\n[bold]{told.title}[/] ({told.name}): {escape(told.definition)}", highlight=False)
        console.print(f"[dim]Counts {escape(told.over)}. No value: {escape(told.absent)}.[/]", highlight=False)


def _trend(line: KpiLine) -> str:
    colour = {True: "green", False: "red", None: "dim"}[line.is_better]
    return f"[{colour}]{line.change}[/]" if line.change else ""


def _print_history(report: KpiReport) -> None:
    from rich.console import Console
    from rich.table import Table

    from ml_assets.monitoring.kpi_catalogue import BY_NAME
    from ml_assets.monitoring.kpi_words import value_in_words

    console: Console = Console(width=None if Console().is_terminal else 120)
    if not report.history:
        console.print("No history yet: declare Operations, and `ml-assets run` keeps one row a day.", highlight=False)
        return
    days = sorted({row.day for row in report.history})[-_MOST_DAYS:]
    known = {(row.indicator, row.day): row for row in report.history}
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("indicator")
    for day in days:
        table.add_column(f"{day:%Y-%m-%d}", justify="right")
    for name, definition in BY_NAME.items():
        rows = [known.get((name, day)) for day in days]
        table.add_row(definition.title, *("" if row is None else value_in_words(row.value, row.unit) for row in rows))
    console.print(table)


_MOST_DAYS = 7
