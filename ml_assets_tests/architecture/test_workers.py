"""Tests that share what takes long to make are run by one worker, so that it is made once."""

from __future__ import annotations

import os

import pytest

from ml_assets_tests.conftest import made_once


@pytest.fixture(autouse=True)
def _as_make_test_runs_them(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("dist", "no") not in ("no", "loadgroup"):
        pytest.skip("holds under --dist loadgroup")


def workers_so_far(factory: pytest.TempPathFactory, name: str) -> set[str]:
    """The workers that have asked for this name, this one among them."""
    folder = made_once(factory, name, lambda path: path.mkdir())
    (folder / os.environ.get("PYTEST_XDIST_WORKER", "alone")).touch()
    return {path.name for path in folder.iterdir()}


@pytest.mark.xdist_group("one_worker")
@pytest.mark.parametrize("number", range(6))
def test_a_declared_group_has_one_worker(number: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert len(workers_so_far(tmp_path_factory, "workers_of_a_group")) == 1


@pytest.mark.parametrize("number", range(6))
def test_a_file_has_one_worker(number: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert len(workers_so_far(tmp_path_factory, "workers_of_a_file")) == 1
