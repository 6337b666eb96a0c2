"""Performance of scores without snapshots: the outcomes are a column of the scored table."""

from __future__ import annotations

from collections.abc import Sequence

from ml_assets.monitoring.performance import PerformanceAsset
from ml_assets.monitoring.performance_promise import promise_contents
from ml_assets.scoring.example_scores import ExampleScoresAsset
from ml_assets.scoring.scores import VERSION
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.training.archive import read_archive
from ml_assets.training.versions import stored_version
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.computed import whole_inputs
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint, manifest_of
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench


class ExamplePerformanceAsset(PerformanceAsset):
    """`monitoring.<monitor>__performance` of a source table: grain (slice, metric), the snapshot is null.

    Rows that the version has learnt from, or was tested on, say nothing new and are left out.
    """

    def __init__(self, spec: MonitorSpec, scores: ExampleScoresAsset, place: str, use_case: str) -> None:
        super().__init__(spec, scores, None, None, place, use_case)
        self.examples = scores.source
        self.training = TableName("training", scores.model.name)

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (*super().deps, self.training, self.examples.name)

    @property
    def logic(self) -> str:
        return fingerprint("example_performance/1", super().logic, self.model.label_column.model_dump(mode="json"))

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        read = whole_inputs(bench, (self.scores.name, self.examples.name, self.training))
        scored = manifest_of(bench, self.scores.name).get(UNPARTITIONED)
        if scored is None:
            return {}
        version = scored.inputs[VERSION]
        promised = promise_contents(bench, self.model).get(int(version), "none")
        return {key: inputs | {f"promise of version {version}": promised} for key, inputs in read.items()}

    def waiting(self, key: str) -> str:
        return f"{self.examples.name} has no outcome of a row that the version has not seen"

    def rows_sql(self, bench: Workbench, context: RunContext, key: str) -> str:
        """SQL: as of every performance, from the rows of the scored table that are new to the version."""
        model, source, entity = self.model, self.examples, quoted(self.model.entity)
        labelled = model.label_column.column in source.columns
        names = [name for name in self.slice_columns if name not in model.carried]
        rows = source.rows_sql(model, names, labelled=labelled)
        cluster = quoted(model.cluster) if labelled or model.cluster == model.entity else entity
        query = (
            f"coalesce(cast({quoted(model.label.query)} as varchar), '')" if labelled and model.label.query else "''"
        )
        base = (
            f"(select r.*, s.score as _score{self._several}, s.model_version as _version, r.{cluster} as _cluster, "
            f"{'r.label' if labelled else 'null'} as _label, {query} as _query from ({rows}) r "
            f"join {self.scores.name.quoted} s on s.{entity} = r.{entity} "
            f"where r.{entity} not in (select name from seen))"
        )
        self._note_seen(bench, context)
        return f"select {self._wanted} from {base} order by _cluster, {entity}"

    def _note_seen(self, bench: Workbench, context: RunContext) -> None:
        """Temporary table `seen`: what the version has learnt from and, while its training set is the newest, was tested on."""
        entity = quoted(self.model.entity)
        version = int(bench.value(f"select coalesce(max(model_version), 0) from {self.scores.name.quoted}"))
        kind = bench.columns(self.scores.name.quoted)[self.model.entity]
        bench.execute(f"create or replace temp table seen (name {kind})")
        if not version:
            return
        stored = stored_version(bench, self.model.name, version).manifest["training_set"]
        learnt = read_archive(context.home, self.model.name, stored["archive"]).select([self.model.entity])
        bench.connection.register("learnt", learnt)
        bench.execute(f"insert into seen select {entity} from learnt where {entity} is not null")
        bench.connection.unregister("learnt")
        newest = manifest_of(bench, self.training).get(UNPARTITIONED)
        if newest is not None and newest.content == stored["content"]:
            bench.execute(f"insert into seen select {entity} from {self.training.quoted} where {entity} is not null")
