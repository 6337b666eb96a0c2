"""Training sets of tables with one example a row."""

from __future__ import annotations

from collections.abc import Sequence

from ml_assets.errors import TrainingError
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.splits import ChronologicalSplitSpec
from ml_assets.specs.times import span_length
from ml_assets.training.examples import ExampleTable
from ml_assets.training.hashed_split import hashed_parts, refuse_thin_parts
from ml_assets.training.training_set import TrainingSetAsset, is_kept
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.computed import Staged, whole_inputs
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint, manifest_of
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench


class ExampleSetAsset(TrainingSetAsset):
    """`training.<model>` of a source table: its rows with a known outcome, with label, part and features.

    `snapshot` is the row's event time where rows are divided by it, else null.
    """

    def __init__(self, spec: ModelSpec, source: ExampleTable, place: str, use_case: str) -> None:
        super().__init__(spec, {str(source.name): source.features(spec)}, place, use_case)
        self.source = source

    @property
    def description(self) -> str:
        return f"What {self.spec.name} learns from: each row of {self.source.name} whose outcome is known, with its part (train, validation, test)."

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.source.name,)

    @property
    def logic(self) -> str:
        return fingerprint(
            "examples/1", self.spec.split.model_dump(mode="json"), self.features, self.spec.label.model_dump(mode="json"),
            self.spec.task, self.spec.entity, self.spec.carried, self.source.event_time,
            {str(table): logic for table, logic in self.meanings.items()},
        )  # fmt: skip

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        before = manifest_of(bench, self.name).get(UNPARTITIONED)
        if before is not None and not self.due(bench, before, context):
            return {UNPARTITIONED: dict(before.inputs)}
        return {} if self._waits(bench, ()) else whole_inputs(bench, self.deps)

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        spec, source = self.spec, self.source
        kept = [name for name in self.sets[str(source.name)].columns if is_kept(spec, name)]
        bench.execute(f"create or replace temp table examples as {source.rows_sql(spec, kept, labelled=True)}")
        known = "(select * from examples where label is not null)"
        self._refuse_empty(bench, known)
        undeclared = [
            name
            for name in bench.columns(source.name.quoted)
            if name not in source.columns and not name.startswith("_")
        ]
        if undeclared:
            context.log(
                f"{source.name}: {', '.join(undeclared)} not declared under `columns:`, so no feature of {spec.name}"
            )
        split = spec.split
        if isinstance(split, ChronologicalSplitSpec):
            divided = chronological_parts(bench, spec, split, known, kept)
        else:
            divided = hashed_parts(spec, known, kept)
        bench.execute(
            f"create or replace temp table training_rows as select * from {divided} order by snapshot, {quoted(spec.entity)}"
        )
        refuse_thin_parts(bench, spec, "training_rows", self.place)
        counts = bench.rows("select part, count(*) from training_rows group by 1 order by 1")
        reasons = bench.rows(
            "select reason, count(*) from training_rows where reason is not null group by 1 order by 1"
        )
        unlabelled = int(bench.value("select count(*) from examples where label is null"))
        return Staged(
            "training_rows",
            {
                **{f"{part}_rows": rows for part, rows in counts},
                "left_out": dict(reasons),
                "rows_without_outcome": unlabelled,
            },
        )

    def _refuse_empty(self, bench: Workbench, known: str) -> None:
        if not int(bench.value(f"select count(*) from {known}")):
            raise TrainingError(
                f"no row of {self.source.name} has an outcome", place=self.place, expected=f"values of {self.spec.label_column.column}",
                got="missing in every row", remedy="land rows whose outcome is known, or name another column as the label",
            )  # fmt: skip


def chronological_parts(
    bench: Workbench, spec: ModelSpec, split: ChronologicalSplitSpec, rows: str, kept: Sequence[str]
) -> str:
    """SQL: rows with `part` and `reason`: the newest for test, those before for validation, an embargo free before each.

    The parts begin at the instants below which the declared shares of rows lie; rows of one instant stay together.
    """
    shares = (1 - split.test - split.validation, 1 - split.test)
    begins = [bench.value(f"select quantile_disc(snapshot, {share:.12f}) from {rows}") for share in shares]
    embargo = int(span_length(split.embargo).total_seconds()) if split.embargo else 0
    validation, test = (f"timestamp '{moment}'" if moment is not None else "null" for moment in begins)
    columns = ", ".join(quoted(name) for name in ("snapshot", spec.entity, *spec.carried, "label"))
    features = "".join(f", {quoted(name)}" for name in kept)
    gap = f"interval {embargo} second"
    part = (
        f"case when snapshot is null then 'left_out' when snapshot >= {test} then 'test' "
        f"when snapshot + {gap} > {test} then 'embargo' when snapshot >= {validation} then 'validation' "
        f"when snapshot + {gap} > {validation} then 'embargo' else 'train' end"
    )
    reason = "case part when 'left_out' then 'no time' when 'embargo' then 'outcome not yet known when a later part begins' end"
    return f"(select {columns}, part, {reason} as reason{features} from (select *, {part} as part from {rows}))"
