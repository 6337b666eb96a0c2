"""Dagster components, one for each declared kind. Thin: they hand a graph's assets to Dagster and decide nothing."""

from ml_assets.components.declared import FeatureSet, Model, Monitor, Operations, RawTable, ScoredOutput, SqlTable

__all__ = ["FeatureSet", "Model", "Monitor", "Operations", "RawTable", "ScoredOutput", "SqlTable"]
