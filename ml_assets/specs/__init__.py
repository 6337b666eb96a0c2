"""The vocabulary: frozen pydantic models of everything a user may declare. No I/O."""

from ml_assets.specs.base import Described, Name, Severity, Spec
from ml_assets.specs.columns import ColumnSpec, ContractSpec
from ml_assets.specs.estimators import CostSpec, LightGBMSpec, SklearnSpec, TuningSpec
from ml_assets.specs.evaluation import EvaluationSpec, SliceSpec
from ml_assets.specs.features import FeatureSetSpec
from ml_assets.specs.gate import CardSpec, GateSpec, PromotionSpec
from ml_assets.specs.models import LabelSpec, ModelSpec, ScoredOutputSpec
from ml_assets.specs.monitors import CostRateSpec, FalseAlarmSpec, MonitorSpec, OperationsSpec, RetrainSpec
from ml_assets.specs.profiles import EngineSpec, ProfileSpec
from ml_assets.specs.pulls import EnvironmentSpec, PullSpec
from ml_assets.specs.splits import GroupSplitSpec, RandomSplitSpec, StratifiedSplitSpec, TimeSplitSpec
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
    "CalendarSpec",
    "CardSpec",
    "ColumnSpec",
    "ContractSpec",
    "CostRateSpec",
    "CostSpec",
    "CsvFormat",
    "Described",
    "EngineSpec",
    "EnvironmentSpec",
    "EvaluationSpec",
    "FalseAlarmSpec",
    "FeatureSetSpec",
    "FreshnessSpec",
    "GateSpec",
    "GroupSplitSpec",
    "JsonLinesFormat",
    "LabelSpec",
    "LightGBMSpec",
    "ModelSpec",
    "MonitorSpec",
    "Name",
    "OperationsSpec",
    "ParquetFormat",
    "ProfileSpec",
    "PromotionSpec",
    "PullSpec",
    "RandomSplitSpec",
    "RawTableSpec",
    "ReferenceSpec",
    "RetrainSpec",
    "ScoredOutputSpec",
    "Severity",
    "SklearnSpec",
    "SliceSpec",
    "SnapshotSpec",
    "Spec",
    "SqlTableSpec",
    "StratifiedSplitSpec",
    "TableSpec",
    "TimeSplitSpec",
    "TuningSpec",
    "VolumeSpec",
]  # fmt: skip
