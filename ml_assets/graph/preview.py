"""The whole answer of `ml-assets plan`: what would be made, what it costs, what changed and what that means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ml_assets.graph.binding import Columns, PlannedColumns, planned_columns
from ml_assets.graph.changes import Change, World, changes
from ml_assets.graph.compile import Graph
from ml_assets.graph.cost import Cost, costs
from ml_assets.graph.declared import DeclaredAs, all_declared, declared_as, remembered
from ml_assets.graph.differences import differences
from ml_assets.graph.forecast import LOGIC, AssetForecast, forecast
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.training.model import ModelAsset
from ml_assets.warehouse.aliases import CHAMPION, version_at
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.manifest import UNPARTITIONED
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import blocking_failures
from ml_assets.warehouse.store import Workbench

_READS = "reads "


@dataclass(frozen=True)
class PlannedAsset:
    """One asset of a plan; `why` is short and for people, `forecast` holds the reason of every partition."""

    forecast: AssetForecast
    why: str
    cost: Cost
    fails: str = ""

    def to_json(self) -> dict[str, Any]:
        one = self.forecast
        return {
            "asset": str(one.asset.name), "place": one.asset.place, "will": dict(one.will), "may": dict(one.may),
            "judged": dict(one.judged), "why": self.why, "fails": self.fails, "rows": one.rows.rows, "rows_basis": one.rows.basis,
            "seconds": _rounded(self.cost.seconds), "seconds_perhaps": _rounded(self.cost.perhaps), "seconds_basis": self.cost.basis,
        }  # fmt: skip


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


@dataclass(frozen=True)
class Preview:
    """A plan. `compared` says what the changes were told from."""

    now: datetime
    assets: tuple[PlannedAsset, ...]
    changes: tuple[Change, ...]
    compared: str

    @property
    def breaking(self) -> list[Change]:
        return [change for change in self.changes if change.breaking]

    def to_json(self) -> dict[str, Any]:
        return {
            "now": self.now, "assets": [one.to_json() for one in self.assets], "compared": self.compared,
            "changes": [change.to_json() for change in self.changes], "breaking": len(self.breaking),
            "seconds": round(sum(one.cost.seconds or 0.0 for one in self.assets if not one.fails), 3),
            "seconds_perhaps": round(sum(one.cost.perhaps or 0.0 for one in self.assets if not one.fails), 3),
            "without_past_run": [str(one.forecast.asset.name) for one in self.assets if one.cost.seconds is None],
        }  # fmt: skip


def preview(
    bench: Workbench, context: RunContext, graph: Graph, assets: Sequence[TableAsset], partitions: Sequence[str] | None = None,
    earlier: tuple[str, Graph] | None = None,
) -> Preview:  # fmt: skip
    """Inside a reading block: what a run of `assets` would do, and the changes among all declarations that it follows from.

    Changes are told from the declarations that were remembered when tables were last made and the columns they have, or
    from those of an `earlier` graph, with its name. Writes nothing.
    """
    before, there = remembered(bench), _columns_there(bench)
    planned = planned_columns(bench, graph, there)
    reshaped = frozenset(name for name, columns in planned.tables.items() if there.get(name, columns) != columns)
    found = forecast(bench, context, assets, partitions, reshaped)
    cost = costs(bench, found)
    told = [
        PlannedAsset(one, _why(one, before, graph), cost[one.asset.name], fails)
        for one, fails in _failing(bench, found, graph, planned)
    ]
    changed = _changed(bench, context, graph, before, planned, there, earlier)
    return Preview(
        context.now, tuple(told), tuple(changed), f"git {earlier[0]}" if earlier else "what was last made or judged"
    )


def _failing(
    bench: Workbench, found: Sequence[AssetForecast], graph: Graph, planned: PlannedColumns
) -> Iterator[tuple[AssetForecast, str]]:
    """Each forecast with what keeps it from being made: its own statement, a blocking check of what it reads that does
    not hold and is not made again, or something behind it that is not made."""
    at = {one.asset.name: one for one in found}
    failing: dict[TableName, str] = {}
    for one in found:
        behind = sorted(failing.keys() & graph.upstream({one.asset.name}))
        if behind:
            yield one, f"not tried: reads {behind[0]}"
            continue
        if one.will or one.may:
            reason = "would fail" if one.asset.name in planned.problems else _refusal(bench, one, at)
            if reason:
                failing[one.asset.name] = reason
        yield one, failing.get(one.asset.name, "")


def _refusal(bench: Workbench, one: AssetForecast, at: Mapping[TableName, AssetForecast]) -> str:
    for asset, partition, check, _ in blocking_failures(bench, one.asset.deps):
        read = at.get(TableName.parse(asset))
        asked = partition == UNPARTITIONED or partition in one.will or partition in one.may
        if asked and (read is None or partition not in {**read.will, **read.may}):
            return f"refused: {check} of {asset} does not hold" + (", unless it does when judged again" if read else "")
    return ""


def _changed(
    bench: Workbench, context: RunContext, graph: Graph, before: Mapping[TableName, DeclaredAs], planned: PlannedColumns,
    there: Mapping[TableName, Columns], earlier: tuple[str, Graph] | None,
) -> list[Change]:  # fmt: skip
    if earlier is not None:
        old = earlier[1]
        before, columns = all_declared(old), dict(planned_columns(bench, old, there).tables)
        gone = [name for name in old.assets if name not in graph.assets]
    else:
        made = {TableName.parse(row[0]) for row in bench.rows("select distinct asset from wh.ops.manifest")}
        gone = [name for name in made if name not in graph.assets]
        columns = {name: found for name, found in there.items() if name in made}
    serving = _serving(bench, graph)
    return changes(
        World(graph, columns, planned, serving, context.now, bench, there), before, gone, added=earlier is not None
    )


def _serving(bench: Workbench, graph: Graph) -> dict[str, int]:
    """Model → the version that answers: its champion, else what a scored output names."""
    named: list[tuple[str, str, int | None]] = [
        (asset.spec.name, CHAMPION, None) for asset in graph if isinstance(asset, ModelAsset)
    ]
    named += [(one.model.name, one.spec.alias, one.spec.version) for one in graph if isinstance(one, ScoresAsset)]
    found: dict[str, int] = {}
    for model, alias, pinned in named:
        version = pinned if pinned is not None else version_at(bench, model, alias)
        table = TableName("models", model)
        if version is None or not bench.has_table(table):
            continue
        if bench.value(f"select count(*) from {table.quoted} where version = ?", [version]):
            found.setdefault(model, version)
    return found


def _columns_there(bench: Workbench) -> dict[TableName, Columns]:
    """Columns of every table in the warehouse."""
    found: dict[TableName, dict[str, str]] = {}
    for schema, table, column, kind in bench.rows(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() where database_name = 'wh' "
        "order by schema_name, table_name, column_index"
    ):
        found.setdefault(TableName(schema, table), {})[column] = kind
    return dict(found)


def _why(one: AssetForecast, before: Mapping[TableName, DeclaredAs], graph: Graph) -> str:
    """The reasons in a few words, the most frequent first; of changed logic, which part."""
    reasons = list(dict.fromkeys((one.will or one.may or one.judged).values()))
    logic = [reason for reason in reasons if reason in (LOGIC, "its contract changed")]
    if logic:
        part = _changed_part(one.asset, before, graph)
        reasons = [f"{logic[0]}: {part}", *(reason for reason in reasons if reason not in logic)]
    reads = sorted(
        {name for reason in reasons if reason.startswith(_READS) for name in reason.removeprefix(_READS).split(", ")}
    )
    reasons = [reason for reason in reasons if not reason.startswith(_READS)] + (
        [_READS + reads[0] + (f" and {len(reads) - 1} more" if len(reads) > 1 else "")] if reads else []
    )
    more = f" (and {len(reasons) - 2} more reasons)" if len(reasons) > 2 else ""
    return "; ".join(reasons[:2]) + more


def _changed_part(asset: TableAsset, before: Mapping[TableName, DeclaredAs], graph: Graph) -> str:
    if asset.name not in before:
        return "which part cannot be told, it was made before declarations were kept"
    found = differences(before[asset.name], declared_as(asset))
    if found:
        more = f" and {len(found) - 2} more" if len(found) > 2 else ""
        return ", ".join(one.field if one.was == "an earlier text" else str(one) for one in found[:2]) + more
    behind = (graph[name] for name in graph.upstream({asset.name}) if name != asset.name and name in before)
    if any(differences(before[one.name], declared_as(one)) for one in behind):
        return "another meaning of what it is made from"
    return "declared as before, so another version of ml_assets makes it differently"
