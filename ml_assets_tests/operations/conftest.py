"""Nothing of the surroundings reaches these tests."""

from __future__ import annotations

import pytest

_SURROUNDINGS = (
    "ML_ASSETS_HOME", "ML_ASSETS_PROJECT", "ML_ASSETS_NOW", "ML_ASSETS_RETRAIN", "GITHUB_ACTIONS", "GITHUB_WORKSPACE", "DAGSTER_HOME",
    "ML_ASSETS_PROFILE",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _SURROUNDINGS:
        monkeypatch.delenv(name, raising=False)
