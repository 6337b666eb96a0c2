"""From one entity's features back to source rows and landing files, as far as keys and copied columns can be followed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ml_assets.errors import shortened
from ml_assets.features.asof import Window
from ml_assets.features.feature_set import FeatureSetAsset
from ml_assets.features.labels import PopulationAsset
from ml_assets.features.sql_table import SqlTableAsset
from ml_assets.features.statement import Statement
from ml_assets.graph.compile import Graph
from ml_assets.graph.declared import statement_of
from ml_assets.graph.personal import hidden_columns
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.scoring.example_scores import ExampleScoresAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs.tables import CsvFormat, JsonLinesFormat
from ml_assets.specs.times import snapshot_time
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.store import Workbench

_PERSONAL = "(personal data)"
# Line breaks of larger files are not counted to tell physical lines.
_COUNTED_BYTES = 64 << 20


@dataclass(frozen=True)
class _Step:
    """Rows of one table that belong to the entity: SQL of them (empty where rows cannot be followed), how they were found
    or why not, who reads them, and how many were read where they are not followed."""

    table: TableName
    relation: str
    how: str
    read_by: str
    rows: int | None = None


def shown_values(row: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    """A row as it may be shown: personal values masked, long texts shortened."""
    return {
        name: _PERSONAL
        if name in hidden and value is not None
        else shortened(value)
        if isinstance(value, str)
        else value
        for name, value in row.items()
    }


def rows_behind(
    bench: Workbench, graph: Graph, asset: ScoresAsset, key: str, snapshot: str | None, most: int
) -> list[dict[str, Any]]:
    """For every source table on the way: how many rows belong to the entity as of the snapshot, at most `most` of them,
    newest first, with file and line for raw tables; or why rows cannot be followed there."""
    waiting: list[_Step] = []
    if isinstance(asset, ExampleScoresAsset):
        where = f"cast({asset.source.entity_sql(asset.model)} as varchar) = {literal(key)}"
        source = asset.source.name
        waiting.append(
            _Step(source, f"(select * from {source.quoted} where {where})", "the scored row itself", str(asset.name))
        )
    elif snapshot is not None:
        for reader in _readers(graph, asset):
            waiting += _of_reader(bench, reader, asset.model.entity, key, snapshot)
    seen: dict[tuple[TableName, str], _Step] = {}
    while waiting:
        one = waiting.pop(0)
        before = seen.get((one.table, one.relation))
        if before is None:
            seen[one.table, one.relation] = one
            waiting += _further(bench, graph, one)
        elif one.read_by not in before.read_by:
            seen[one.table, one.relation] = replace(before, read_by=f"{before.read_by}, {one.read_by}")
    return [_told(bench, graph, one, asset.model.entity, most) for one in seen.values()]


def _readers(graph: Graph, asset: ScoresAsset) -> Iterator[TableAsset]:
    for name in asset.deps:
        found = graph.assets.get(name)
        if isinstance(found, FeatureSetAsset | PopulationAsset):
            yield found


def _of_reader(bench: Workbench, reader: TableAsset, entity: str, key: str, snapshot: str) -> Iterator[_Step]:
    """The tables that a feature set or population reads, cut to the rows that it could see of this entity."""
    assert isinstance(reader, FeatureSetAsset | PopulationAsset)
    statement, moment = reader.statement, snapshot_time(snapshot)
    window = reader.window(moment) if isinstance(reader, FeatureSetAsset) else Window.before(moment)
    known = {table: bench.columns(table.quoted) for table in statement.tables if bench.has_table(table)}
    origins = statement.column_lineage(known).get(entity, frozenset())
    for table, columns in known.items():
        visible = window.condition(reader.times[table])
        keyed = next((column for origin, column in sorted(origins) if origin == table), None)
        how = "rows of the entity, by column lineage of its key"
        if keyed is None and entity in columns and _joins_by(statement, table, entity):
            keyed, how = (
                entity,
                "rows of the entity, by a column of the key's name that the statement joins or groups by",
            )
        if keyed is None:
            rows = bench.value(f"select count(*) from {table.quoted} where {visible}")
            yield _Step(table, "", "read for all entities: no column of it is the key", str(reader.name), rows)
        else:
            where = f"cast({quoted(keyed)} as varchar) = {literal(key)} and {visible}"
            yield _Step(table, f"(select * from {table.quoted} where {where})", how, str(reader.name))


def _joins_by(statement: Statement, table: TableName, column: str) -> bool:
    return table in statement.tables and statement.shapes_rows_by(column)


def _further(bench: Workbench, graph: Graph, one: _Step) -> Iterator[_Step]:
    """What a followed SQL table is made from: rows that agree with it in all columns that it copies unchanged."""
    asset = graph.assets.get(one.table)
    statement = statement_of(asset) if asset is not None else None
    if not isinstance(asset, SqlTableAsset) or statement is None or not one.relation:
        return
    known = {table: bench.columns(table.quoted) for table in statement.tables if bench.has_table(table)}
    copied = statement.copied_columns(known)
    for table in known:
        pairs = {output: column for output, (source, column) in copied.items() if source == table}
        if not pairs:
            why = "not row by row: it is grouped or combined, no column is copied unchanged"
            yield _Step(table, "", why, str(one.table))
            continue
        same = " and ".join(
            f"s.{quoted(output)} is not distinct from r.{quoted(column)}" for output, column in sorted(pairs.items())
        )
        # What a row was made from cannot be newer than what could be seen of it: the rows followed are cut already.
        relation = f"(select * from {table.quoted} r where exists (select 1 from {one.relation} s where {same}))"
        how = f"rows that agree in {', '.join(sorted(set(pairs.values())))}, which are copied unchanged"
        yield _Step(table, relation, how, str(one.table))


def _told(bench: Workbench, graph: Graph, one: _Step, entity: str, most: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "table": str(one.table),
        "read_by": one.read_by,
        "how": one.how,
        "followed": bool(one.relation),
    }
    if not one.relation:
        return found | {"rows": one.rows, "shown": [], "files": []}
    asset = graph.assets.get(one.table)
    columns = bench.columns(one.table.quoted)
    order = [f"{quoted(name)} desc" for name in _times(asset) if name in columns]
    order += [quoted(name) for name in ("_file", "_row") if name in columns] or ["all"][: not order]
    listed = ", ".join(quoted(name) for name in columns if name != "_batch")
    shown = bench.records(f"select {listed} from {one.relation} order by {', '.join(order)} limit {most}")
    hidden = hidden_columns(bench, graph, one.table)
    found |= {
        "rows": bench.value(f"select count(*) from {one.relation}"), "used": _used(graph, one, columns, entity),
        "shown": [shown_values(row, hidden) for row in shown], "files": [],
    }  # fmt: skip
    if isinstance(asset, RawTableAsset):
        found["files"] = _files(bench, asset, one.relation)
        _add_lines(bench, asset, found["shown"])
    return found


def _used(graph: Graph, one: _Step, columns: Mapping[str, str], entity: str) -> list[str]:
    """Columns that the readers name, without the entity, which is the same in every row: what is worth looking at."""
    used: set[str] = set()
    for name in one.read_by.split(", "):
        reader = graph.assets.get(TableName.parse(name))
        statement = statement_of(reader) if reader is not None else None
        used |= set(columns) if statement is None else set(statement.columns_in_use(columns))
    found = [name for name in columns if name in used and name != entity and not name.startswith("_")]
    return sorted(found, key=lambda name: name not in _times(graph.assets.get(one.table)))


def _times(asset: TableAsset | None) -> list[str]:
    column = getattr(asset.spec, "event_time", None) if asset is not None else None
    return [column] if column else []


def _files(bench: Workbench, asset: RawTableAsset, relation: str) -> list[dict[str, Any]]:
    """The landing files that the rows came from, with the hash of the content that was loaded, most rows first."""
    return bench.records(
        f"select r._file as file, count(*) as rows, any_value(f.sha256) as sha256, any_value(f.loaded_at) as loaded_at from {relation} r "
        "left join wh.ops.files f on f.asset = ? and f.file = r._file group by 1 order by rows desc, file",
        [str(asset.name)],
    )


def _add_lines(bench: Workbench, asset: RawTableAsset, rows: Sequence[dict[str, Any]]) -> None:
    """Give rows their physical line where the file still has one line a record, as it had when it was loaded."""
    head = {CsvFormat: 1, JsonLinesFormat: 0}.get(type(asset.spec.format))
    if head is None:
        return
    folder = bench.warehouse.path.parent / "landing" / asset.use_case
    read = dict(
        bench.rows("select file, rows_read from wh.ops.files where asset = ? and list_contains(?, file)",
                   [str(asset.name), sorted({str(row["_file"]) for row in rows})])
    )  # fmt: skip
    plain = {file: _lines_in(folder / file) == records + head for file, records in read.items()}
    for row in rows:
        row["_line"] = row["_row"] + head if plain.get(row["_file"]) else None


def _lines_in(path: Path) -> int:
    """Lines of a text file; -1 where that is not cheaply told."""
    if not path.is_file() or path.stat().st_size > _COUNTED_BYTES:
        return -1
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        content: bytes = stream.read()
    return content.count(b"\n") + (not content.endswith(b"\n") and bool(content))
