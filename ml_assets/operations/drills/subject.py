"""What of a project the faults are done to: a table with landing files of many days, its columns, and the model behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ml_assets.errors import DrillError
from ml_assets.features.labels import LabelAsset
from ml_assets.graph.compile import Graph
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.registry.champion import ChampionAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs.columns import ColumnSpec
from ml_assets.specs.models import LabelSpec
from ml_assets.specs.tables import RawTableSpec
from ml_assets.specs.times import SnapshotSpec, span_length
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench

LEAST_FILES = 12
_NUMBERS = ("float", "decimal", "integer")


@dataclass(frozen=True)
class DatedFile:
    """A landing file and the span of its events (UTC); `file` is relative to its table's landing folder."""

    table: TableName
    file: str
    first: datetime
    last: datetime
    rows: int


@dataclass(frozen=True)
class Subject:
    """The table whose files are harmed, and what hangs on it. `model` is None where no model with snapshots reads it."""

    table: RawTableAsset
    files: Mapping[TableName, Sequence[DatedFile]]
    measure: str | None
    nullable: str | None
    entity: str | None
    model: ChampionAsset | None
    labels: LabelAsset | None
    scores: ScoresAsset | None
    why_no_model: str

    @property
    def spec(self) -> RawTableSpec:
        return self.table.spec

    def source_of(self, column: str) -> str:
        """What the landing file calls a column."""
        return self.spec.contract.columns[column].source or column

    @property
    def snapshots(self) -> SnapshotSpec | None:
        return self.model.spec.snapshots if self.model is not None else None

    @property
    def horizon_weeks(self) -> int:
        """Weeks after which the outcome of a snapshot is known."""
        if self.model is None or self.labels is None:
            return 0
        label = self.model.spec.label
        return -(-span_length(label.horizon).days // 7) if isinstance(label, LabelSpec) else 0


def dated_files(bench: Workbench, graph: Graph) -> dict[TableName, list[DatedFile]]:
    """Inside a reading block: table → the landing files that gave it rows, oldest first; tables without event time not at all."""
    found: dict[TableName, list[DatedFile]] = {}
    for asset in graph:
        if not isinstance(asset, RawTableAsset) or asset.spec.event_time is None or not bench.has_table(asset.name):
            continue
        event = quoted(asset.spec.event_time)
        rows = bench.rows(
            f"select _file, min({event})::timestamp, max({event})::timestamp, count(*) from {asset.name.quoted} "
            f"where {event} is not null group by 1 order by 3, 1"
        )
        found[asset.name] = [
            DatedFile(asset.name, file, first.replace(tzinfo=UTC), last.replace(tzinfo=UTC), count)
            for file, first, last, count in rows
        ]
    return found


def subject_of(bench: Workbench, graph: Graph) -> Subject:
    """Inside a reading block: the table with most rows among those with files of many days, one that a model reads first.

    Raises `DrillError` where no table has them.
    """
    files = dated_files(bench, graph)
    daily = [name for name, dated in files.items() if len({each.last.date() for each in dated}) >= LEAST_FILES]
    if not daily:
        counts = ", ".join(f"{name}: {len(dated)}" for name, dated in files.items()) or "no table with an event_time"
        raise DrillError(
            "there is no table whose files could be held back and given back", got=counts,
            expected=f"a raw table with an event_time and landing files that end on {LEAST_FILES} different days or more",
            remedy="hold the drill on the demonstration shop: ml-assets drill faults --demo",
        )  # fmt: skip
    models = [asset for asset in graph if isinstance(asset, ChampionAsset)]
    rows = {name: sum(each.rows for each in files[name]) for name in daily}
    read = {name for name in daily if any(name in graph.upstream({model.name}) for model in models)}
    chosen = max(read or daily, key=lambda name: (rows[name], str(name)))
    table = graph[chosen]
    assert isinstance(table, RawTableAsset)
    return _described(graph, table, files, [m for m in models if chosen in graph.upstream({m.name})])


def _described(
    graph: Graph, table: RawTableAsset, files: Mapping[TableName, Sequence[DatedFile]], models: Sequence[ChampionAsset]
) -> Subject:  # fmt: skip
    windowed = [model for model in models if model.spec.snapshots is not None and model.spec.source is None]
    model = windowed[0] if windowed else None
    why = (
        ""
        if model
        else "no model with snapshots reads the table"
        if not models
        else "its model is of a flat table: no snapshots"
    )
    labels = graph.assets.get(TableName("labels", model.spec.name)) if model else None
    scores = next(
        (each for each in graph if isinstance(each, ScoresAsset) and model is not None and each.model.name == model.spec.name), None
    )  # fmt: skip
    columns = table.spec.contract.columns
    roles = {*table.spec.key, table.spec.event_time, table.spec.available_at}
    entity = model.spec.entity if model is not None and model.spec.entity in columns else None
    return Subject(
        table, files, _measure(columns, {*roles, entity}), _nullable(columns, roles, entity), entity, model,
        labels if isinstance(labels, LabelAsset) else None, scores, why,
    )  # fmt: skip


def _measure(columns: Mapping[str, ColumnSpec], roles: set[str | None]) -> str | None:
    """The number that a change of unit would be about: one with a unit, a fraction rather than a count."""
    numbers = [
        name for name, spec in columns.items() if spec.type in _NUMBERS and name not in roles and spec.allowed is None
    ]
    return min(numbers, key=lambda name: (columns[name].unit is None, _NUMBERS.index(columns[name].type)), default=None)


def _nullable(columns: Mapping[str, ColumnSpec], roles: set[str | None], entity: str | None) -> str | None:
    """The column whose values go missing: the entity, else another one."""
    if entity is not None:
        return entity
    others = [name for name in columns if name not in roles]
    return min(others, key=lambda name: not columns[name].nullable, default=None)
