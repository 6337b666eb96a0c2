"""The embedded predictor: the same numbers as batch scoring, with next to nothing imported, and only whole packages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ml_assets.errors import PackageError
from ml_assets.training.package import hashes_of
from ml_assets.training.predictor import Predictor, write_files
from ml_assets.training.versions import export_version
from ml_assets_tests.training.tables import TREES, fitted, task_spec, training_rows
from ml_assets_tests.training.test_sklearn import HIST
from ml_assets_tests.training.world import World

CODE = """
import json, sys
from ml_assets.training.predictor import Predictor
found = Predictor.load(sys.argv[1])
columns = json.loads(sys.argv[2])
answers = found.predict(columns).tolist()
heavy = ("pyarrow", "duckdb", "dagster", "pydantic", "polars", "sklearn", "scipy", "skops", "optuna", "lightgbm")
print(json.dumps({"answers": answers, "imported": [name for name in heavy if name in sys.modules]}))
"""


def exported(folder: Path, task: str = "binary", **changes: Any) -> tuple[Predictor, Any]:
    package, _ = fitted(training_rows(task), task_spec(task, **changes))
    files = package.to_files()
    write_files(files, {"model": "again", "version": 1, "files": hashes_of(files)}, folder)
    return Predictor.load(folder), package


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        pytest.param("binary", {"calibration": "isotonic"}, id="calibrated"),
        pytest.param("multiclass", {"calibration": "platt"}, id="multiclass"),
        pytest.param("regression", {}, id="regression"),
        pytest.param("ranking", {}, id="ranking"),
        pytest.param("binary", {"estimator": HIST}, id="sklearn"),
    ],
)
def test_predictor_answers_as_the_package_does_to_the_last_bit(
    tmp_path: Path, task: str, changes: dict[str, Any]
) -> None:
    predictor, package = exported(tmp_path / "package", task, **changes)
    unseen = training_rows(task, seed=11)
    batch = package.predict(package.encode(unseen)[0])

    np.testing.assert_array_equal(predictor.predict(unseen.to_pydict()), batch)
    one_by_one = [
        predictor.predict({name: [value] for name, value in row.items()})[0] for row in unseen.slice(0, 20).to_pylist()
    ]
    np.testing.assert_array_equal(one_by_one, batch[:20])


def test_exported_version_scores_as_the_warehouse_does_in_a_bare_process(tmp_path: Path) -> None:
    world = World.trained(tmp_path / "world")
    scores = world.scores()
    world.lab.run(scores)
    rows = world.lab.rows(
        "select orders, spend, loyal, channel, score from wh.scores.again join wh.features.habits using (snapshot, customer_id) order by all"
    )
    with world.lab.warehouse.reading() as bench:
        folder = export_version(bench, "again", None, tmp_path / "again")
    *columns, batch = zip(*rows, strict=True)
    given = dict(zip(("orders", "spend", "loyal", "channel"), columns, strict=True))
    said = subprocess.run(
        [sys.executable, "-c", CODE, str(folder), json.dumps(given)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    assert json.loads(said) == {"answers": list(batch), "imported": []}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param([3, None, 5, 3], pa.int64(), id="integers"),
        pytest.param([1.0, 2.5, None, 1e20], pa.float64(), id="floats"),
        pytest.param([True, None, False, True], pa.bool_(), id="truth_values"),
        pytest.param(["ä", "", None, "b"], pa.string(), id="texts"),
    ],
)
def test_columns_are_encoded_as_arrow_encodes_them(values: list[Any], kind: pa.DataType) -> None:
    from ml_assets.training.encoder import Encoder

    table = pa.table({"value": pa.array(values, kind), "same": pa.array(values, kind)})
    plain = [] if kind == pa.string() else ["same"]
    encoder = Encoder.fit(table, ("value", "same"), [name for name in ("value", "same") if name not in plain])
    wider = pa.table({"value": pa.array([*values, values[0]], kind), "same": pa.array([*values, values[0]], kind)})
    arrow, unseen = encoder.encode(wider)
    found, counted = encoder.encode_columns(wider.to_pydict())

    np.testing.assert_array_equal(found, arrow)
    assert counted == unseen


def test_unseen_categories_are_counted_or_refused_as_declared(tmp_path: Path) -> None:
    rows = {"first": [0.1, 0.2], "second": [1.0, 2.0], "kind": ["moon", "x"]}
    lenient, _ = exported(tmp_path / "lenient")
    strict, _ = exported(tmp_path / "strict", unseen_categories="error")

    found = lenient.answer(rows)
    assert found.unseen == {"kind": 1}
    np.testing.assert_array_equal(found.answers, lenient.predict({**rows, "kind": [None, "x"]}))
    with pytest.raises(PackageError, match="categories that training has not seen") as caught:
        strict.predict(rows)
    assert "kind in 1 rows" in str(caught.value)
    assert strict.predict({**rows, "kind": [None, "x"]}).shape == (2,)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        pytest.param({"first": [1.0], "kind": ["x"]}, "without second", id="missing_column"),
        pytest.param({"first": [1.0, 2.0], "second": [1.0], "kind": ["x"]}, "columns differ in length", id="ragged"),
        pytest.param(
            {"first": ["much"], "second": [1.0], "kind": ["x"]},
            "column first holds something that is no number",
            id="text",
        ),
    ],
)
def test_rows_that_do_not_fit_the_signature_are_refused(tmp_path: Path, rows: dict[str, list[Any]], said: str) -> None:
    predictor, _ = exported(tmp_path / "package")
    with pytest.raises(PackageError, match=said):
        predictor.predict(rows)


def test_signature_says_what_goes_in_and_what_comes_out(tmp_path: Path) -> None:
    found = exported(tmp_path / "package", "multiclass")[0].signature

    assert found.to_json() == {
        "format": 1, "unseen_categories": "missing", "target": {"task": "multiclass", "classes": ["high", "low", "mid"]},
        "output": {"name": "probabilities", "shape": [None, 3]},
        "columns": [
            {"name": "first", "type": "float"}, {"name": "second", "type": "float"}, {"name": "kind", "type": "string", "categories": ["x", "y", "z"]},
        ],
    }  # fmt: skip


def one_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("name", ["candidate.json", "encoder.json", "signature.json", "linear.json"])
def test_one_changed_byte_is_refused(tmp_path: Path, name: str) -> None:
    exported(tmp_path / "package", estimator=HIST if name == "candidate.json" else TREES)
    one_byte(tmp_path / "package" / name)
    with pytest.raises(PackageError, match="is not what its manifest says"):
        Predictor.load(tmp_path / "package")


@pytest.mark.parametrize(
    "name",
    ["../evil.json", "/etc/passwd", "a/b.json", "..\\evil.json", "evil.py", "UPPER.json", ".hidden.json", "x.json\n"],
)
def test_file_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    files = {name: "{}"}
    manifest = {"model": "again", "version": 1, "files": hashes_of(files)}
    with pytest.raises(PackageError, match="file names that are not allowed"):
        write_files(files, manifest, tmp_path / "out")
    with pytest.raises(PackageError, match="file names that are not allowed"):
        Predictor.load({**files, "manifest.json": json.dumps(manifest)})
    assert list(tmp_path.iterdir()) == []


def test_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    exported(tmp_path / "package")
    (tmp_path / "elsewhere.json").write_bytes((tmp_path / "package" / "linear.json").read_bytes())
    (tmp_path / "package" / "linear.json").unlink()
    (tmp_path / "package" / "linear.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(PackageError, match="no plain file"):
        Predictor.load(tmp_path / "package")


def test_existing_folder_is_not_touched(tmp_path: Path) -> None:
    exported(tmp_path / "package")
    before = {path.name: path.read_bytes() for path in (tmp_path / "package").iterdir()}
    with pytest.raises(PackageError, match="already there"):
        exported(tmp_path / "package", "regression")

    assert {path.name: path.read_bytes() for path in (tmp_path / "package").iterdir()} == before
