"""The further tables of an evaluation: comparisons, slices, fairness, importance, mistakes, single facts; a version's rows each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ml_assets.evaluation.assessment import Assessment
from ml_assets.evaluation.facts import Fact
from ml_assets.evaluation.scored import ScoredRows
from ml_assets.specs.models import ModelSpec
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

TABLES: dict[str, str] = {
    "comparisons": "other varchar, metric varchar, difference double, low double, high double, verdict varchar, sentence varchar",
    "slices": "slice varchar, kind varchar, metric varchar, value double, low double, high double, overall double, rows bigint, "
    "positives bigint, q_value double, verdict varchar, reason varchar, effect double, effect_low double, effect_high double",
    "fairness": "column_name varchar, group_name varchar, measure varchar, value double, low double, high double, rows bigint, reason varchar",
    "importance": "feature varchar, method varchar, unit varchar, value double, low double, high double, share double",
    "mistakes": "snapshot timestamp, entity varchar, score double, label bigint",
    "facts": "fact varchar, value double, text varchar",
}  # fmt: skip


def rows_of(
    spec: ModelSpec, scored: ScoredRows, found: Assessment, facts: Sequence[Fact]
) -> dict[str, list[Sequence[Any]]]:
    """Table → rows, in the order of `TABLES`' columns."""
    searched = found.search.found if found.search is not None else ()
    test = scored.table.filter(scored.parts["test"])
    mistakes = found.errors.mistakes if found.errors is not None else ()
    moments, entities = test["snapshot"].to_pylist(), test[spec.entity].to_pylist()
    return {
        "comparisons": [tuple(vars(one).values()) for one in found.comparisons],
        "slices": list(dict.fromkeys((*found.slices, *searched))),
        "fairness": list(found.fairness),
        "importance": list(found.explained.importance),
        "mistakes": [(moments[one.row], str(entities[one.row]), one.score, one.label) for one in mistakes],
        "facts": [(fact.name, fact.value, fact.text) for fact in facts],
    }


def stage(bench: Workbench, version: int, rows: dict[str, list[Sequence[Any]]]) -> None:
    """Put the rows into temporary tables of the workbench, `found_<table>`."""
    for name, columns in TABLES.items():
        bench.execute(f"create or replace temp table found_{name} (version integer, {columns})")
        if rows[name]:
            values = [[version] * len(rows[name]), *(list(column) for column in zip(*rows[name], strict=True))]
            bench.execute(f"insert into found_{name} select {', '.join(['unnest(?)'] * len(values))}", values)


def write(bench: Workbench, evaluation: TableName, version: int) -> None:
    """Inside a commit: the staged rows take the place of this version's."""
    for name in TABLES:
        bench.replace_rows(evaluation.sibling(name), f"found_{name}", "version", [version])
