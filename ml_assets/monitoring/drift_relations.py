"""SQL of what is compared with a reference: scored rows with their features, and outcomes, under the reference's names."""

from __future__ import annotations

from collections.abc import Sequence

from ml_assets.scoring.example_scores import ExampleScoresAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.training.training_set import feature_columns
from ml_assets.warehouse.names import TableName, literal, quoted

UNIT = "_unit"


def scored_rows(scores: ScoresAsset, keys: Sequence[str]) -> str:
    """SQL: scored rows of these snapshots with features and answers; of a flat source those that no version learnt from."""
    model, flat = scores.model, isinstance(scores, ExampleScoresAsset)
    entity = quoted(model.entity)
    same = f"s.{entity} = r.{entity}" + ("" if flat else " and s.snapshot = r.snapshot")
    features = "".join(
        f", r.{quoted(name)} as {quoted(f'feature:{name}')}" for name in feature_columns(model, scores.sets)
    )
    predicted = ', s.predicted as "score:predicted"' if model.task == "multiclass" else ""
    return (
        f'(select r.snapshot, r.{entity} as {UNIT}{features}, s.score as "score:score"{predicted} '
        f"from ({scores.rows(keys)}) r join {scores.name.quoted} s on {same}{_unlearnt(scores)})"
    )


def outcomes(scores: ScoresAsset, labels: TableName | None, keys: Sequence[str]) -> str | None:
    """SQL: what is known by now of what was predicted for these snapshots; None where there is no place to look."""
    entity = quoted(scores.model.entity)
    columns = f'r.snapshot, r.{entity} as {UNIT}, r.label as "label:label"'
    if isinstance(scores, ExampleScoresAsset):
        if scores.model.label_column.column not in scores.source.columns:
            return None
        known = f"(select * from ({scores.source.rows_sql(scores.model, [], labelled=True)}) where label is not null)"
        return f"(select {columns} from {known} r{_unlearnt(scores)})"
    if labels is None:
        return None
    moments = ", ".join(f"timestamp {literal(key)}" for key in keys)
    return f"(select {columns} from {labels.quoted} r where r.snapshot in ({moments}))"


def training_read(scores: ScoresAsset) -> TableName | None:
    """The training set whose rows are no news; None where snapshots tell old rows from new ones, or another table is scored."""
    if isinstance(scores, ExampleScoresAsset) and str(scores.source.name) == scores.model.source:
        return TableName("training", scores.model.name)
    return None


def _unlearnt(scores: ScoresAsset) -> str:
    training, entity = training_read(scores), quoted(scores.model.entity)
    if training is None:
        return ""
    return f" where not exists (select 1 from {training.quoted} t where t.{entity} = r.{entity})"
