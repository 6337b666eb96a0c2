"""What one asset is, and what one score was made from, as text for people."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ml_assets.errors import shortened

_WIDTH = 100
_MOST_COLUMNS, _MOST_INPUTS, _MOST_FILES, _MOST_SHOWN = 60, 6, 10, 6


def _console() -> Console:
    return Console(width=None if Console().is_terminal else _WIDTH, highlight=False)


def _table(*names: str, folded: str = "") -> Table:
    """Columns beside each other; only the one named `folded` may take several lines."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=name != folded, overflow="fold" if name == folded else "ellipsis")
    return table


def print_explained(found: dict[str, Any]) -> None:
    """One asset."""
    console = _console()
    console.print(f"[bold]{found['asset']}[/] ({found['kind']}, use case {found['use_case']})")
    if found["description"]:
        console.print(escape(found["description"]))
    facts = {
        "declared at": found["declared_at"], "statement": found["sql"], "owners": ", ".join(found["owners"]),
        "reads": ", ".join(found["reads"]), "read by": ", ".join(found["read_by"]) or "nothing declared", **found["grain"],
    }  # fmt: skip
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in facts.items():
        if value:
            table.add_row(f"[dim]{name.replace('_', ' ')}[/]", escape(str(value)))
    console.print(table)
    _print_made(console, found)
    _print_model(console, found["model"])
    _print_columns(console, found["columns"])
    _print_checks(console, found["checks"])


def _print_made(console: Console, found: dict[str, Any]) -> None:
    made = found["made"]
    if made is None:
        console.print("\nNot made yet.")
    else:
        many = f" in {made['partitions']} snapshots, newest {made['newest']}" if made["newest"] else ""
        console.print(f"\n[bold]{made['rows']:,} rows[/]{many}")
        at = f"snapshot {made['last_partition']} " if made["last_partition"] else ""
        beside = f", with {made['with_it'] - 1} other snapshots" if made["with_it"] > 1 else ""
        console.print(
            f"last made: {at}at {made['made_at']:%Y-%m-%d %H:%M} UTC as batch {made['batch']} in {made['seconds']:.1f} s{beside}, because: {escape(made['why'])}",
            soft_wrap=True,
        )
        for name, content in list(made["inputs"].items())[:_MOST_INPUTS]:
            console.print(f"  from {name} [dim]{content}[/]")
        if len(made["inputs"]) > _MOST_INPUTS:
            console.print(f"  … and {len(made['inputs']) - _MOST_INPUTS} more inputs: --json lists all")
    if found["out_of_date"]:
        said = ", ".join(sorted(set(found["out_of_date"].values()))[:3])
        console.print(f"[yellow]out of date[/]: {escape(said)}; `ml-assets plan` says what that reaches")


def _print_model(console: Console, model: dict[str, Any] | None) -> None:
    if model is None:
        return
    champion = model["champion"]
    served = (
        "no champion yet"
        if champion is None
        else f"champion is version {champion['version']} since {champion['moved_at']:%Y-%m-%d %H:%M} UTC, by {champion['moved_by']}: {champion['reason']}"
    )
    console.print(
        f"\n[bold]model {model['name']}[/] ({model['task']}), newest version {model['newest_version'] or 'none'}"
    )
    console.print(escape(served), soft_wrap=True)
    for one in model["verdicts"]:
        word = "[green]passed[/]" if one["passed"] else "[red]refused[/]"
        console.print(
            f"gate on version {one['version']} at {one['judged_at']:%Y-%m-%d %H:%M} UTC: {word}: {escape(one['reasons'])}",
            soft_wrap=True,
        )


def _print_columns(console: Console, columns: list[dict[str, Any]]) -> None:
    if not columns:
        return
    console.print()
    names = ("column", "type", "contract", *(("made from",) if any(one["lineage_known"] for one in columns) else ()))
    table = _table(*names, folded="made from")
    for one in columns[:_MOST_COLUMNS]:
        personal = " [yellow]personal[/]" if one["personal"] else ""
        table.add_row(
            one["name"] + personal,
            one["type"].lower(),
            escape(one["contract"]),
            *([", ".join(one["from"])] if len(names) == 4 else []),
        )
    console.print(table)
    if len(columns) > _MOST_COLUMNS:
        console.print(f"  … and {len(columns) - _MOST_COLUMNS} more columns: --json lists all")


def _print_checks(console: Console, checks: list[dict[str, Any]]) -> None:
    console.print()
    table = _table("check", "code", "last verdicts", "said", folded="said")
    for one in checks:
        bad = "red" if one["severity"] == "error" else "yellow"
        failed = f"[{bad}]{one['failed']} {'failed' if bad == 'red' else 'warned'}[/]" if one["failed"] else ""
        counts = [f"[green]{one['passed']} passed[/]" if one["passed"] else "", failed]
        counts.append(f"{one['not_applicable']} n/a" if one["not_applicable"] else "")
        blocking = " [dim]blocks[/]" if one["blocking"] else ""
        said = (
            f"{one['said_of']}: {one['said']}"
            if one["said_of"] and not one["said"].startswith(one["said_of"])
            else one["said"]
        )
        table.add_row(
            one["check"] + blocking,
            one["code"],
            ", ".join(filter(None, counts)) or "not judged",
            escape(shortened(said, 120)),
        )
    console.print(table)


