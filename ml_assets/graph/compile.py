"""Declarations → one graph of assets. Every cross-reference is resolved here, or refused with its place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from ml_assets.errors import DeclarationError, UnknownNameError
from ml_assets.evaluation.evaluation import EvaluationAsset
from ml_assets.features.asof import TimeColumns
from ml_assets.features.feature_set import FeatureSetAsset
from ml_assets.features.labels import LabelAsset, PopulationAsset
from ml_assets.features.sql_table import SqlTableAsset
from ml_assets.features.statement import Statement, read_statement
from ml_assets.graph.examples import example_table, examples_of, refuse_misplaced_scores, scored_examples
from ml_assets.graph.monitors import monitor_assets, monitor_tables
from ml_assets.graph.production import operations_asset
from ml_assets.graph.project import Declaration, Project
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.monitoring.kpi_facts import own_table
from ml_assets.monitoring.reference import ReferenceAsset
from ml_assets.registry.champion import ChampionAsset
from ml_assets.scoring.example_scores import ExampleScoresAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs import (
    FeatureSetSpec,
    ModelSpec,
    MonitorSpec,
    OperationsSpec,
    RawTableSpec,
    ScoredOutputSpec,
    SqlTableSpec,
)
from ml_assets.specs.base import Described
from ml_assets.specs.times import SnapshotSpec
from ml_assets.training.example_set import ExampleSetAsset
from ml_assets.training.model import ModelAsset
from ml_assets.training.training_set import TRAINING_COLUMNS, TrainingSetAsset, is_kept
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.freshness import Delivery
from ml_assets.warehouse.names import SCHEMAS, TableName

S = TypeVar("S", bound=Described)


@dataclass(frozen=True)
class Graph:
    """Assets in an order in which each follows what it reads, and every declaration, also those that yield none."""

    assets: Mapping[TableName, TableAsset]
    declared_by: Mapping[TableName, Declaration]
    project: Project

    @property
    def operations(self) -> OperationsSpec | None:
        """How the project is run, where it says so."""
        return next((d.spec for d in self.project.declarations if isinstance(d.spec, OperationsSpec)), None)

    def __iter__(self) -> Iterator[TableAsset]:
        return iter(self.assets.values())

    def __getitem__(self, name: TableName) -> TableAsset:
        return self.assets[name]

    def of(self, declaration: Declaration) -> list[TableAsset]:
        """The assets that one declaration yields."""
        return [asset for name, asset in self.assets.items() if self.declared_by[name].spec == declaration.spec]

    def upstream(self, names: set[TableName]) -> set[TableName]:
        """`names` and everything they are made from."""
        found: set[TableName] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += [dep for dep in self.assets[name].deps if dep in self.assets]
        return found

    def downstream(self, names: set[TableName]) -> set[TableName]:
        """`names` and everything that is made from them; what only follows them, and reads none of it, is not."""
        found = set(names)
        for name, asset in self.assets.items():
            if found.intersection(asset.deps) and not asset.undeterred:
                found.add(name)
        return found


def compile_graph(project: Project) -> Graph:
    """Every declaration's assets, checked against each other."""
    return _Compiler(project).graph()


def tables_of(spec: Described) -> list[TableName]:
    """The tables that a declaration yields, by its name alone."""
    if isinstance(spec, ModelSpec):
        made = [TableName(schema, spec.name) for schema in ("training", "models", "evaluation")]
        made += [TableName("models", f"{spec.name}__{suffix}") for suffix in ("champion", "reference")]
        labels = [TableName("labels", spec.name), TableName("labels", f"{spec.name}__population")]
        return made if spec.source is not None else [*labels, *made]
    if isinstance(spec, MonitorSpec):
        return monitor_tables(spec)
    if isinstance(spec, OperationsSpec):
        return [own_table(spec)]
    schema = {RawTableSpec: "raw", FeatureSetSpec: "features", ScoredOutputSpec: "scores"}.get(type(spec))
    return [TableName(spec.table_schema if isinstance(spec, SqlTableSpec) else str(schema), spec.name)]


