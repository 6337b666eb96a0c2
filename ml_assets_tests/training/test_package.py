"""Packages: whole or refused, and never executed."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import NotMaterializedError, PackageError
from ml_assets.training.baselines import Constant
from ml_assets.training.matrix import Encoder
from ml_assets.training.package import Package, hashes_of, load_package
from ml_assets.training.versions import load_version
from ml_assets_tests.training.world import World

Files = dict[str, str]


def small_package() -> Files:
    return Package(Encoder(("x",), {}), {"candidate": Constant(0.25)}).to_files()


def changed(name: str, old: str, new: str) -> Callable[[Files], Files]:
    return lambda files: files | {name: files[name].replace(old, new, 1)}


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        pytest.param(changed("candidate.json", "0.25", "0.26"), "candidate.json", id="one_byte_of_a_model"),
        pytest.param(changed("encoder.json", "x", "y"), "encoder.json", id="one_byte_of_the_encoder"),
        pytest.param(lambda files: files | {"extra.json": "{}"}, "extra.json", id="added"),
        pytest.param(
            lambda files: {name: text for name, text in files.items() if name != "candidate.json"},
            "candidate.json",
            id="removed",
        ),
        pytest.param(
            lambda files: files | {"encoder.json": files["candidate.json"], "candidate.json": files["encoder.json"]},
            "candidate.json, encoder.json",
            id="exchanged",
        ),
    ],
)
def test_changed_package_is_refused(damage: Callable[[Files], Files], named: str) -> None:
    files = small_package()
    manifest = {"files": hashes_of(files)}

    assert load_package(files, manifest, version="m@1").estimators == {"candidate": Constant(0.25)}
    with pytest.raises(PackageError, match="the package of m@1 is not what its manifest says") as caught:
        load_package(damage(files), manifest, version="m@1")
    assert f"differing: {named}" in str(caught.value)


def test_loading_a_stored_version_unpickles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World.trained(tmp_path)

    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("a package was executed")

    for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
        monkeypatch.setattr(module, name, forbidden)
    monkeypatch.setattr("builtins.eval", forbidden)
    with world.lab.warehouse.reading() as bench:
        version = load_version(bench, "again")

    assert str(version) == "again@1"
    assert set(version.package.estimators) == {"candidate", "constant", "one_rule", "linear"}


def test_stored_files_are_text_that_json_reads(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    ((names, texts),) = world.lab.rows("select map_keys(files), map_values(files) from wh.models.again")

    assert sorted(names) == [
        "candidate.json",
        "constant.json",
        "encoder.json",
        "linear.json",
        "one_rule.json",
        "signature.json",
    ]
    assert all(isinstance(json.loads(text), dict) for text in texts)


def test_changed_byte_in_the_warehouse_fails_the_check_and_every_reader(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    assert world.judge(world.model)["newest_package_loads_and_answers"].status == "passed"
    world.lab.alter(
        "update wh.models.again set files = map(map_keys(files), list_transform(map_values(files), lambda t: replace(t, '\"answer\":0.', '\"answer\":1.')))"
    )

    assert "differing: constant.json" in world.judge(world.model)["newest_package_loads_and_answers"].summary
    with world.lab.warehouse.reading() as bench, pytest.raises(PackageError, match="again@1"):
        load_version(bench, "again", 1)


@pytest.mark.parametrize(
    ("number", "named"),
    [pytest.param(None, "again@candidate", id="newest"), pytest.param(3, "again@3", id="by_number")],
)
def test_version_that_is_not_there_is_an_error_with_a_remedy(tmp_path: Path, number: int | None, named: str) -> None:
    with (
        World(tmp_path).lab.warehouse.reading() as bench,
        pytest.raises(NotMaterializedError, match=f"there is no {named}") as caught,
    ):
        load_version(bench, "again", number)
    assert "ml-assets run models.again" in str(caught.value)
