"""The vocabulary: frozen pydantic models of everything a user may declare. No I/O."""

from ml_assets.specs.base import Described, Name, Severity, Spec
from ml_assets.specs.columns import ColumnSpec, ContractSpec
from ml_assets.specs.features import FeatureSetSpec
from ml_assets.specs.gate import CardSpec, GateSpec, PromotionSpec
from ml_assets.specs.models import LabelSpec, LightGBMSpec, ModelSpec, ScoredOutputSpec, TimeSplitSpec
from ml_assets.specs.tables import (
    CsvFormat,
    JsonLinesFormat,
    ParquetFormat,
    RawTableSpec,
    ReferenceSpec,
    SqlTableSpec,
    TableSpec,
    VolumeSpec,
)
from ml_assets.specs.times import CalendarSpec, FreshnessSpec, SnapshotSpec

__all__ = [
    "CalendarSpec", "CardSpec", "ColumnSpec", "ContractSpec", "CsvFormat", "Described", "FeatureSetSpec", "FreshnessSpec",
    "GateSpec", "JsonLinesFormat", "LabelSpec", "LightGBMSpec", "ModelSpec", "Name", "ParquetFormat", "PromotionSpec",
    "RawTableSpec", "ReferenceSpec", "ScoredOutputSpec", "Severity", "SnapshotSpec", "Spec", "SqlTableSpec", "TableSpec",
    "TimeSplitSpec", "VolumeSpec",
]  # fmt: skip
