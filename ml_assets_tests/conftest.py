"""State that takes seconds to make, made once for all workers of a test run and copied by tests that change it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.nodeid import NodeId

from ml_assets.warehouse.home import Home
from ml_assets_tests.e2e.state import ml_assets
from ml_assets_tests.postgres_server import PostgresServer, running_server
from ml_assets_tests.shop import SmallShop
from ml_assets_tests.tiny import TinyProject


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Tests with a declared group go first: they are the long ones, and no worker shall wait for one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
    yield
    # pytest-xdist 3.8 names groups in an attribute that pytest 9.2 does not read (pytest-dev/pytest-xdist#1386).
    for item in items:
        if named := getattr(item, "_nodeid", None):
            path, *names = named.split("::")
            item._id = NodeId(path=path, names=tuple(names))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """All tests of a declared group, and those of a file without one, go to one worker: what they share is made once."""
    from xdist.scheduler import LoadGroupScheduling

    class GroupOrFile(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            group = super()._split_scope(nodeid)
            return nodeid.partition("::")[0] if group == nodeid else group

    if config.getvalue("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False
    return GroupOrFile(config, log)


@pytest.fixture(scope="session", autouse=True)
def _no_telemetry() -> None:
    os.environ["DO_NOT_TRACK"] = "1"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyProject:
    """The tiny project after a whole run. Not to be changed: take a copy."""
    root = made_once(tmp_path_factory, "tiny", _run_tiny)
    return TinyProject(root, Home(root / ".ml_assets"))


@pytest.fixture
def tiny_copy(tiny: TinyProject, tmp_path: Path) -> TinyProject:
    """The tiny project after a whole run, for this test alone."""
    return tiny.copied_to(tmp_path / "project")


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> SmallShop:
    """The reference project's state after a whole run on a small simulated shop. Not to be changed: take a copy."""
    return SmallShop(made_once(tmp_path_factory, "small_shop", SmallShop.make))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for this worker; skips where there cannot be one."""
    with running_server() as server:
        yield server


def _run_tiny(root: Path) -> None:
    project = TinyProject.create(root)
    result = ml_assets(project.home.root, "run", project=root)
    assert result.returncode == 0, result.stdout + result.stderr


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first worker makes while the others wait."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            make(folder)
            done.touch()
    return folder
