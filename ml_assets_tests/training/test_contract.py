"""The contract of the matrix: every broken rule is found, counted and shown."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from ml_assets.errors import ScoringError
from ml_assets.specs.columns import ColumnSpec
from ml_assets.training.contract import require_contract, violations
from ml_assets.training.examples import feature_contracts
from ml_assets_tests.training.world import World, model_spec

NAN = float("nan")


def contract(**columns: dict[str, Any]) -> dict[str, ColumnSpec]:
    return {name: ColumnSpec.model_validate(spec) for name, spec in columns.items()}


@pytest.mark.parametrize(
    ("spec", "values", "found"),
    [
        pytest.param({"type": "integer"}, pa.array([1, None]), [], id="null_allowed"),
        pytest.param({"type": "integer", "nullable": False}, pa.array([1, None, None]), ["x: not_null broken in 2 rows, such as null"], id="null"),
        pytest.param({"type": "integer", "min": 0, "max": 3}, pa.array([0, 3]), [], id="bounds_included"),
        pytest.param({"type": "integer", "min": 0, "max": 3}, pa.array([-1, -1, 4, None]),
                     ["x: min 0 broken in 2 rows, such as -1", "x: max 3 broken in 1 rows, such as 4"], id="bounds"),
        pytest.param({"type": "float"}, pa.array([1.0, None, NAN, float("inf")]), ["x: finite broken in 2 rows, such as NaN, inf"], id="not_finite"),
        pytest.param({"type": "decimal", "max": 1}, pa.array([1.5]), ["x: max 1 broken in 1 rows, such as 1.5"], id="decimal"),
        pytest.param({"type": "string", "allowed": ["a", "b"]}, pa.array(["a", None, "c"]), ["x: allowed broken in 1 rows, such as c"], id="allowed"),
        pytest.param({"type": "string", "pattern": "a.|b"}, pa.array(["ab", "b", "xb", "abc"]), ["x: pattern broken in 2 rows, such as xb, abc"], id="pattern"),
        pytest.param({"type": "string", "max_length": 2}, pa.array(["ab", "abc"]), ["x: max_length broken in 1 rows, such as abc"], id="max_length"),
        pytest.param({"type": "integer"}, pa.array([1.5]), ["x: type broken, such as Float64"], id="type"),
        pytest.param({"type": "boolean"}, pa.array([True, None]), [], id="boolean"),
        pytest.param({"type": "integer", "min": 5, "severity": "warn"}, pa.array([1]), [], id="warning_only"),
        pytest.param({"type": "integer", "min": 10}, pa.array(range(9)), ["x: min 10 broken in 9 rows, such as 0, 1, 2, 3, 4"], id="five_examples"),
    ],
)  # fmt: skip
def test_broken_rules_are_named_with_count_and_examples(
    spec: dict[str, Any], values: pa.Array, found: list[str]
) -> None:
    assert [str(violation) for violation in violations(pa.table({"x": values}), contract(x=spec))] == found


def test_missing_column_is_a_violation() -> None:
    found = violations(pa.table({"y": [1]}), contract(x={"type": "integer"}, y={"type": "integer"}))

    assert [(violation.feature, violation.rule) for violation in found] == [("x", "present")]


def test_all_violations_of_all_features_are_told_at_once() -> None:
    columns = contract(b={"type": "integer", "min": 0}, a={"type": "float", "nullable": False}, c={"type": "integer"})
    table = pa.table({"a": [None, 1.0], "b": [-1, -2], "c": [1, 2]})
    with pytest.raises(ScoringError) as caught:
        require_contract(table, columns, ScoringError, "scores.again", "scores.yaml:1")

    assert str(caught.value).splitlines() == [
        "scores.yaml:1: scores.again: features break their declared contract",
        "  expected: rows as the feature sets declare them",
        "  got:      2 broken rules in 2 rows",
        "  example:  b: min 0 broken in 2 rows, such as -1, -2",
        "  example:  a: not_null broken in 1 rows, such as null",
        "  remedy:   repair the feature SQL or its source; if such values are right, widen the feature's contract",
    ]
    require_contract(table.slice(1, 1), {"a": columns["a"]}, ScoringError, "scores.again", "scores.yaml:1")


def test_contracts_are_those_of_the_features_that_are_not_excluded(tmp_path: Any) -> None:
    sets = World(tmp_path).sets

    assert list(feature_contracts(model_spec(exclude=("loyal",)), sets)) == ["orders", "spend", "channel"]
