"""What is looked at: a project's graph, its state, and how its profile says that it is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from ml_assets.graph.compile import Graph
from ml_assets.scoring.example_scores import ExampleScoresAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs.monitors import MonitorSpec, OperationsSpec
from ml_assets.specs.profiles import ProfileSpec
from ml_assets.specs.times import span_length
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.names import TableName


@dataclass(frozen=True)
class Watch:
    """A project as the person on duty has it before them; the clock of `context` was read once."""

    context: RunContext
    graph: Graph
    profile: ProfileSpec = field(default_factory=ProfileSpec)

    @property
    def operations(self) -> OperationsSpec:
        """How the project is run; defaults where it declares nothing."""
        return self.graph.operations or OperationsSpec(name="operations")

    def asset(self, name: str) -> TableAsset | None:
        """An asset by the text of its name; None for the machine itself and for what nobody declares any more."""
        return self.graph.assets.get(TableName.parse(name)) if name else None

    def monitors_of(self, name: str) -> Iterator[MonitorSpec]:
        """The monitors that watch a table or scores."""
        for declaration in self.graph.project.declarations:
            spec = declaration.spec
            if isinstance(spec, MonitorSpec) and str(watched_by(spec)) == name:
                yield spec

    def allowed_age(self, asset: TableAsset) -> timedelta:
        """How long ago a table may have been made while something waits to be made of it."""
        if asset.max_age is not None:
            return span_length(asset.max_age)
        if asset.snapshots is not None:
            start = asset.snapshots.floor(self.context.now)
            return start - asset.snapshots.step(start, -1) + timedelta(days=1)
        return span_length(self.profile.fresh_for)

    def scores(self) -> list[ScoresAsset | ExampleScoresAsset]:
        """Every scored output: what products depend on."""
        return [asset for asset in self.graph if isinstance(asset, ScoresAsset | ExampleScoresAsset)]


def subject_of(asset: TableAsset) -> TableName:
    """The table that an asset's checks are about: a monitor speaks of what it watches, everything else of itself."""
    return watched_by(asset.spec) if isinstance(asset.spec, MonitorSpec) else asset.name


def watched_by(monitor: MonitorSpec) -> TableName:
    """The table or the scores that a monitor is declared for."""
    return TableName.parse(monitor.table) if monitor.table is not None else TableName("scores", str(monitor.scores))
