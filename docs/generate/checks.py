"""The page of all checks, from the graph of the examples, in which every one occurs."""

from __future__ import annotations

from collections.abc import Iterator

from docs.generate.components import example_graph, page_name
from docs.generate.markdown import code, table
from ml_assets.graph.origin import fields_of
from ml_assets.graph.project import KINDS
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.check import Check

_FAMILIES = {
    "IN": "Landing files", "DQ": "Data quality", "FR": "Freshness", "LB": "Labels", "LK": "Leakage", "TR": "Training sets",
    "MD": "Model packages", "EV": "Evaluation's own books", "MC": "What an evaluation says of a model", "GT": "Gate and champion",
    "SC": "Scores", "DD": "Days of a table", "DR": "Drift", "PF": "Performance", "RT": "Retraining",
    "OP": "The project in operation",
}  # fmt: skip
_INTRODUCTION = """\
# Checks

Every rule about a table is a check with a stable code. What is shown is what the checks of the [examples](README.md) say:
numbers are those declared there, and other tasks have their own words for the same code. A **blocking** check that fails
keeps everything that reads the table from being made, in later runs as well. A `warn` is reported and fails nothing.
`ml-assets check` names the declared field that a failing check comes from; here it is the last column.
"""


def check_page() -> str:
    """All codes, by family, in the order in which data meets them."""
    found = sorted({(check.code, check.name): (asset, check) for asset, check in _checks()}.items())
    lines = [_INTRODUCTION]
    for family, title in _FAMILIES.items():
        rows = [_row(*pair) for (known, _), pair in found if known.startswith(family)]
        rows = [_linkable(row, number == 0 or rows[number - 1][0] != row[0]) for number, row in enumerate(rows)]
        lines += [f"## {title}", "", *table(_HEADER, rows), ""]
    return "\n".join(lines).rstrip() + "\n"


_HEADER = ("code", "check", "claims", "severity", "blocking", "for example on", "declared by")


def _checks() -> Iterator[tuple[TableAsset, Check]]:
    # What comes last stands for the others: the first table in the order of the graph, of the history before flat ones.
    order = sorted(example_graph(), key=lambda asset: "/flat/" in asset.place)
    for asset in reversed(order):
        for check in asset.checks:
            yield asset, check


def _row(asset: TableAsset, check: Check) -> tuple[str, ...]:
    kind = next(name for name, spec in KINDS.items() if type(asset.spec) is spec)
    fields = ", ".join(f"`{'.'.join(path)}`" for path in fields_of(check.code))
    return (
        check.code, code(check.name), check.description, check.severity, "blocks" if check.blocking else "",
        f"{code(str(asset.name))} ([{kind}]({page_name(kind)}))", fields,
    )  # fmt: skip


def _linkable(row: tuple[str, ...], first: bool) -> tuple[str, ...]:
    """With an anchor at the first row of a code."""
    return (f'<a id="{row[0].lower()}"></a>{row[0]}', *row[1:]) if first else row
