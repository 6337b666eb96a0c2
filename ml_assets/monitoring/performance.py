"""How good scores are: observed as outcomes mature, beside what was promised and what can be estimated until then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ml_assets.features.labels import LabelAsset
from ml_assets.monitoring.base_rate import Projection
from ml_assets.monitoring.base_rate_rows import BASE_RATE_COLUMNS, BaseRateRow, OutcomeHistory, reference_contents
from ml_assets.monitoring.early_outcomes import EarlyOutcomesAsset
from ml_assets.monitoring.monitor_page import write_monitor_page
from ml_assets.monitoring.performance_checks import performance_checks, verdicts
from ml_assets.monitoring.performance_facts import performance_facts
from ml_assets.monitoring.performance_promise import Promise, promise_contents, read_promise
from ml_assets.monitoring.performance_rows import PERFORMANCE_COLUMNS, WatchedRows, performance_rows
from ml_assets.scoring.scores import VERSION, ScoresAsset
from ml_assets.specs.evaluation import SliceSpec
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.specs.times import SnapshotSpec, snapshot_key, snapshot_time
from ml_assets.training.matrix import arrow_rows
from ml_assets.training.training_set import joined_features
from ml_assets.warehouse.asset import AssetReport, RunContext
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.manifest import fingerprint, manifest_of, naive_utc
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.store import Workbench

# Enough for an interval; an evaluation, which is made once a version, may take more.
_MOST_DRAWS = 300
_NO_RATE = "not applicable: only binary tasks with an outcome window show their base rate before it has passed"


class PerformanceAsset(ComputedTable):
    """`monitoring.<monitor>__performance`: grain (snapshot, slice, metric); beside it `monitoring.<monitor>__base_rate`:
    grain (snapshot, age of the outcome window).

    A snapshot is made again when its outcomes mature; the estimate, which needs none, then stands beside what is observed.
    """

    kinds = ("duckdb",)

    def __init__(
        self, spec: MonitorSpec, scores: ScoresAsset, labels: LabelAsset | None, early: EarlyOutcomesAsset | None, place: str,
        use_case: str,
    ) -> None:  # fmt: skip
        super().__init__(TableName("monitoring", f"{spec.name}__performance"), spec, place, use_case=use_case)
        self.spec: MonitorSpec = spec
        self.scores = scores
        self.labels = labels
        self.early = early
        self.rates = TableName("monitoring", f"{spec.name}__base_rate")

    @property
    def description(self) -> str:
        return f"Every metric of {self.scores.name} by snapshot and slice: observed, promised, and estimated while outcomes are missing."

    @property
    def model(self) -> ModelSpec:
        return self.scores.model

    @property
    def snapshots(self) -> SnapshotSpec | None:
        return self.scores.snapshots

    @property
    def deps(self) -> tuple[TableName, ...]:
        early = () if self.early is None else (self.early.name,)
        return (*self._evaluated, *self._features, *self._labelled, *early, self.scores.name)

    @property
    def _evaluated(self) -> tuple[TableName, ...]:
        return (TableName("evaluation", self.model.name), TableName("models", self.model.name))

    @property
    def _labelled(self) -> tuple[TableName, ...]:
        return () if self.labels is None else (self.labels.name,)

    @property
    def _features(self) -> tuple[TableName, ...]:
        """Feature sets that hold a column of a slice."""
        return tuple(
            TableName("features", name)
            for name in self.model.features
            if any(column in self.scores.sets[name].columns for column in self.slice_columns)
        )

    @property
    def slices(self) -> tuple[SliceSpec, ...]:
        """Those of the monitor, else those of the model's evaluation."""
        return self.spec.slices or self.model.evaluation.slices

    @property
    def slice_columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column for part in self.slices for column in part.columns))

    @property
    def logic(self) -> str:
        judged = self.spec.false_alarms.model_dump(mode="json")
        slices = [part.model_dump(mode="json") for part in self.slices]
        return fingerprint("performance/2", slices, self.model.task, self.model.cluster, self._draws, judged)

    @property
    def _draws(self) -> int:
        return min(_MOST_DRAWS, self.model.evaluation.draws)

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        promised = promise_contents(bench, self.model)
        scored = manifest_of(bench, self.scores.name)
        others = {table: manifest_of(bench, table) for table in (*self._labelled, *self._features)}
        early = {} if self.early is None else manifest_of(bench, self.early.name)
        compared = self._compared(bench, context, partitions)
        found = {}
        for key in partitions:
            if key not in scored:
                continue
            version = scored[key].inputs[VERSION]
            read = {str(table): known[key].content for table, known in others.items() if key in known}
            read |= {
                str(self.scores.name): scored[key].content,
                f"promise of version {version}": promised.get(int(version), "none"),
            }
            if self.early is not None and key in early:
                read |= {str(self.early.name): early[key].content, "earlier snapshots": compared.get(key, "none")}
            found[key] = read
        return found

    def _compared(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, str]:
        if self.early is None or self.labels is None:
            return {}
        return reference_contents(
            bench, self.early.name, self.labels.name, self.labels.horizon, partitions, context.now
        )

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        history = None
        if self.early is not None and self.labels is not None:
            history = OutcomeHistory.read(bench, self.early.name, self.labels.name, self.labels.horizon)
        promises: dict[int, Promise] = {}
        measured: list[list[Any]] = []
        rated: list[list[Any]] = []
        for done, key in enumerate(partitions, 1):
            table = arrow_rows(bench, self.rows_sql(bench, context, key))
            version = int(table["_version"][0].as_py()) if table.num_rows else 0
            if version and version not in promises:
                promises[version] = read_promise(bench, self.model, version)
            if version:
                moment = naive_utc(snapshot_time(key)) if key else None
                rates, rows = self._measured(table, key, context, promises[version], history)
                measured += [[moment, *row.values] for row in rows]
                rated += [[moment, *rate] for rate in rates]
            context.progress(str(self.name), done, len(partitions))
        _stage(bench, "measured", PERFORMANCE_COLUMNS, measured)
        _stage(bench, "rated", BASE_RATE_COLUMNS, rated)
        judges = verdicts(self.spec, self.model, self.snapshots)
        return Staged(
            "(select * from measured order by all)", performance_facts(bench, self.name, self.model.task, judges)
        )

    def _measured(
        self, table: pa.Table, key: str, context: RunContext, promise: Promise, history: OutcomeHistory | None
    ) -> tuple[list[BaseRateRow], list[Any]]:
        rows = WatchedRows.of(self.model.task, table, self.slice_columns)
        rates: list[BaseRateRow] = []
        projection: Projection | str = _NO_RATE
        if history is not None:
            rates, projection = history.rows_of(key, context.now, promise.version, rows.score)
        found = performance_rows(
            rows,
            promise,
            promise.fixed(self.slices),
            draws=self._draws,
            waiting=self.waiting(key),
            projection=projection,
        )
        return rates, found

    def materialize(self, context: RunContext, partitions: Sequence[str]) -> AssetReport:
        """As every computed table; what is new also rewrites the monitor's page."""
        report = super().materialize(context, partitions)
        if report.changed:
            write_monitor_page(context, self.spec, self.scores)
        return report

    def waiting(self, key: str) -> str:
        """Why outcomes of a partition are missing where they are."""
        assert self.labels is not None
        ends = snapshot_key(snapshot_time(key) + self.labels.horizon)
        grid = self.scores.spec.grid
        if (
            grid.last is not None
            and grid.step(snapshot_time(key), grid.last) < snapshot_time(key) + self.labels.horizon
        ):
            return f"outcomes are known on {ends}, when these scores are no longer kept: declare a longer `last` of {self.scores.name}"
        return f"outcomes are known on {ends}"

    def rows_sql(self, bench: Workbench, context: RunContext, key: str) -> str:
        """SQL: scored rows of a partition with `_score`, `_scores`, `_version`, `_cluster`, `_query`, `_label` and slice columns."""
        assert self.labels is not None
        entity = quoted(self.model.entity)
        at = f"snapshot = timestamp {literal(key)}"
        scored = f"(select * from {self.scores.name.quoted} where {at})"
        labels, known = "(select 1) l on true", "null as _label, '' as _query"
        if bench.has_table(self.labels.name):
            query = (
                f"coalesce(cast(l.{quoted(self.model.label.query)} as varchar), '')" if self.model.label.query else "''"
            )
            labels = f"(select * from {self.labels.name.quoted} where {at}) l on l.{entity} = s.{entity}"
            known = f"l.label as _label, {query} as _query"
        base = (
            f"(select s.snapshot, s.{entity}, s.score as _score{self._several}, s.model_version as _version, "
            f"s.{entity} as _cluster, {known} from {scored} s left join {labels})"
        )
        source = joined_features(self.model, self.scores.sets, base) if self.slice_columns else f"select * from {base}"
        return f"select {self._wanted} from ({source}) order by _cluster"

    @property
    def _wanted(self) -> str:
        """SQL: the columns of `rows_sql`."""
        several = ("_scores",) if self.model.task == "multiclass" else ()
        return ", ".join(
            ("_score", *several, "_version", "_cluster", "_label", "_query", *map(quoted, self.slice_columns))
        )

    @property
    def _several(self) -> str:
        return ", s.scores as _scores" if self.model.task == "multiclass" else ""

    def after_write(self, bench: Workbench, context: RunContext, staged: Staged) -> None:
        made = [row[0] for row in bench.rows("select distinct snapshot from measured")]
        if self.early is not None:
            bench.replace_rows(self.rates, "rated", "snapshot", made)

    @property
    def checks(self) -> tuple[Check, ...]:
        return performance_checks(self.spec, self.model, self.snapshots, self.rates)


def _stage(bench: Workbench, name: str, columns: str, rows: Sequence[Sequence[Any]]) -> None:
    bench.execute(f"create or replace temp table {name} ({columns})")
    if rows:
        values = [list(column) for column in zip(*rows, strict=True)]
        bench.execute(f"insert into {name} select {', '.join(['unnest(?)'] * len(values))}", values)
