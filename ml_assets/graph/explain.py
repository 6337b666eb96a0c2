"""Everything about one asset: what it is, where it is declared, what it reads, its columns and checks, how it was last made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ml_assets.errors import SelectionError
from ml_assets.graph.binding import planned_columns
from ml_assets.graph.compile import Graph
from ml_assets.graph.declared import declared_as, statement_of
from ml_assets.graph.origin import columns_of
from ml_assets.graph.plan import select
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.registry.book import verdicts
from ml_assets.specs.columns import ColumnSpec
from ml_assets.specs.models import ModelSpec
from ml_assets.warehouse.aliases import CHAMPION, move_at
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.manifest import ManifestRow, manifest_of
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import to_be_judged
from ml_assets.warehouse.store import Workbench

_CONTRACT = ("min", "max", "pattern", "allowed", "max_length", "max_null_share")


def one_asset(graph: Graph, name: str) -> TableAsset:
    """The asset of this name; anything that means several is refused."""
    found = select(graph, name)
    if len(found) != 1:
        raise SelectionError(
            f"{name!r} means {len(found)} assets", expected="the name of one", got=", ".join(str(one.name) for one in found),
            remedy="name one of them",
        )  # fmt: skip
    return found[0]


def explained(bench: Workbench, context: RunContext, graph: Graph, asset: TableAsset) -> dict[str, Any]:
    """Inside a reading block: what there is to say of an asset, as plain data; nothing of its rows."""
    declared, statement = declared_as(asset), statement_of(asset)
    rows = manifest_of(bench, asset.name)
    keys = asset.partitions(context.now)
    return {
        "asset": str(asset.name), "kind": declared.kind, "description": asset.description, "owners": list(asset.spec.owners),
        "use_case": asset.use_case, "declared_at": asset.place, "sql": statement.shown if statement is not None else None,
        "reads": [str(name) for name in asset.deps] or _files(asset),
        "read_by": [str(one.name) for one in graph if asset.name in one.deps], "grain": _grain(asset),
        "columns": _columns(bench, graph, asset), "checks": _checks(bench, asset), "made": _made(rows),
        "out_of_date": asset.stale(bench, context, keys) | to_be_judged(bench, asset.name, keys), "model": _model(bench, asset.spec),
    }  # fmt: skip


def _files(asset: TableAsset) -> list[str]:
    return [f"landing files {asset.use_case}/{asset.spec.files}"] if isinstance(asset, RawTableAsset) else []


def _grain(asset: TableAsset) -> dict[str, Any]:
    """What a row is, by the header of its SQL and the fields of its declaration; what nobody says is left out."""
    statement, spec = statement_of(asset), asset.spec
    found: dict[str, Any] = dict(statement.header) if statement is not None else {}
    found.pop("purpose", None)
    if key := getattr(spec, "key", ()):
        found["key"] = ", ".join(key)
    for word in ("entity", "event_time", "available_at", "ttl"):
        if value := getattr(spec, word, None):
            found[word] = value
    if asset.snapshots is not None:
        grid = asset.snapshots
        found["snapshots"] = f"every {grid.every}, " + (f"last {grid.last}" if grid.last else f"from {grid.start}")
    return found


def _columns(bench: Workbench, graph: Graph, asset: TableAsset) -> list[dict[str, Any]]:
    declared, statement = columns_of(asset), statement_of(asset)
    there = {asset.name: bench.columns(asset.name.quoted)} if bench.has_table(asset.name) else {}
    planned = planned_columns(bench, graph, there).tables
    lineage = statement.column_lineage(planned) if statement is not None and statement.is_quickly_followed else {}
    found = there.get(asset.name) or planned.get(asset.name, {})
    return [
        {
            "name": name, "type": kind, "declared": name in declared,
            "personal": name in asset.personal or (name in declared and declared[name].pii),
            "contract": _contract(declared[name]) if name in declared else "",
            "description": declared[name].label if name in declared else "",
            "from": sorted(f"{table}.{column}" for table, column in lineage.get(name, ())),
            "lineage_known": name in lineage,
        }
        for name, kind in found.items()
    ]  # fmt: skip


def _contract(column: ColumnSpec) -> str:
    said = [] if column.nullable else ["not null"]
    for word in _CONTRACT:
        bound = getattr(column, word)
        if bound is not None:
            said.append(f"{word} {bound:g}" if isinstance(bound, float) else f"{word} {bound}")
    return ", ".join([*said, *(["only warns"] if column.severity == "warn" else [])])


def _checks(bench: Workbench, asset: TableAsset) -> list[dict[str, Any]]:
    """Each check with how its last verdicts came out, over all partitions, and what the newest of the worst kind said."""
    rows = bench.records(
        "select check_name, count(*) filter (where status = 'passed') as passed, count(*) filter (where status = 'failed') as failed, "
        "count(*) filter (where status = 'not_applicable') as not_applicable, max(evaluated_at) as judged_at, "
        "arg_max(summary, (status = 'failed', status = 'passed', partition)) as said, "
        "arg_max(partition, (status = 'failed', status = 'passed', partition)) as said_of "
        "from wh.ops.checks where asset = ? group by 1",
        [str(asset.name)],
    )
    judged = {row.pop("check_name"): row for row in rows}
    nothing = {
        "passed": 0,
        "failed": 0,
        "not_applicable": 0,
        "judged_at": None,
        "said": "not judged yet",
        "said_of": "",
    }
    return [
        {"check": check.name, "code": check.code, "severity": check.severity, "blocking": check.blocking, "rule": check.description}
        | judged.get(check.name, nothing)
        for check in asset.checks
    ]  # fmt: skip


def _made(rows: dict[str, ManifestRow]) -> dict[str, Any] | None:
    """The last time that something of it was made: the newest partition of the newest batch, with what it was made from."""
    if not rows:
        return None
    last = max(rows.values(), key=lambda row: (row.batch, row.partition))
    return {
        "rows": sum(row.rows for row in rows.values()), "partitions": len(rows), "newest": max(rows), "last_partition": last.partition,
        "made_at": last.made_at, "why": last.note, "batch": last.batch, "seconds": round(last.seconds, 3), "content": last.content,
        "last_rows": last.rows, "inputs": dict(last.inputs), "logic": last.logic,
        "with_it": sum(row.batch == last.batch for row in rows.values()),
    }  # fmt: skip


def _model(bench: Workbench, spec: object) -> dict[str, Any] | None:
    """Versions, champion and last verdict of the model that an asset belongs to."""
    if not isinstance(spec, ModelSpec):
        return None
    table = TableName("models", spec.name)
    newest = bench.value(f"select max(version) from {table.quoted}") if bench.has_table(table) else None
    champion = move_at(bench, spec.name, CHAMPION)
    given = list(_verdicts(bench, spec.name))
    return {
        "name": spec.name, "task": spec.task, "newest_version": newest,
        "champion": None if champion is None else vars(champion), "verdicts": given[-3:],
    }  # fmt: skip


def _verdicts(bench: Workbench, model: str) -> Iterator[dict[str, Any]]:
    for one in verdicts(bench, model):
        yield {"version": one.version, "passed": one.passed, "reasons": one.reasons, "judged_at": one.judged_at}
