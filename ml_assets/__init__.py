"""ml_assets: a declarative ML asset graph on Dagster.

The component classes are reachable from here (`type: ml_assets.RawTable` in a `defs.yaml`) and are imported on first
use, so that importing the package, its warehouse or its serving path does not import Dagster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml_assets.components import FeatureSet, Model, Monitor, Operations, RawTable, ScoredOutput, SqlTable

__all__ = ["FeatureSet", "Model", "Monitor", "Operations", "RawTable", "ScoredOutput", "SqlTable"]

__version__: str


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name in __all__:
        from ml_assets import components

        return getattr(components, name)
    raise AttributeError(f"module 'ml_assets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def _version() -> str:
    """Looked up when it is asked for: that takes longer than everything else that `ml-assets --help` does."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ml-assets")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0.0.0"
