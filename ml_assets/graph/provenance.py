"""From one entity's features back to source rows and landing files, as far as keys and copied columns can be followed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from ml_assets.graph.origin import columns_of
from ml_assets.ingest.raw_table import RawTableAsset
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
class _Traced:
    """Rows of one table that belong to the entity: SQL of them, how they were found, and what was read of the table."""

    table: TableName
    relation: str
    how: str
    read_by: str


def shown_values(row: Mapping[str, Any], hidden: frozenset[str]) -> dict[str, Any]:
    """A row as it may be shown: personal values masked, long texts shortened."""
    return {
        name: _PERSONAL if name in hidden and value is not None else shortened(value) if isinstance(value, str) else value
        for name, value in row.items()
    }


def rows_behind(
    bench: Workbench, graph: Graph, asset: ScoresAsset, key: str, snapshot: str | None, most: int
) -> list[dict[str, Any]]:
    """For every source table on the way: how many rows belong to the entity as of the snapshot, at most `most` of them,
    newest first, with file and line for raw tables; or why rows cannot be followed there."""
    found: list[dict[str, Any]] = []
    traced: list[_Traced] = []
    if snapshot is None:
        source = TableName.parse(str(getattr(asset.model, "source", "")))
        where = f"cast({quoted(asset.model.entity)} as varchar) = {literal(key)}"
        traced.append(_Traced(source, f"(select * from {source.quoted} where {where})", "the scored row itself", str(asset.name)))
    else:
        for reader in _readers(graph, asset):
            for one in _of_reader(bench, graph, reader, asset.model.entity, key, snapshot):
                (traced if isinstance(one, _Traced) else found).append(one)  # type: ignore[arg-type]
    seen: dict[TableName, _Traced] = {}
    while traced:
        one = traced.pop(0)
        if one.table in seen:
            continue
        seen[one.table] = one
        for further in _further(bench, graph, one):
            if isinstance(further, _Traced):
                traced.append(further)
            elif not any(said["table"] == further["table"] and said["read_by"] == further["read_by"] for said in found):
                found.append(further)
    followed = [_told(bench, graph, one, most) for one in seen.values()]
    reached = {one["table"] for one in followed}
    return followed + [one for one in found if one["table"] not in reached]


def _readers(graph: Graph, asset: ScoresAsset) -> Iterator[TableAsset]:
    for name in asset.deps:
        found = graph.assets.get(name)
        if isinstance(found, FeatureSetAsset | PopulationAsset):
            yield found


def _untraced(table: TableName, read_by: str, why: str, rows: int | None) -> dict[str, Any]:
    return {"table": str(table), "read_by": read_by, "rows": rows, "followed": False, "how": why, "shown": [], "files": []}


def _of_reader(
    bench: Workbench, graph: Graph, reader: TableAsset, entity: str, key: str, snapshot: str
) -> Iterator[_Traced | dict[str, Any]]:
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
            keyed, how = entity, "rows of the entity, by a column of the key's name that the statement joins or groups by"
        if keyed is None:
            rows = bench.value(f"select count(*) from {table.quoted} where {visible}")
            yield _untraced(table, str(reader.name), "read for all entities: no column of it is the key", rows)
        else:
            where = f"cast({quoted(keyed)} as varchar) = {literal(key)} and {visible}"
            yield _Traced(table, f"(select * from {table.quoted} where {where})", how, str(reader.name))


def _joins_by(statement: Statement, table: TableName, column: str) -> bool:
    return table in statement.tables and statement.shapes_rows_by(column)


def _further(bench: Workbench, graph: Graph, one: _Traced) -> Iterator[_Traced | dict[str, Any]]:
    """What a followed SQL table is made from: rows that agree with it in all columns that it copies unchanged."""
    asset = graph.assets.get(one.table)
    statement = statement_of(asset) if asset is not None else None
    if not isinstance(asset, SqlTableAsset) or statement is None:
        return
    known = {table: bench.columns(table.quoted) for table in statement.tables if bench.has_table(table)}
    copied = statement.copied_columns(known)
    for table in known:
        pairs = {output: column for output, (source, column) in copied.items() if source == table}
        if not pairs:
            why = "not row by row: it is grouped or combined, no column is copied unchanged"
            yield _untraced(table, str(one.table), why, None)
            continue
        same = " and ".join(f"s.{quoted(output)} is not distinct from r.{quoted(column)}" for output, column in sorted(pairs.items()))
        # What a row was made from cannot be newer than what could be seen of it: the rows followed are cut already.
        relation = f"(select * from {table.quoted} r where exists (select 1 from {one.relation} s where {same}))"
        how = f"rows that agree in {', '.join(sorted(set(pairs.values())))}, which are copied unchanged"
        yield _Traced(table, relation, how, str(one.table))


def _told(bench: Workbench, graph: Graph, one: _Traced, most: int) -> dict[str, Any]:
    asset = graph.assets.get(one.table)
    columns = bench.columns(one.table.quoted)
    rows = bench.value(f"select count(*) from {one.relation}")
    listed = ", ".join(quoted(name) for name in columns if name not in ("_batch",))
    order = [quoted(name) + " desc" for name in _times(asset) if name in columns] + [quoted(n) for n in ("_file", "_row") if n in columns]
    shown = bench.records(f"select {listed} from {one.relation} order by {', '.join([*order, 'all'][: len(order) or 1])} limit {most}")
    hidden = frozenset() if asset is None else asset.personal | {name for name, spec in columns_of(asset).items() if spec.pii}
    found = {
        "table": str(one.table), "read_by": one.read_by, "rows": rows, "followed": True, "how": one.how,
        "shown": [shown_values(row, hidden) for row in shown], "files": [],
    }  # fmt: skip
    if isinstance(asset, RawTableAsset):
        found["files"] = _files(bench, asset, one.relation)
        _add_lines(bench, asset, found["shown"])
    return found


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
