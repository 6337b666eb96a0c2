"""What a replay needs: the rows of each version, whole, under their hash, and the manifest that names them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import NotMaterializedError, PackageError
from ml_assets.specs.models import ModelSpec
from ml_assets.training.archive import archive_path, read_archive
from ml_assets.training.fitting import fit_package
from ml_assets.training.package import hashes_of
from ml_assets_tests.training.world import World


def manifest_of(world: World) -> dict[str, Any]:
    ((text,),) = world.lab.rows("select manifest from wh.models.again")
    found: dict[str, Any] = json.loads(text)
    return found


def test_archived_rows_train_the_same_bytes_again(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    manifest = manifest_of(world)
    home = world.lab.context().home
    rows = read_archive(home, "again", manifest["training_set"]["archive"])
    spec = ModelSpec.model_validate(manifest["spec"])
    package, facts = fit_package(rows, spec, manifest["features"], "replay", lambda _label, _done, _total: None)

    assert hashes_of(package.to_files()) == manifest["files"]
    assert "test" not in rows["part"].to_pylist()
    assert facts["rows_trained_on"] == manifest["facts"]["rows_trained_on"] == len(rows) == 360
    assert [path.suffix for path in (home.root / "training" / "again").iterdir()] == [".parquet"]


def test_damaged_or_missing_archive_is_refused(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    home, content = world.lab.context().home, manifest_of(world)["training_set"]["archive"]
    path = archive_path(home, "again", content)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(PackageError, match="not what they were"):
        read_archive(home, "again", content)
    path.unlink()
    with pytest.raises(NotMaterializedError, match="training rows of again are not there"):
        read_archive(home, "again", content)
    with pytest.raises(PackageError, match="not the hash of an archive"):
        read_archive(home, "again", "../../warehouse")


def test_manifest_holds_data_logic_seeds_parts_and_machine(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    manifest = manifest_of(world)
    batches = dict(world.lab.rows("select asset, max(batch) from wh.ops.manifest group by 1"))

    assert {name: table["batch"] for name, table in manifest["data"].items()} == {
        name: batches[name] for name in ("features.habits", "labels.again", "training.again")
    }
    assert manifest["data"]["features.habits"]["logic"] == ["given"]
    assert manifest["facts"]["seeds"] == {"estimator": 7}
    assert manifest["training_set"]["parts"]["embargo"] == {
        "rows": 80,
        "reason": "outcome window reaches into a later part",
    }
    assert manifest["facts"]["package_bytes"] > 1000
    assert set(manifest["facts"]["timings"]) == {"candidate", "baselines"}
    assert {"python", "system", "processor", "cores"} == set(manifest["machine"])
    assert {"scikit-learn", "scipy", "lightgbm"} <= set(manifest["packages"])
