"""ml_assets: a declarative ML asset graph on Dagster.

The component classes are reachable from here (`type: ml_assets.RawTable` in a `defs.yaml`) and are imported on first
use, so that importing the package, its warehouse or its serving path does not import Dagster.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml_assets.components import FeatureSet, Model, Monitor, Operations, RawTable, ScoredOutput, SqlTable

__all__ = ["FeatureSet", "Model", "Monitor", "Operations", "RawTable", "ScoredOutput", "SqlTable"]

try:
    __version__ = version("ml-assets")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0.0.0"


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ml_assets import components

        return getattr(components, name)
    raise AttributeError(f"module 'ml_assets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
