"""The component classes of `type: ml_assets.…`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

import dagster as dg
from pydantic import BaseModel

from ml_assets.components.definitions_of import definitions_of
from ml_assets.components.scaffolding import DeclarationScaffolder
from ml_assets.graph.compile import compile_graph
from ml_assets.graph.project import Declaration, Project, load_project
from ml_assets.specs import (
    FeatureSetSpec,
    ModelSpec,
    MonitorSpec,
    OperationsSpec,
    RawTableSpec,
    ScoredOutputSpec,
    SqlTableSpec,
)
from ml_assets.specs.base import Described
from ml_assets.sql_files import sql_root


@dg.scaffold_with(DeclarationScaffolder)
class DeclaredComponent(dg.Component):
    """A component whose attributes are exactly one spec. From Python: `RawTable(RawTableSpec(...))`."""

    spec_type: ClassVar[type[Described]]

    def __init__(self, spec: Described) -> None:
        self.spec = spec

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        return cls.spec_type

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:  # noqa: ARG003 (Dagster's interface)
        return cls(cls.spec_type.model_validate(attributes.model_dump(exclude_unset=True) if attributes else {}))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        project = project_around(context)
        file = context.path if context.path.is_file() else context.path / "defs.yaml"
        folders = file.relative_to(context.defs_module_path).parts[:-1]
        place = file.relative_to(context.project_root).as_posix()
        declaration = Declaration(self.spec, place, folders[0] if folders else "default")
        graph = compile_graph(project.including(declaration))
        return definitions_of(graph.of(declaration), Path(context.project_root))


def project_around(context: dg.ComponentLoadContext) -> Project:
    """All ml_assets declarations of the Dagster project that a component is loaded in."""
    root = Path(context.project_root)
    return load_project(context.defs_module_path, sql_root(root), root)


class RawTable(DeclaredComponent):
    """Landing files → `raw.<name>` with its contract, quarantine, checks and landing sensor."""

    spec_type = RawTableSpec


class SqlTable(DeclaredComponent):
    """One SQL file → a table; dependencies and column lineage are read from the SQL."""

    spec_type = SqlTableSpec


class FeatureSet(DeclaredComponent):
    """One SQL file → features of each entity at every snapshot, correct in time, with the leakage proof."""

    spec_type = FeatureSetSpec


class Model(DeclaredComponent):
    """Population, labels, training set, candidate with baselines, evaluation and champion of one model."""

    spec_type = ModelSpec


class ScoredOutput(DeclaredComponent):
    """Scores of the whole population at every snapshot, by the version an alias points to."""

    spec_type = ScoredOutputSpec


class Monitor(DeclaredComponent):
    """Watches scores (drift, performance against what was promised, retraining), or the days of a table."""

    spec_type = MonitorSpec


class Operations(DeclaredComponent):
    """The project's operational indicators with their history, and how far everything in production is watched."""

    spec_type = OperationsSpec