def _refuse_grid(
    spec: ModelSpec | ScoredOutputSpec, source: FeatureSetSpec | ModelSpec, what: str, declaration: Declaration
) -> None:
    """Raise where a table wants snapshots that what it reads never makes: it would wait for them for ever."""
    wanted, made = spec.snapshots, source.snapshots
    assert wanted is not None
    assert made is not None
    longer = wanted.last is not None and made.last is not None and wanted.last > made.last
    earlier = wanted.start is not None and made.start is not None and wanted.start < made.start
    if wanted.every != made.every or longer or earlier:
        raise DeclarationError(
            f"{what} needs snapshots that are not made", place=declaration.place_of("snapshots"),
            expected=f"snapshots among every {made.every}, {_reach(made)}", got=f"every {wanted.every}, {_reach(wanted)}",
            remedy=f"ask for fewer here, or let {source.name} make more",
        )  # fmt: skip


def _reach(snapshots: SnapshotSpec) -> str:
    return f"last {snapshots.last}" if snapshots.last is not None else f"from {snapshots.start}"


class _Compiler:
    def __init__(self, project: Project) -> None:
        self._project = project
        self._assets: dict[TableName, TableAsset] = {}
        self._declared: dict[TableName, Declaration] = {}
        self._features = {spec.name: spec for spec in self._of(FeatureSetSpec)}
        self._models = {spec.name: spec for spec in self._of(ModelSpec)}
        self._tables = {table for declaration in project.declarations for table in tables_of(declaration.spec)}
        self._times = dict(self._time_columns())

    def _of(self, kind: type[S]) -> list[S]:
        return [d.spec for d in self._project.declarations if isinstance(d.spec, kind)]

    def _time_columns(self) -> Iterator[tuple[TableName, TimeColumns]]:
        for declaration in self._project.declarations:
            spec = declaration.spec
            if isinstance(spec, RawTableSpec | SqlTableSpec) and spec.event_time is not None:
                yield tables_of(spec)[0], TimeColumns(spec.event_time, spec.available_at)

    def graph(self) -> Graph:
        watching = (MonitorSpec, OperationsSpec)
        for declaration in self._project.declarations:
            if not isinstance(declaration.spec, watching):
                self._take(declaration, self._assets_of(declaration))
        watched = dict(self._assets)
        for declaration in self._project.declarations:
            if isinstance(declaration.spec, MonitorSpec):
                self._take(declaration, monitor_assets(declaration, watched))
        # Last of all, because it is about everything.
        self._take_operations()
        order = self._order()
        for asset in self._assets.values():
            asset.personal = self._personal(asset.use_case)
            if isinstance(asset, TrainingSetAsset):
                asset.meanings = self._meanings(asset)
            if isinstance(asset, LabelAsset):
                asset.deliveries = self._deliveries(asset)
        return Graph({name: self._assets[name] for name in order}, self._declared, self._project)

    def _take_operations(self) -> None:
        declarations = [d for d in self._project.declarations if isinstance(d.spec, OperationsSpec)]
        if len(declarations) > 1:
            raise DeclarationError(
                "there are two declarations of operations", place=declarations[1].place, expected="one a project",
                got=f"also at {declarations[0].place}", remedy="remove one of them",
            )  # fmt: skip
        for declaration in declarations:
            self._take(declaration, [operations_asset(declaration, self._project, self._assets)])

    def _take(self, declaration: Declaration, assets: Iterable[TableAsset]) -> None:
        for asset in assets:
            if asset.name in self._assets:
                raise DeclarationError(
                    f"{asset.name} is declared twice", place=declaration.place, expected="every table once",
                    got=f"also at {self._assets[asset.name].place}", remedy="rename or remove one of them",
                )  # fmt: skip
            self._assets[asset.name] = asset
            self._declared[asset.name] = declaration

    def _meanings(self, asset: TableAsset) -> dict[TableName, str]:
        """The logic of everything that a table is made from, raw tables left out."""
        found: dict[TableName, str] = {}
        waiting = list(asset.deps)
        while waiting:
            read = self._assets.get(waiting.pop())
            if read is not None and read.name not in found and not isinstance(read, RawTableAsset):
                found[read.name] = read.logic
                waiting += read.deps
        return found

    def _deliveries(self, asset: TableAsset) -> tuple[Delivery, ...]:
        """Of the tables that a table is made from, those that declare how fresh they are; a table's own goes before its sources'."""
        found: dict[TableName, Delivery] = {}
        waiting, seen = list(asset.deps), set[TableName]()
        while waiting:
            read = self._assets.get(waiting.pop())
            if read is None or read.name in seen:
                continue
            seen.add(read.name)
            spec = read.spec
            if (
                isinstance(spec, RawTableSpec | SqlTableSpec)
                and spec.freshness is not None
                and spec.event_time is not None
            ):
                found[read.name] = Delivery(read.name, spec.event_time, spec.freshness, spec.calendar)
            else:
                waiting += read.deps
        return tuple(found[name] for name in sorted(found))

    def _personal(self, use_case: str) -> frozenset[str]:
        raw = [
            d.spec for d in self._project.declarations if isinstance(d.spec, RawTableSpec) and d.use_case == use_case
        ]
        return frozenset(name for spec in raw for name, column in spec.contract.columns.items() if column.pii)

    def _assets_of(self, declaration: Declaration) -> list[TableAsset]:
        spec, place, use_case = declaration.spec, declaration.place, declaration.use_case
        if isinstance(spec, RawTableSpec):
            return [RawTableAsset(spec, place, use_case)]
        if isinstance(spec, SqlTableSpec):
            return [SqlTableAsset(spec, self._statement(declaration, "sql"), place, use_case, self._times)]
        if isinstance(spec, FeatureSetSpec):
            return [FeatureSetAsset(spec, self._statement(declaration, "sql"), self._times, place, use_case)]
        if isinstance(spec, ModelSpec):
            return self._model_assets(declaration, spec)
        assert isinstance(spec, ScoredOutputSpec)
        if spec.model not in self._models:
            raise UnknownNameError("model", spec.model, self._models, place=declaration.place_of("model"))
        model = self._models[spec.model]
        if model.source is not None:
            learnt = example_table(self._offered(declaration, model.source)).features(model)
            table = scored_examples(
                declaration, spec, model, self._offered(declaration, spec.source or model.source), learnt
            )
            return [ExampleScoresAsset(spec, model, table, learnt, place, use_case)]
        refuse_misplaced_scores(declaration, spec, model)
        _refuse_grid(spec, model, f"scores of model {model.name}", declaration)
        return [ScoresAsset(spec, model, self._sets(model, declaration), place, use_case)]

    def _model_assets(self, declaration: Declaration, spec: ModelSpec) -> list[TableAsset]:
        place, use_case = declaration.place, declaration.use_case
        if spec.source is not None:
            table = examples_of(declaration, spec, self._offered(declaration, spec.source))
            self._refuse_unknown_features(spec, table.features(spec).columns, declaration)
            return [
                ExampleSetAsset(spec, table, place, use_case),
                ModelAsset(spec, {str(table.name): table.features(spec)}, place, use_case),
                EvaluationAsset(spec, place, use_case),
                ChampionAsset(spec, place, use_case),
                ReferenceAsset(spec, {str(table.name): table.features(spec)}, place, use_case),
            ]
        sets = self._sets(spec, declaration)
        for name, feature_set in sets.items():
            if feature_set.entity != spec.entity:
                raise DeclarationError(
                    f"feature set {name} is about another entity", place=declaration.place_of("features"), expected=spec.entity,
                    got=feature_set.entity, remedy="use feature sets of the model's entity",
                )  # fmt: skip
            _refuse_grid(spec, feature_set, f"a model of feature set {name}", declaration)
        self._refuse_repeated_features(spec, sets, declaration)
        population = self._statement(declaration, "label", "population")
        label = self._statement(declaration, "label", "sql")
        return [
            PopulationAsset(spec, population, self._times, place, use_case),
            LabelAsset(spec, label, self._times, place, use_case),
            TrainingSetAsset(spec, sets, place, use_case),
            ModelAsset(spec, sets, place, use_case),
            EvaluationAsset(spec, place, use_case),
            ChampionAsset(self._promoted(spec), place, use_case),
            ReferenceAsset(spec, sets, place, use_case),
        ]

    def _promoted(self, spec: ModelSpec) -> ModelSpec:
        """With the profile's promotion, where the model declares none."""
        declared = "promotion" in spec.model_fields_set
        return spec if declared else spec.model_copy(update={"promotion": self._project.promotion})

    def _refuse_repeated_features(
        self, spec: ModelSpec, sets: Mapping[str, FeatureSetSpec], declaration: Declaration
    ) -> None:
        seen: dict[str, str] = {}
        for name, feature_set in sets.items():
            for column in feature_set.columns:
                if column in seen and column not in spec.exclude:
                    raise DeclarationError(
                        f"feature {column} comes from two feature sets", place=declaration.place_of("features"),
                        expected="different names", got=f"{seen[column]} and {name}",
                        remedy="rename one of the columns, or list it under exclude",
                    )  # fmt: skip
                seen[column] = name
        self._refuse_unknown_features(spec, seen, declaration)

    def _refuse_unknown_features(self, spec: ModelSpec, seen: Collection[str], declaration: Declaration) -> None:
        beside = {spec.entity, *spec.carried}
        taken = [name for name in TRAINING_COLUMNS if name in beside or (name in seen and is_kept(spec, name))]
        if taken:
            raise DeclarationError(
                f"no feature, entity or group can be called {taken[0]}: the training set has a column of that name", place=declaration.place_of("features" if spec.features else "source"),
                expected=f"other names than {', '.join(TRAINING_COLUMNS)}", got=", ".join(taken),
                remedy="call it otherwise (the contract's `source` keeps the header of the file), or list it under exclude",
            )  # fmt: skip
        wanted = {"exclude": spec.exclude, "categorical": spec.categorical, "evaluation": spec.evaluation.watched}
        for field, names in wanted.items():
            unknown = sorted(set(names) - set(seen))
            if unknown:
                raise UnknownNameError("feature", unknown[0], seen, place=declaration.place_of(field))

    def _sets(self, spec: ModelSpec, declaration: Declaration) -> dict[str, FeatureSetSpec]:
        found = {}
        for name in spec.features:
            if name not in self._features:
                raise UnknownNameError("feature set", name, self._features, place=declaration.place_of("features"))
            found[name] = self._features[name]
        return found

    def _offered(self, declaration: Declaration, source: str) -> RawTableSpec | SqlTableSpec:
        """The declaration of the table that a model's `source` names."""
        specs: list[RawTableSpec | SqlTableSpec] = [*self._of(RawTableSpec), *self._of(SqlTableSpec)]
        tables = {str(name): spec for spec in specs for name in tables_of(spec)}
        if source not in tables:
            raise UnknownNameError("table", source, tables, place=declaration.place_of("source"))
        return tables[source]

    def _statement(self, declaration: Declaration, *field: str) -> Statement:
        """The statement that a field names; every table it reads is declared."""
        relative = reduce(getattr, field, declaration.spec)
        statement = read_statement(self._project.sql_root, str(relative), declared_at=declaration.place_of(*field))
        for table in statement.tables:
            if table not in self._tables:
                known = [str(name) for name in self._tables]
                raise UnknownNameError(
                    "table", str(table), known, place=f"{statement.shown}:{statement.line_of(str(table)) or 1}"
                )
        return statement

    def _order(self) -> list[TableName]:
        """Each after what it reads; among those that could come next, by stage of the walk and name."""
        sorter = TopologicalSorter({name: asset.deps for name, asset in self._assets.items()})
        order: list[TableName] = []
        try:
            sorter.prepare()
            while sorter.is_active():
                ready = sorted(sorter.get_ready(), key=lambda name: (SCHEMAS.index(name.schema), name))
                order += ready
                sorter.done(*ready)
            return order
        except CycleError as problem:
            circle = " → ".join(str(name) for name in problem.args[1])
            raise DeclarationError(
                "tables read each other in a circle", place=self._assets[problem.args[1][0]].place, expected="no circle",
                got=circle, remedy="take one of these reads away",
            ) from problem  # fmt: skip
