"""The registry's answers as text for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_COLOURS = {"held": "green", "failed": "red", "not_applicable": "yellow", "passed": "green", "refused": "red"}


def _console(width: int = 120) -> Console:
    """`width` is that of output that goes to no terminal."""
    return Console(width=None if Console().is_terminal else width, highlight=False)


def _table(*names: str, title: str | None = None) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, title=title, title_justify="left", title_style="bold")
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def print_list(found: dict[str, Any]) -> None:
    """One line a version."""
    console = _console()
    if not found["versions"]:
        console.print("No version has been trained yet: ml-assets run")
        return
    table = _table("version", "aliases", "verdict", "trained", "said of it")
    for line in found["versions"]:
        verdict = line["verdict"] or "not judged"
        said = f"{line['override']} ({line['reasons']})" if line["override"] else line["reasons"]
        table.add_row(
            f"{line['model']}@{line['version']}", ", ".join(line["aliases"]), f"[{_COLOURS.get(verdict, 'yellow')}]{verdict}[/]",
            f"{line['trained_at']:%Y-%m-%d %H:%M}", escape(said),
        )  # fmt: skip
    console.print(table)


def print_version(found: dict[str, Any]) -> None:
    """Everything about one version."""
    console = _console()
    aliases = f" ({', '.join(found['aliases'])})" if found["aliases"] else ""
    console.print(f"[bold]{found['model']}@{found['version']}[/]{aliases}: {escape(found['standing'])}", soft_wrap=True)
    console.print(
        f"package {found['package_sha256']}, trained {found['trained_at']} by {found['trained_by'] or 'not stated'}"
    )
    if found["because"]:
        console.print(f"because: {escape(found['because'])}", soft_wrap=True)
    _print_rules(console, found["verdict"])
    for one in found["overrides"]:
        counts = "counts" if one["counts"] else "does not count any more"
        console.print(
            f"override by {escape(one['done_by'])} until {one['expires_at']:%Y-%m-%d %H:%M} UTC ({counts}): {escape(one['reason'])}",
            soft_wrap=True,
        )
    if found["approvals_needed"]:
        valid = sum(one["valid"] for one in found["approvals"])
        console.print(f"approvals: {valid} valid of {found['approvals_needed']} needed")
    for one in found["approvals"]:
        void = "" if one["valid"] else " (void: what was approved has changed)"
        console.print(
            f"approved by {escape(one['done_by'])} on {one['done_at']:%Y-%m-%d}{void}: {escape(one['reason'])}",
            soft_wrap=True,
        )
    metrics = _table("metric on test", "value", "95 % interval")
    for name, values in found["metrics"].items():
        low, high = values["low"], values["high"]
        metrics.add_row(name, _number(values["value"]), "" if low is None else f"{_number(low)} to {_number(high)}")
    console.print(metrics)
    for move in found["alias_history"]:
        console.print(
            f"{move['moved_at']:%Y-%m-%d %H:%M} UTC became {move['alias']} by {escape(move['moved_by'])}: {escape(move['reason'])}",
            soft_wrap=True,
        )
    for section, values in found["made_from"].items():
        console.print(
            f"[bold]{section}[/]: " + escape(", ".join(f"{name}={value}" for name, value in values.items())),
            soft_wrap=True,
        )
    console.print(f"card: {found['card'] or 'not written yet'}", soft_wrap=True)


def _print_rules(console: Console, verdict: dict[str, Any] | None) -> None:
    if verdict is None:
        console.print("The gate has not judged it.")
        return
    if not verdict["rules"]:
        console.print("The gate has no rules: every version passes.")
        return
    table = _table(
        "rule", "value", "bound", "status", "reason", title=f"Verdict of {verdict['judged_at']:%Y-%m-%d %H:%M} UTC"
    )
    for rule in verdict["rules"]:
        status = rule["status"]
        table.add_row(
            escape(rule["rule"]), _number(rule["value"]), _number(rule["bound"]),
            f"[{_COLOURS[status]}]{status.replace('_', ' ')}[/]", escape(rule["reason"]),
        )  # fmt: skip
    console.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def print_moment(found: dict[str, Any]) -> None:
    """Where each alias pointed."""
    console = _console()
    for alias, move in found["aliases"].items():
        if move is None:
            console.print(f"{found['model']}@{alias} at {found['moment']:%Y-%m-%d %H:%M} UTC: nothing yet")
        else:
            console.print(
                f"{found['model']}@{alias} at {found['moment']:%Y-%m-%d %H:%M} UTC: [bold]version {move['version']}[/], moved "
                f"{move['moved_at']:%Y-%m-%d %H:%M} by {escape(move['moved_by'])}: {escape(move['reason'])}", soft_wrap=True,
            )  # fmt: skip


def print_outcome(found: dict[str, Any]) -> None:
    """What an action did."""
    seconds = f" ({found['seconds'] * 1000:.0f} ms)" if "seconds" in found else ""
    _console().print(
        f"{escape(found['sentence'])}, by {escape(found['by'])}: {escape(found['reason'])}{seconds}", soft_wrap=True
    )


def print_comparison(found: dict[str, Any]) -> None:
    """Versions side by side; what differs is bold."""
    console = _console()
    for section, rows in found["sections"].items():
        table = _table("", *(f"{found['model']}@{version}" for version in found["versions"]), title=section)
        for row in rows:
            cells = [escape(str(value)) if value is not None else "-" for value in row["values"]]
            table.add_row(escape(row["name"]), *(f"[bold]{cell}[/]" if row["differs"] else cell for cell in cells))
        console.print(table if rows else f"[bold]{section}[/]: no difference")


def print_drill(found: dict[str, Any]) -> None:
    """What a rehearsal proved, with its times."""
    golden = found["golden"]
    _console().print(
        f"A rollback of {found['model']} from {found['champion']} to {found['target']} works: {golden['rows']} golden rows answered "
        f"exactly (loaded and answered in {found['load_and_answer_seconds'] * 1000:.0f} ms), alias moved and moved back in "
        f"{found['move_seconds'] * 1000:.0f} ms. Nothing was changed.", soft_wrap=True,
    )  # fmt: skip


def print_replay(found: dict[str, Any]) -> None:
    """What a replay compared, and what is not as it was."""
    console = _console()
    console.print(f"[{'green' if found['equal'] else 'red'}]{escape(found['sentence'])}[/]", soft_wrap=True)
    table = _table("file", "", "SHA-256 then", "now", "first difference")
    for file in found["files"]:
        then, now = (file[name][:12] if file[name] else "-" for name in ("then", "now"))
        table.add_row(file["name"], file["state"], then, now, escape(file["where"] or ""))
    console.print(table)
    answers = _table("answers to", "rows", "differ", "by at most")
    for one in found["predictions"]:
        answers.add_row(
            f"archived rows, {one['estimator']}", str(one["rows"]), str(one["differing"]), _number(one["largest"])
        )
    if (golden := found["golden"]) is not None:
        answers.add_row("golden rows", str(golden["rows"]), str(golden["differing"]), _number(golden["largest"]))
    console.print(answers)
    if found["golden_reason"]:
        console.print(f"golden rows: {escape(found['golden_reason'])}", soft_wrap=True)
    causes = _table("not as it was", "then", "now", "may explain a difference")
    for cause in found["causes"]:
        explains = "yes" if cause["explains"] else "no"
        causes.add_row(
            escape(f"{cause['kind']}: {cause['name']}"),
            *(escape(cause[name] or "-") for name in ("then", "now")),
            explains,
        )
    if found["causes"]:
        console.print(causes)


# Of the many metrics, those a person looks for first; the others are in `show` and `--json`.
_FIRST_METRICS = ("roc_auc", "log_loss", "f1_macro", "mae", "rmse", "ndcg_at_10", "map_at_10")
_MOST_METRICS = 2


def print_runs(found: dict[str, Any]) -> None:
    """One line a training run; parameters that all have in common in one line below."""
    console, differing = _console(240), found["parameters_that_differ"]
    if not found["runs"]:
        console.print(f"{found['model']} has not been trained yet: ml-assets run models.{found['model']}")
        return
    measured = {name for run in found["runs"] for name in run["metrics"]}
    metrics = sorted(measured, key=lambda name: (_place(name), name))[:_MOST_METRICS]
    table = _table("run", "trained", "data", *metrics, *differing, "seconds", "gate", "aliases")
    for run in found["runs"]:
        table.add_row(
            f"{run['model']}@{run['version']}", f"{run['trained_at']:%Y-%m-%d %H:%M}", (run["training_content"] or "-").rpartition(":")[2][:8],
            *(_measured(run["metrics"].get(name)) for name in metrics),
            *(escape(run["parameters"].get(name, "-")) for name in differing), _number(run["timings"].get("whole")),
            f"[{_COLOURS.get(run['gate'], 'yellow')}]{run['gate']}[/]", ", ".join(run["aliases"]),
        )  # fmt: skip
    console.print(table)
    common = ", ".join(f"{name}={value}" for name, value in found["parameters_in_common"].items())
    console.print(f"[bold]in common[/]: {escape(common)}", soft_wrap=True)


def _place(metric: str) -> int:
    return _FIRST_METRICS.index(metric) if metric in _FIRST_METRICS else len(_FIRST_METRICS)


def _measured(metric: dict[str, float | None] | None) -> str:
    if metric is None:
        return "-"
    between = "" if metric["low"] is None else f" \\[{_number(metric['low'])}, {_number(metric['high'])}]"
    return _number(metric["value"]) + between


def print_export(found: dict[str, Any]) -> None:
    """Where each version is on the server."""
    console = _console()
    console.print(f"experiment {escape(found['experiment'])} at {escape(found['tracking_uri'])}", soft_wrap=True)
    table = _table("version", "run", "", "registered as", "")
    for run in found["runs"]:
        name = f"{found['model']}@{run['version']}"
        table.add_row(name, run["run_id"], run["state"], run["registered"] or "-", escape(run["reason"]))
    console.print(table)
