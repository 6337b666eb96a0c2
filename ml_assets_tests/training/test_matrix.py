"""The encoder: what becomes of numbers, truth values, categories and holes, and what it refuses."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.errors import PackageError, TrainingError
from ml_assets.training.matrix import Encoder, arrow_rows
from ml_assets_tests.builders import Lab

NAN = float("nan")
TABLE = pa.table(
    {
        "count": pa.array([3, None, -1], pa.int64()),
        "flag": pa.array([True, False, None]),
        "kind": pa.array(["b", None, "a"]),
        "share": pa.array([0.5, NAN, None], pa.float64()),
        "store": pa.array([12, 7, 12], pa.int64()),
    }
)
NAMES = ("store", "kind", "flag", "count", "share")


def encoded(encoder: Encoder, table: pa.Table = TABLE) -> list[list[float]]:
    return [list(row) for row in encoder.encode(table)[0]]


def test_matrix_has_the_features_in_order_with_holes_as_nan() -> None:
    encoder = Encoder.fit(TABLE, NAMES, ["store"])

    assert dict(encoder.categories) == {"store": ("12", "7"), "kind": ("a", "b")}
    assert encoder.categorical_positions == [0, 1]
    np.testing.assert_array_equal(encoded(encoder), [[0, 1, 1, 3, 0.5], [1, NAN, 0, NAN, NAN], [0, 0, NAN, -1, NAN]])


def test_column_order_of_the_table_does_not_matter() -> None:
    encoder = Encoder.fit(TABLE, NAMES, [])

    np.testing.assert_array_equal(
        encoded(encoder), encoded(encoder, TABLE.select(sorted(TABLE.column_names, reverse=True)))
    )


def test_unseen_categories_are_nan_and_counted() -> None:
    encoder = Encoder.fit(TABLE, ("kind", "store"), ["store"])
    matrix, unseen = encoder.encode(pa.table({"kind": ["c", "a", None, "c"], "store": [7, 8, None, 12]}))

    assert unseen == {"kind": 2, "store": 1}
    np.testing.assert_array_equal(matrix, [[NAN, 1], [0, NAN], [NAN, NAN], [NAN, 0]])


def test_missing_columns_are_named() -> None:
    encoder = Encoder.fit(TABLE, NAMES, [])
    with pytest.raises(PackageError, match="without kind, share"):
        encoder.encode(TABLE.drop_columns(["kind", "share"]))


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pa.array([datetime(2024, 1, 1)]), id="timestamp"),
        pytest.param(pa.array([[1]]), id="list"),
        pytest.param(pa.array([b"x"]), id="bytes"),
    ],
)
def test_column_that_no_model_can_read_is_refused_with_a_remedy(column: pa.Array) -> None:
    with pytest.raises(TrainingError, match="feature last_order is no number, truth value or text") as caught:
        Encoder.fit(pa.table({"last_order": column}), ("last_order",), [], "model.yaml:1")
    assert "exclude last_order" in str(caught.value)


def test_encoder_comes_back_from_json_equal() -> None:
    encoder = Encoder.fit(TABLE, NAMES, ["store"])

    assert Encoder.from_json(json.loads(json.dumps(encoder.to_json()))) == encoder


def test_table_without_rows_gives_a_matrix_without_rows() -> None:
    assert Encoder.fit(TABLE, NAMES, []).encode(TABLE.slice(0, 0))[0].shape == (0, 5)


def test_integer_beyond_the_precision_of_a_double_is_rounded_not_refused() -> None:
    encoder = Encoder(("count",), {})

    assert encoded(encoder, pa.table({"count": [2**60 + 1]})) == [[float(2**60)]]


def test_decimals_of_the_warehouse_arrive_as_doubles(tmp_path: Path) -> None:
    with Lab(tmp_path).warehouse.workbench() as bench:
        table = arrow_rows(bench, "select 1.2500::decimal(18,4) as amount, 3 as count, 'a' as kind")

    assert table.schema.field("amount").type == pa.float64()
    assert table.to_pylist() == [{"amount": float(Decimal("1.25")), "count": 3, "kind": "a"}]
