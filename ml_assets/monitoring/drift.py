"""Drift: what a version sees and says now against what it was judged on, snapshot by snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ml_assets.monitoring.drift_checks import drift_checks
from ml_assets.monitoring.drift_relations import UNIT, outcomes, scored_rows, training_read
from ml_assets.monitoring.measures import LABEL, REFERENCE_LOGIC
from ml_assets.scoring.scores import VERSION, ScoresAsset
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.specs.times import SnapshotSpec, snapshot_time
from ml_assets.warehouse.asset import AssetReport, RunContext
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint, manifest_of, naive_utc
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

if TYPE_CHECKING:
    from ml_assets.monitoring.drift_page import DriftFacts
    from ml_assets.monitoring.drift_rows import DriftRow
    from ml_assets.monitoring.reference_rows import ReferenceColumn
    from ml_assets.monitoring.sketch import Sketch

_MOST_PICTURES = 3


class DriftAsset(ComputedTable):
    """`monitoring.<monitor>__drift`: grain (snapshot, role, column), against the reference of the version that made the scores.

    Features and scores are judged as soon as there are scores, labels once their window has passed. Scores by a version of
    which no reference was kept are left out. Of a flat source that the model learns from itself, only rows count that are
    not in its training set; the snapshot is then null.
    """

    def __init__(
        self, spec: MonitorSpec, scores: ScoresAsset, labels: TableName | None, place: str, use_case: str
    ) -> None:
        super().__init__(TableName("monitoring", f"{spec.name}__drift"), spec, place, use_case=use_case)
        self.spec: MonitorSpec = spec
        self.scores = scores
        self.labels = labels
        self.reference = TableName("models", f"{scores.model.name}__reference")

    @property
    def description(self) -> str:
        return f"How far features, scores and labels behind {self.scores.name} are from those that its model was judged on."

    @property
    def snapshots(self) -> SnapshotSpec | None:
        return self.scores.snapshots

    @property
    def deps(self) -> tuple[TableName, ...]:
        labels = () if self.labels is None else (self.labels,)
        return (self.scores.name, self.reference, *labels, *self._sources)

    @property
    def _sources(self) -> tuple[TableName, ...]:
        """What the scored rows come from."""
        learnt = training_read(self.scores)
        read = tuple(table for table in self.scores.deps if table != self.scores.champion)
        return read if learnt is None else (*read, learnt)

    @property
    def logic(self) -> str:
        return fingerprint("drift/1", REFERENCE_LOGIC, self.spec.false_alarms.model_dump(mode="json"))

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        scored = manifest_of(bench, self.scores.name)
        kept = self._kept_versions(bench)
        sources = {table: manifest_of(bench, table) for table in self._sources}
        labels = {} if self.labels is None else manifest_of(bench, self.labels)
        found = {}
        for key in partitions:
            if key not in scored or any(key not in rows for rows in sources.values()):
                continue
            version = scored[key].inputs[VERSION]
            if int(version) not in kept:
                continue
            read = {str(table): rows[key].content for table, rows in sources.items()}
            if key in labels and labels[key].rows:
                read[str(labels[key].asset)] = labels[key].content
            found[key] = {str(self.scores.name): scored[key].content, str(self.reference): version, **read}
        return found

    def _kept_versions(self, bench: Workbench) -> set[int]:
        if not bench.has_table(self.reference):
            return set()
        return {version for (version,) in bench.rows(f"select distinct version from {self.reference.quoted}")}

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        from ml_assets.monitoring.drift_page import DriftFacts
        from ml_assets.monitoring.drift_rows import judged_rows
        from ml_assets.monitoring.reference_rows import load_reference
        from ml_assets.monitoring.thresholds import ColumnJudge, alpha_of, leads, tests_of

        rows: list[DriftRow] = []
        columns: list[ReferenceColumn] = []
        for version, keys in self._by_version(bench, sorted(partitions)).items():
            columns = load_reference(bench, self.reference, version)
            alpha = alpha_of(self.spec.false_alarms, self.snapshots, tests_of(columns))
            judges = {column.watched.key: ColumnJudge(column, alpha) for column in columns}
            current = self._sketched(bench, version, keys, columns)
            for key in keys:
                moment = None if key == UNPARTITIONED else naive_utc(snapshot_time(key))
                lead = leads(self.snapshots, columns[0].end, moment)
                rows += judged_rows(moment, version, lead, judges, current.get(moment, {}))
        self._stage(bench, rows)
        made = DriftFacts(self.spec, str(self.scores.name), [row._asdict() for row in rows], columns)
        return Staged("(select * from drift_rows order by snapshot, role, column_name)", _facts(made))

    def _by_version(self, bench: Workbench, partitions: Sequence[str]) -> dict[int, list[str]]:
        scored = manifest_of(bench, self.scores.name)
        found: dict[int, list[str]] = {}
        for key in partitions:
            found.setdefault(int(scored[key].inputs[VERSION]), []).append(key)
        return found

    def _sketched(
        self, bench: Workbench, version: int, keys: Sequence[str], columns: Sequence[ReferenceColumn]
    ) -> Mapping[datetime | None, Mapping[str, Sketch]]:
        """Snapshot → key → sketch of what was scored, and of outcomes where they are known."""
        from ml_assets.monitoring.sketch_sql import sketches

        relation = scored_rows(self.scores, keys)
        there = bench.columns(relation)
        bins = {column.watched.key: column.bins for column in columns if column.watched.key in there}
        by = None if self.snapshots is None else "snapshot"
        found: dict[datetime | None, dict[str, Sketch]] = sketches(bench, relation, bins, by=by, units=UNIT)
        label_bins = {column.watched.key: column.bins for column in columns if column.watched.role == LABEL}
        known = outcomes(self.scores, self.labels, keys)
        if known is not None and (self.labels is None or bench.has_table(self.labels)):
            for moment, some in sketches(bench, known, label_bins, by=by, units=UNIT).items():
                found.setdefault(moment, {}).update(some)
        return found

    def _stage(self, bench: Workbench, rows: Sequence[DriftRow]) -> None:
        from ml_assets.monitoring.drift_rows import DRIFT_COLUMNS

        bench.execute(f"create or replace temp table drift_rows ({DRIFT_COLUMNS})")
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            bench.execute(f"insert into drift_rows select {', '.join(['unnest(?)'] * len(columns))}", columns)

    def materialize(self, context: RunContext, partitions: Sequence[str]) -> AssetReport:
        """As every computed table; what is new also rewrites the monitor's page."""
        report = super().materialize(context, partitions)
        if not report.changed:
            return report
        from ml_assets.monitoring.monitor_page import write_monitor_page

        page = write_monitor_page(context, self.spec, self.scores)
        return replace(report, facts={**report.facts, "report": str(page)})

    @property
    def checks(self) -> tuple[Check, ...]:
        return drift_checks(self.spec)


def _facts(made: DriftFacts) -> dict[str, Any]:
    """What stands beside the materialisation in the UI: what drifted in the newest snapshot that was made, with pictures."""
    from ml_assets.evaluation.overview import side_by_side

    drifted = [row["column_name"] for row in made.newest if row["flagged"]]
    pictures = made.pictures(_MOST_PICTURES)
    found = {"judged_columns": len(made.newest), "drifted": ", ".join(drifted) or "none"}
    return found | ({"picture": side_by_side(pictures, f"drift of {made.spec.name}")} if pictures else {})
