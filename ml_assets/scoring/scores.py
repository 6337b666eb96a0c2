"""Scored outputs: one score an entity of the population and snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ml_assets.errors import NotMaterializedError, RegistryError, ScoringError
from ml_assets.registry.resolve import Standing, resolve
from ml_assets.scoring.checks import score_checks
from ml_assets.specs.models import ModelSpec, ScoredOutputSpec
from ml_assets.specs.times import SnapshotSpec
from ml_assets.training.examples import FeatureColumns, feature_contracts
from ml_assets.training.training_set import joined_features
from ml_assets.training.versions import load_version
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.manifest import UNPARTITIONED, ManifestRow, fingerprint, manifest_of
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.store import Workbench

if TYPE_CHECKING:
    import pyarrow as pa

    from ml_assets.training.package import Package
    from ml_assets.training.rows import Vector

VERSION = "model version"


class ScoresAsset(ComputedTable):
    """`scores.<name>`: grain (snapshot, entity).

    A score is a record of what was said at the time: a new model version scores new snapshots and the newest one;
    older snapshots are scored again only when their own features or population change, by the version of that day.
    """

    kinds = ("duckdb", "lightgbm")

    def __init__(
        self, spec: ScoredOutputSpec, model: ModelSpec, sets: Mapping[str, FeatureColumns], place: str, use_case: str
    ) -> None:
        super().__init__(TableName("scores", spec.name), spec, place, use_case=use_case)
        self.spec: ScoredOutputSpec = spec
        self.model = model
        self.sets = sets
        self.population = TableName("labels", f"{model.name}__population")
        self.champion = TableName("models", f"{model.name}__champion")

    @property
    def snapshots(self) -> SnapshotSpec | None:
        return self.spec.snapshots

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.champion, *self._partitioned)

    @property
    def _partitioned(self) -> tuple[TableName, ...]:
        return (self.population, *(TableName("features", name) for name in self.model.features))

    @property
    def logic(self) -> str:
        return fingerprint("scores/1", self.spec.reference, self.model.entity)

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        if UNPARTITIONED not in manifest_of(bench, self.champion):
            return {}
        version = str(self._serving(bench, context).version)
        rows = {table: manifest_of(bench, table) for table in self._partitioned}
        before = manifest_of(bench, self.name)
        newest = self.spec.grid.keys(context.now)[-1]
        found = {}
        for key in partitions:
            if any(key not in known for known in rows.values()):
                continue
            read = {str(table): known[key].content for table, known in rows.items()}
            stays = key != newest and key in before and self._says_the_same(before[key], read)
            found[key] = dict(before[key].inputs) if stays else read | {VERSION: version}
        return found

    def stale(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, str]:
        """As every computed table. A version that may not serve does not break the plan of everything else: the newest
        snapshot is said to be due, and making it is refused with the reason."""
        try:
            return super().stale(bench, context, partitions)
        except (NotMaterializedError, RegistryError) as problem:
            return dict.fromkeys(list(partitions)[-1:], f"refused: {problem.subject}")

    def _serving(self, bench: Workbench, context: RunContext) -> Standing:
        return resolve(bench, self.model.name, self.spec.alias, self.spec.version, context.now)

    def _says_the_same(self, before: ManifestRow, read: Mapping[str, str]) -> bool:
        """Whether only the version has changed since these scores were made."""
        return (
            before.logic == self.logic
            and {name: content for name, content in before.inputs.items() if name != VERSION} == read
        )

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        import pyarrow as pa

        from ml_assets.training.contract import require_contract
        from ml_assets.training.matrix import arrow_rows

        served = self._serving(bench, context)
        version = load_version(bench, self.model.name, served.version)
        table = arrow_rows(bench, self.rows(partitions))
        matrix, unseen = version.package.encode(table)
        require_contract(table, feature_contracts(self.model, self.sets), ScoringError, str(self.name), self.place)
        moment = {} if self.snapshots is None else {"snapshot": table["snapshot"]}
        scores = pa.table(
            {
                self.model.entity: table[self.model.entity],
                **moment,
                **score_columns(version.package, version.package.predict(matrix)),
                "model_version": pa.array([version.version] * len(matrix), pa.int32()),
                "model_package": pa.array([version.package_sha256] * len(matrix), pa.string()),
            }
        )
        bench.connection.register("scored_rows", scores)
        bench.execute("create or replace temp table scored as select * from scored_rows")
        bench.connection.unregister("scored_rows")
        facts = {
            "model_version": version.version, "serves_as": served.said, "unseen_categories": sum(unseen.values()),
            "rows": len(matrix), "unseen": {name: count for name, count in unseen.items() if count},
        }  # fmt: skip
        return Staged("scored", facts)

    def rows(self, partitions: Sequence[str]) -> str:
        """SQL: the rows to be scored, with entity, snapshot and features."""
        moments = ", ".join(f"timestamp {literal(key)}" for key in partitions)
        base = f"(select * from {self.population.quoted} where snapshot in ({moments}))"
        return f"{joined_features(self.model, self.sets, base)} order by b.snapshot, b.{quoted(self.model.entity)}"

    @property
    def checks(self) -> tuple[Check, ...]:
        return score_checks(self.spec, self.model.entity, self.population.quoted, self.model.task)


def score_columns(package: Package, answers: Vector) -> dict[str, pa.Array]:
    """Predictions as columns: `score`; of several classes also `predicted`, the likeliest class, whose share is the score,
    and `scores`, class → probability."""
    import numpy as np
    import pyarrow as pa

    if answers.ndim == 1:
        return {"score": pa.array(answers, pa.float64())}
    classes = package.signature.target.classes
    likeliest = answers.argmax(axis=1) if len(answers) else np.empty(0, dtype=np.int64)
    fields = [pa.array(answers[:, place], pa.float64()) for place in range(len(classes))]
    return {
        "score": pa.array(answers[np.arange(len(answers)), likeliest], pa.float64()),
        "predicted": pa.array([classes[place] for place in likeliest.tolist()], pa.string()),
        "scores": pa.StructArray.from_arrays(fields, names=list(classes)),
    }