def print_why(found: dict[str, Any]) -> None:
    """One score, from the version to the files."""
    console = _console()
    at = f" at {found['snapshot']}" if found["snapshot"] else ""
    predicted = f", predicted {found['predicted']}" if found["predicted"] is not None else ""
    console.print(
        f"[bold]{found['scores']}[/] of {found['entity']} {escape(str(found['key']))}{at}: [bold]{found['score']:.6g}[/]{escape(predicted)}"
    )
    console.print(f"said {found['made_at']:%Y-%m-%d %H:%M} UTC in batch {found['batch']}")
    _print_version(console, found["model"])
    if found["inputs_changed_since"]:
        console.print(
            f"[yellow]made again since, with other content[/]: {', '.join(found['inputs_changed_since'])}",
            soft_wrap=True,
        )
    _print_contributions(console, found)
    for source in found["sources"]:
        _print_source(console, source)


def _print_version(console: Console, model: dict[str, Any]) -> None:
    console.print(
        f"by {model['version']} ({model['reference']}), package {model['package_sha256']}, trained {str(model['trained_at'])[:16].replace('T', ' ')} UTC on {model['trained_rows']:,} rows",
        soft_wrap=True,
    )
    if alias := model["alias"]:
        console.print(
            f"{alias['alias']} since {alias['moved_at']:%Y-%m-%d %H:%M} UTC, by {escape(alias['moved_by'])}: {escape(alias['reason'])}",
            soft_wrap=True,
        )
    if verdict := model["verdict"]:
        word = "passed" if verdict["passed"] else "refused"
        console.print(
            f"gate at {verdict['judged_at']:%Y-%m-%d %H:%M} UTC: {word}: {escape(verdict['reasons'])}", soft_wrap=True
        )
    if model["serves_now"] is not None and not model["version"].endswith(f"@{model['serves_now']}"):
        console.print(f"[yellow]version {model['serves_now']} serves now[/]")


def _print_contributions(console: Console, found: dict[str, Any]) -> None:
    console.print(f"\n[bold]Features[/] ({found['contributions']})")
    table = Table(box=None, header_style="bold", pad_edge=False)
    exact = "base" in found
    for name in ("feature", "value", "contribution")[: 3 if exact else 2]:
        table.add_column(name, justify="left" if name == "feature" else "right")
    for one in found["features"]:
        size = [f"{one['contribution']:+.4f}" if one["contribution"] is not None else "not learnt"] if exact else []
        table.add_row(one["feature"], _value(one["value"]), *size)
    if exact:
        table.add_row("[dim]base: nothing known[/]", "", f"{found['base']:+.4f}")
        table.add_row("[dim]sum[/]", "", f"{found['raw_score']:+.4f}")
    console.print(table)
    if found["recomputed"] is not None and not found["agrees"]:
        console.print(f"[yellow]The features there are now would be scored {found['recomputed']:.6g}.[/]")


def _value(value: Any) -> str:
    return "missing" if value is None else f"{value:.6g}" if isinstance(value, float) else escape(str(value))


def _print_source(console: Console, source: dict[str, Any]) -> None:
    count = "" if source["rows"] is None else f", {source['rows']:,} rows"
    console.print(f"\n[bold]{source['table']}[/]{count}, read by {source['read_by']}")
    console.print(f"[dim]{escape(source['how'])}[/]", soft_wrap=True)
    if source["shown"]:
        console.print(_rows(source))
        if source["rows"] > len(source["shown"]):
            console.print(f"  … and {source['rows'] - len(source['shown']):,} more rows: --most shows more")
    for file in source["files"][:_MOST_FILES]:
        console.print(
            f"  {escape(file['file'])} [dim]sha256 {str(file['sha256'])[:16]}…[/] {file['rows']} rows", soft_wrap=True
        )
    if len(source["files"]) > _MOST_FILES:
        console.print(f"  … and {len(source['files']) - _MOST_FILES} more files: --json lists all")


def _rows(source: dict[str, Any]) -> Table:
    """Some rows with the columns that their reader uses; of raw tables with file and line."""
    shown, located = source["shown"], "_file" in source["shown"][0]
    table = Table(box=None, header_style="bold", pad_edge=False)
    places = (
        [f"{row['_file']}:{row['_line']}" if row.get("_line") else f"{row['_file']} row {row['_row']}" for row in shown]
        if located
        else []
    )
    if located:
        table.add_column("file:line", no_wrap=True, min_width=min(30, max(map(len, places))))
    names = source["used"][:_MOST_SHOWN]
    for name in names:
        values = [_cell(row[name]) for row in shown]
        table.add_column(name, no_wrap=True, min_width=min(19, max(map(len, values))))
    for place, row in enumerate(shown):
        table.add_row(*([escape(places[place])] if located else []), *(_cell(row[name]) for name in names))
    return table


def _cell(value: Any) -> str:
    return value.strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else escape(shortened(_value(value), 24))
