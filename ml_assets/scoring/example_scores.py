"""Scores of tables with one row an entity."""

from __future__ import annotations

from collections.abc import Sequence

from ml_assets.scoring.checks import score_checks
from ml_assets.scoring.scores import VERSION, ScoresAsset
from ml_assets.specs.models import ModelSpec, ScoredOutputSpec
from ml_assets.training.examples import ExampleFeatures, ExampleTable
from ml_assets.training.training_set import feature_columns
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import whole_inputs
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint, manifest_of
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import Workbench


class ExampleScoresAsset(ScoresAsset):
    """`scores.<name>` of a source table: one score a row, all made again when the rows or the serving version change."""

    def __init__(
        self, spec: ScoredOutputSpec, model: ModelSpec, source: ExampleTable, learnt: ExampleFeatures,
        place: str, use_case: str,
    ) -> None:  # fmt: skip
        super().__init__(spec, model, {str(source.name): learnt}, place, use_case)
        self.source = source

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.champion, self.source.name)

    @property
    def logic(self) -> str:
        return fingerprint("example_scores/1", self.spec.reference, self.model.entity, str(self.source.name))

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        if UNPARTITIONED not in manifest_of(bench, self.champion):
            return {}
        read = whole_inputs(bench, (self.source.name,))
        version = str(self._serving(bench, context).version)
        return {key: inputs | {VERSION: version} for key, inputs in read.items()}

    def rows(self, partitions: Sequence[str]) -> str:
        features = list(feature_columns(self.model, self.sets))
        return f"{self.source.rows_sql(self.model, features, labelled=False)} order by {quoted(self.model.entity)}"

    @property
    def checks(self) -> tuple[Check, ...]:
        entity = self.model.entity
        population = f"(select {self.source.entity_sql(self.model)} as {quoted(entity)} from {self.source.name.quoted})"
        return score_checks(self.spec, entity, population, self.model.task)
