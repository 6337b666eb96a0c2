"""Nothing of the surroundings reaches these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ml_assets_tests.components.world import World, opened
from ml_assets_tests.tiny import TinyProject


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ML_ASSETS_HOME", "ML_ASSETS_PROJECT", "ML_ASSETS_NOW", "ML_ASSETS_RETRAIN", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def world(tiny_copy: TinyProject) -> Iterator[World]:
    """The tiny project after a whole run, for this test alone, with its Dagster instance."""
    with opened(tiny_copy) as found:
        yield found
