"""What a changed declaration means for those who use the tables: each change, whether it is breaking, what it reaches.

Breaking is what keeps a consumer from running or lets it mean something else: a column that is gone or of another type
and used, another meaning of a feature or label of a model that serves, a contract stricter than rows there are, snapshots
that are no longer made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from ml_assets.graph.binding import Columns, PlannedColumns
from ml_assets.graph.compile import Graph
from ml_assets.graph.declared import DeclaredAs, declared_as
from ml_assets.graph.differences import Difference, changed_sql, differences
from ml_assets.graph.meaning import changed_outputs
from ml_assets.graph.reach import Reach, reach, sources_of
from ml_assets.graph.stricter import LATER, broken_contract, is_contract, refused_by_gate
from ml_assets.specs.times import SnapshotSpec
from ml_assets.training.model import ModelAsset
from ml_assets.training.versions import stored_version
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

_OUTCOME = ("label", "task", "entity", "features", "exclude", "source")


@dataclass(frozen=True)
class Change:
    """One difference. `breaking` is None where only the run can tell; `because` says why in words.

    `reaches`: models with their features and scores; `lineage`: how that is known, empty where nothing is reached.
    """

    asset: str
    place: str
    what: str
    breaking: bool | None
    because: str = ""
    reaches: tuple[str, ...] = ()
    lineage: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class World:
    """What changes are judged by: the graph, columns before and after, which version of each model serves, the warehouse."""

    graph: Graph
    before: Mapping[TableName, Columns]
    planned: PlannedColumns
    serving: Mapping[str, int]
    now: datetime
    bench: Workbench
    there: Mapping[TableName, Columns] = field(default_factory=dict)

    @property
    def known(self) -> dict[TableName, Columns]:
        """Columns that statements may name: those planned, and those there were."""
        return {**self.there, **self.before, **self.planned.tables}

    def reach(self, asset: TableName, columns: frozenset[str] | None) -> Reach:
        return reach(self.graph, self.known, asset, columns)


def changes(
    world: World, before: Mapping[TableName, DeclaredAs], gone: Iterable[TableName], *, added: bool
) -> list[Change]:
    """Every change, breaking ones first. `gone` are tables that nobody declares any more; `added` tells of new ones too."""
    found = [_gone(name, before.get(name)) for name in sorted(gone)]
    for asset in world.graph:
        found += _problem(world, asset)
        earlier = before.get(asset.name)
        if earlier is None:
            found += [Change(str(asset.name), asset.place, "added", False)] if added else []
        found += _columns(world, asset)
        if earlier is not None:
            found += _statements(world, asset, earlier)
            found += [
                _field(world, asset, one) for one in differences(earlier, declared_as(asset)) if not _is_told(one)
            ]
    return sorted(found, key=lambda change: (change.breaking is not True, change.breaking is not None))


def _is_told(one: Difference) -> bool:
    """Whether another function speaks of it: texts of SQL files, and columns that came, went or changed their type."""
    parts = one.field.removeprefix("contract.").split(".")
    is_column = parts[0] == "columns" and (len(parts) == 2 or parts[-1] == "type")
    return (one.field.endswith(".sql") and one.was == "an earlier text") or is_column


def _gone(name: TableName, earlier: DeclaredAs | None) -> Change:
    breaking = name.schema in ("scores", "models")
    because = "nobody makes it any more; what was made stays as it is" + (" and grows old" if breaking else "")
    return Change(str(name), earlier.place if earlier else "", "no longer declared", breaking, because)


def _problem(world: World, asset: TableAsset) -> Iterator[Change]:
    problem = world.planned.problems.get(asset.name)
    if problem is not None:
        got = f": {problem.got}" if problem.got else ""
        touched = _touched(world.reach(asset.name, None))
        yield Change(
            str(asset.name),
            str(problem.place or asset.place),
            "would not run",
            True,
            f"{problem.subject}{got}",
            *touched,
        )


def _touched(found: Reach) -> tuple[tuple[str, ...], str]:
    return tuple(map(str, found.models)), found.lineage if found.models else ""


def _columns(world: World, asset: TableAsset) -> Iterator[Change]:
    """Columns that came, went, or are of another type than those there were."""
    was, now = world.before.get(asset.name), world.planned.tables.get(asset.name)
    if was is None or now is None:
        return
    for column, kind in was.items():
        if now.get(column) == kind:
            continue
        found = world.reach(asset.name, frozenset({column}))
        users = [str(name) for name in found.columns if name != asset.name]
        used = bool(users or found.models)
        if column in now:
            because = (
                f"used by {', '.join(users[:3]) or 'a model'}, where it would mean something else"
                if used
                else "nobody reads it"
            )
            yield Change(
                str(asset.name),
                _place_of_column(world, asset, column),
                f"column {column}: {kind} → {now[column]}",
                used,
                because,
                *_touched(found),
            )
        else:
            yield _lost(world, asset, column, users)
    new = [column for column in now if column not in was]
    if new:
        yield Change(str(asset.name), asset.place, f"columns added: {', '.join(new)}", False)


def _place_of_column(world: World, asset: TableAsset, column: str) -> str:
    declaration = world.graph.declared_by[asset.name]
    path = ("contract", "columns", column) if asset.name.schema == "raw" else ("columns", column)
    return declaration.place_of(*path)


def _lost(world: World, asset: TableAsset, column: str, users: list[str]) -> Change:
    served = list(_served_features(world, asset.name, column))
    if served:
        because = f"{' and '.join(served)} needs it: no new scores until a version without it serves"
    elif users:
        because = f"still read by {', '.join(users[:3])}"
    elif learners := _learners_not_serving(world, asset.name):
        because = f"{' and '.join(learners)} learns from it: breaking where a version that did serves, which is not known here"
        return Change(str(asset.name), asset.place, f"column {column} removed", None, because)
    else:
        because = "no declared table reads it"
    return Change(str(asset.name), asset.place, f"column {column} removed", bool(served or users), because)


def _learners_not_serving(world: World, table: TableName) -> list[str]:
    """Models that learn from a table and of which no version is known to serve, as in a clone without a warehouse."""
    return [
        asset.spec.name for asset in world.graph
        if isinstance(asset, ModelAsset) and table in sources_of(asset.spec) and asset.spec.name not in world.serving
    ]  # fmt: skip


def _served_features(world: World, table: TableName, column: str) -> Iterator[str]:
    """Versions that serve and were trained on this column of this table."""
    for model, version in world.serving.items():
        asset = world.graph.assets.get(TableName("models", model))
        if not isinstance(asset, ModelAsset) or table not in sources_of(asset.spec):
            continue
        if column in stored_version(world.bench, model, version).manifest["features"]:
            yield f"{model}@{version}"


def _statements(world: World, asset: TableAsset, earlier: DeclaredAs) -> Iterator[Change]:
    for path in changed_sql(earlier, declared_as(asset)):
        outputs = changed_outputs(world.known, earlier.sql[path], asset)
        if outputs is not None and not outputs:
            yield Change(str(asset.name), path, f"{path} says the same in other words", False)
            continue
        if outputs is not None:
            # Columns that came and went are told as such.
            outputs &= frozenset(world.before.get(asset.name, outputs)) & frozenset(
                world.planned.tables.get(asset.name, outputs)
            )
            if not outputs:
                continue
        found = world.reach(asset.name, outputs)
        said = f"{path} changed" + (f": {', '.join(sorted(outputs)[:5])}" if outputs else ": its rows")
        breaking, because = _meaning(world, found)
        yield Change(str(asset.name), path, said, breaking, because, *_touched(found))


def _meaning(world: World, found: Reach) -> tuple[bool, str]:
    """Whether another meaning of what these models learn from is breaking: it is where one of them serves."""
    served = [f"{one.model}@{world.serving[one.model]}" for one in found.models if one.model in world.serving]
    if served:
        return True, f"{' and '.join(served)} serves with the earlier meaning: a new version is needed"
    return False, "no model that serves is reached"


def _field(world: World, asset: TableAsset, one: Difference) -> Change:
    place = world.graph.declared_by[asset.name].place_of(*one.field.split("."))
    name, word = str(asset.name), one.field.split(".")[0]
    kind = declared_as(asset).kind
    if word == "snapshots":
        return Change(name, place, str(one), *_snapshots(one, asset, world.now))
    if is_contract(one.field):
        return Change(name, place, str(one), *broken_contract(world.bench, asset, one, world.there.get(asset.name)))
    if kind == "Model" and word == "gate":
        return Change(name, place, str(one), *refused_by_gate(world.bench, asset, world.serving))
    if kind == "Model" and word in _OUTCOME:
        served = world.serving.get(asset.spec.name)
        because = (
            "no version serves"
            if served is None
            else f"{asset.spec.name}@{served} serves with the earlier meaning: a new version is needed"
        )
        return Change(name, place, str(one), served is not None, because)
    if kind == "ScoredOutput" and word in ("model", "alias", "version"):
        return Change(name, place, str(one), True, "scores of another model or version mean something else")
    if kind == "RawTable" and word in ("format", "files"):
        return Change(name, place, str(one), None, LATER)
    if word in ("event_time", "available_at", "ttl", "entity", "sql"):
        found = world.reach(asset.name, None)
        return Change(name, place, str(one), *_meaning(world, found), *_touched(found))
    return Change(
        name,
        place,
        str(one),
        False,
        "a new version is trained and judged"
        if kind == "Model" and asset.name.schema in ("training", "models")
        else "",
    )


def _snapshots(one: Difference, asset: TableAsset, now: datetime) -> tuple[bool, str]:
    grid = asset.snapshots
    if grid is None:
        return False, ""
    fields = grid.model_dump(mode="json")
    name = one.field.partition(".")[2]
    was = (
        SnapshotSpec.model_validate({**fields, name: one.was} if name else one.was)
        if _is_valid(fields, name, one)
        else None
    )
    if was is None:
        return True, "another grid of snapshots: earlier ones are no longer made"
    lost = sorted(set(was.keys(now)) - set(grid.keys(now)))
    if not lost:
        return False, "no snapshot is lost"
    return True, f"{len(lost)} snapshots are no longer made: {lost[0]} … {lost[-1]}"


def _is_valid(fields: Mapping[str, Any], name: str, one: Difference) -> bool:
    if not name:
        return isinstance(one.was, Mapping)
    proposed = {**fields, name: one.was}
    return (proposed.get("last") is None) != (proposed.get("start") is None) and proposed.get("every") is not None
