"""What a version was made of and judged by: a sketch of each feature, score and label, kept with every version."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml_assets.monitoring.measures import LABEL, REFERENCE_LOGIC
from ml_assets.scoring.scores import score_columns
from ml_assets.specs.models import ModelSpec
from ml_assets.specs.splits import ChronologicalSplitSpec
from ml_assets.training.examples import FeatureColumns, feature_contracts
from ml_assets.training.versions import ModelVersion, load_version
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged, whole_inputs
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.rules import unique_check
from ml_assets.warehouse.store import Workbench

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from ml_assets.monitoring.effects import Effects
    from ml_assets.monitoring.reference_rows import Watched
    from ml_assets.monitoring.sketch import Bins, Sketch
    from ml_assets.training.package import Package
    from ml_assets.training.rows import Matrix

MOST_PERIODS = 104
MOST_SCORED = 50_000
SCORE, PREDICTED = "score", "predicted"
_ROWS = "reference_rows"


class ReferenceAsset(ComputedTable):
    """`models.<model>__reference`: grain (version, role, column); rows of earlier versions are kept.

    The reference are the version's test rows: the newest, not learnt from, and those that its evaluation speaks of. Beside
    them stand sketches of every snapshot of its training set, from which it is known how much columns move by themselves.
    """

    def __init__(self, spec: ModelSpec, sets: Mapping[str, FeatureColumns], place: str, use_case: str) -> None:
        super().__init__(TableName("models", f"{spec.name}__reference"), spec, place, use_case=use_case)
        self.spec: ModelSpec = spec
        self.sets = sets
        self.model = TableName("models", spec.name)
        self.training = TableName("training", spec.name)

    @property
    def description(self) -> str:
        return f"How features, scores and labels of each version of {self.spec.name} were distributed on its test rows: what drift is told by."

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.model, self.training)

    @property
    def logic(self) -> str:
        return fingerprint(REFERENCE_LOGIC, sorted(self.hidden))

    @property
    def hidden(self) -> frozenset[str]:
        """Features that are personal data, of which no value is kept."""
        contracts = feature_contracts(self.spec, self.sets)
        return frozenset(name for name, column in contracts.items() if column.pii or name in self.personal)

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        read = whole_inputs(bench, self.deps)
        if not read:
            return {}
        learnt_from = bench.value(
            f"select manifest->'training_set'->>'content' from {self.model.quoted} order by version desc limit 1"
        )
        # Rows of a training set that no version has learnt from yet are nobody's reference.
        return read if learnt_from == read[UNPARTITIONED][str(self.training)] else {}

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        from ml_assets.monitoring.reference_rows import reference_rows
        from ml_assets.monitoring.sketch_sql import learn_bins, sketches

        version = load_version(bench, self.spec.name)
        watched = [one for one in watched_columns(version.package, self.spec) if one.column not in self.hidden]
        table, test_matrix = self._rows(bench, version, watched)
        bench.connection.register(_ROWS, table)
        names = {one.key: one for one in watched}
        test = f"(select * from {_ROWS} where part = 'test')"
        numbers = [key for key, one in names.items() if one.known is None]
        bins = learn_bins(bench, test, numbers, {key: one.known for key, one in names.items() if one.known is not None})
        found = sketches(bench, test, bins, units="unit")[None]
        history = _history(bench, bins, {key for key, one in names.items() if one.role == "score"})
        ends = bench.rows(f"select count(distinct period), max(period) from {test}")[0]
        bench.connection.unregister(_ROWS)
        effects = self._effects(bench, version, test_matrix, bins)
        rows = reference_rows(version.version, names, bins, found, history, ends, effects)
        self._stage(bench, version.version, rows)
        return Staged(
            "(select * from reference_sketches order by version, role, column_name)",
            {"version": version.version, "columns": len(rows), "history_snapshots": len(history)},
        )

    def _rows(self, bench: Workbench, version: ModelVersion, watched: Sequence[Watched]) -> tuple[pa.Table, Matrix]:
        """Every row of the training set with what is watched under its key, and the matrix of its test rows.

        Of earlier rows at most about `MOST_SCORED` have an answer, those of some entities.
        """
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        from ml_assets.training.matrix import arrow_rows

        spec, package = self.spec, version.package
        split = spec.split
        period = f"date_trunc('{split.every}', snapshot)" if isinstance(split, ChronologicalSplitSpec) else "snapshot"
        columns = ", ".join(quoted(name) for name in package.encoder.features)
        unit = quoted(spec.cluster)
        [(earlier,)] = bench.rows(f"select count(*) from {self.training.quoted} where part <> 'test'")
        table = arrow_rows(
            bench,
            f"select {period} as _period, part as _part, {unit} as _unit, label as _label, "
            f"part = 'test' or hash({unit}) % {-(-earlier // MOST_SCORED) or 1} = 0 as _answered, {columns} "
            f"from {self.training.quoted} order by snapshot, {quoted(spec.entity)}",
        )
        matrix, _ = package.encode(table)
        answered = _mask(table["_answered"])
        answers = _spread(score_columns(package, package.predict(np.asfortranarray(matrix[answered]))), answered)
        fixed = {name: table[f"_{name}"] for name in ("period", "part", "unit", "answered")}
        values = {
            one.key: table[one.column] if one.role == "feature" else {**answers, LABEL: table["_label"]}[one.column]
            for one in watched
        }
        return pa.table({**fixed, **values}), matrix[_mask(pc.equal(table["_part"], "test"))]

    def _effects(self, bench: Workbench, version: ModelVersion, matrix: Matrix, bins: Mapping[str, Bins]) -> Effects:
        """By key of the feature; `matrix` is of the test rows."""
        from ml_assets.monitoring.effects import Effects, permuted_effects, tree_effects
        from ml_assets.monitoring.reference_rows import Watched

        features = {Watched("feature", name, None).key: name for name in version.package.encoder.features}
        of_trees = tree_effects(
            version, matrix, self.spec.task, {name: bins[key] for key, name in features.items() if key in bins}
        )
        found = of_trees or permuted_effects(bench, version, self.training, self.spec)
        return Effects(
            {key: found.importance.get(name) for key, name in features.items()},
            {key: found.bins[name] for key, name in features.items() if name in found.bins},
            found.unit,
        )

    def _stage(self, bench: Workbench, version: int, rows: Sequence[Sequence[Any]]) -> None:
        from ml_assets.monitoring.reference_rows import REFERENCE_COLUMNS

        bench.execute(f"create or replace temp table reference_sketches ({REFERENCE_COLUMNS})")
        if bench.has_table(self.name):
            bench.execute(
                f"insert into reference_sketches by name select * from {self.name.quoted} where version <> {version}"
            )
        columns = [list(column) for column in zip(*rows, strict=True)]
        bench.execute(f"insert into reference_sketches select {', '.join(['unnest(?)'] * len(columns))}", columns)

    @property
    def checks(self) -> tuple[Check, ...]:
        return (unique_check(("version", "role", "column_name")),)


def _history(bench: Workbench, bins: Mapping[str, Bins], answers: Collection[str]) -> dict[Any, dict[str, Sketch]]:
    """Snapshot (or period) → key → sketch; `answers` are sketched on the rows that have one."""
    from ml_assets.monitoring.sketch import Sketch
    from ml_assets.monitoring.sketch_sql import sketches

    newest = f"select distinct period from {_ROWS} order by 1 desc nulls last limit {MOST_PERIODS}"
    timed = f"select * from {_ROWS} where period is not null and period in ({newest})"
    found = sketches(bench, f"({timed})", {key: one for key, one in bins.items() if key not in answers}, by="period")
    answered = {key: one for key, one in bins.items() if key in answers}
    scored = sketches(bench, f"({timed} and answered)", answered, by="period")
    nothing = {key: Sketch.empty(one) for key, one in answered.items()}
    return {period: {**some, **scored.get(period, nothing)} for period, some in found.items()}


def _mask(column: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    import numpy as np

    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _spread(answers: Mapping[str, pa.Array], answered: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
    """Answers of the answered rows as columns of all rows, null in the others."""
    import numpy as np
    import pyarrow as pa

    place = pa.array(np.cumsum(answered) - 1, pa.int64(), mask=~answered)
    return {name: column.take(place) for name, column in answers.items()}


def watched_columns(package: Package, spec: ModelSpec) -> list[Watched]:
    """What is watched of a version: the features that it sees, its score (and likeliest class), and the label."""
    from ml_assets.monitoring.reference_rows import Watched

    encoder, target = package.encoder, package.signature.target
    declared = package.signature.columns
    truths = {name: ("false", "true") for name in encoder.features if declared.get(name) == "boolean"}
    known = {**truths, **encoder.categories}
    found = [Watched("feature", name, known.get(name)) for name in encoder.features]
    found.append(Watched("score", SCORE, None))
    if spec.task == "multiclass":
        found.append(Watched("score", PREDICTED, target.class_names))
    found.append(Watched("label", LABEL, None if spec.task == "regression" else target.class_names))
    return found
