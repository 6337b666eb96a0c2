"""A plan as text for people."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ml_assets.graph.changes import Change
from ml_assets.graph.preview import PlannedAsset, Preview

_MARKS = {True: "[red]breaking[/]", False: "[green]fine[/]", None: "[yellow]not known[/]"}
_MOST_CHANGES = 20


def print_plan(found: Preview) -> None:
    """What would be made with its cost, then what changed and whether it is breaking."""
    console = Console(width=None if Console().is_terminal else 100, highlight=False)
    console.print(f"Plan at {found.now:%Y-%m-%d %H:%M} UTC; nothing has been written.")
    if found.assets:
        console.print(_table(found.assets))
        console.print(_cost(found), soft_wrap=True)
    else:
        console.print("Nothing to do: every selected asset is current.")
    if found.changes:
        console.print(f"\n[bold]Changes[/] since {found.compared}:")
    for change in found.changes[:_MOST_CHANGES]:
        _print_change(console, change)
    if len(found.changes) > _MOST_CHANGES:
        console.print(f"  … and {len(found.changes) - _MOST_CHANGES} more: --json lists all")
    if found.breaking:
        console.print(f"[red]{len(found.breaking)} breaking[/] of {len(found.changes)} changes.")
    elif found.compared.startswith("git ") and not found.changes:
        console.print(f"No declaration or statement differs from {escape(found.compared)}.")


def _table(assets: tuple[PlannedAsset, ...]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name, justify in (
        ("asset", "left"),
        ("makes", "left"),
        ("rows", "right"),
        ("seconds", "right"),
        ("why", "left"),
    ):
        table.add_column(name, justify=justify, no_wrap=name != "why", overflow="fold")  # type: ignore[arg-type]
    for one in assets:
        rows = "?" if one.forecast.rows.rows is None else f"{one.forecast.rows.rows:,}"
        table.add_row(
            str(one.forecast.asset.name),
            _makes(one),
            "" if not (one.forecast.will or one.forecast.may) else rows,
            _seconds(one),
            escape(one.fails.partition(": ")[2] or one.why),
        )
    return table


def _makes(one: PlannedAsset) -> str:
    found = one.forecast
    if one.fails:
        return f"[red]{one.fails.partition(':')[0]}[/]"
    if found.asset.snapshots is None:
        return "[bold]yes[/]" if found.will else "perhaps" if found.may else "checks only"
    parts = [f"[bold]{len(found.will)}[/]"] if found.will else []
    parts += [f"perhaps {len(found.may)}"] if found.may else []
    parts += [f"checks of {len(found.judged)}"] if found.judged and not parts else []
    return ", ".join(parts) + ("" if found.may else " snapshots")


def _seconds(one: PlannedAsset) -> str:
    if one.fails:
        return ""
    if one.cost.seconds is None or one.cost.perhaps is None:
        return "?"
    if one.cost.seconds and one.cost.perhaps >= 0.05:
        return f"{one.cost.seconds:.1f} to {one.cost.seconds + one.cost.perhaps:.1f}"
    return f"{one.cost.seconds:.1f}" if one.forecast.will else f"≤ {one.cost.perhaps:.1f}" if one.forecast.may else ""


def _cost(found: Preview) -> str:
    facts = found.to_json()
    low, more = facts["seconds"], facts["seconds_perhaps"]
    unknown = facts["without_past_run"]
    known = [one for one in found.assets if one.cost.seconds is not None]
    said = (
        [
            f"About {low:.1f} s of work for certain"
            + (f", up to {low + more:.1f} s if all is reached" if more >= 0.05 else "")
        ]
        if known
        else []
    )
    if known:
        runs = sorted({one.cost.runs for one in known})
        many = (
            f"{runs[0]} to {runs[-1]} past runs"
            if runs[-1] > runs[0]
            else f"{runs[0]} past runs"
            if runs[0] > 1
            else "the one past run"
        )
        said.append(f"an estimate by {many} of each asset; two assets are worked on at once")
    if unknown:
        said.append(
            f"no past run of {len(unknown)} assets, so their time is not known"
            if known
            else "No past run to estimate the time by"
        )
    return "; ".join(said) + "."


def _print_change(console: Console, change: Change) -> None:
    console.print(f"  {_MARKS[change.breaking]} {change.asset} {escape(change.what)}", soft_wrap=True)
    if change.because:
        console.print(f"      {escape(change.because)}", soft_wrap=True)
    for reached in change.reaches:
        console.print(f"      reaches {escape(reached)} [dim]({change.lineage})[/]", soft_wrap=True)
    if change.place:
        console.print(f"      [dim]{escape(change.place)}[/]", soft_wrap=True)
