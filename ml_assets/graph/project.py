"""All declarations of a project, read from `defs.yaml` files without Dagster, each with its file and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from ml_assets.errors import DeclarationError, UnknownNameError
from ml_assets.graph.invalid import invalid_declaration
from ml_assets.graph.profile import load_profile
from ml_assets.graph.yaml_document import Document, read_documents
from ml_assets.specs import (
    FeatureSetSpec,
    ModelSpec,
    MonitorSpec,
    OperationsSpec,
    PromotionSpec,
    RawTableSpec,
    ScoredOutputSpec,
    SqlTableSpec,
)
from ml_assets.specs.base import Described

PREFIX = "ml_assets."
KINDS: dict[str, type[Described]] = {
    "RawTable": RawTableSpec,
    "SqlTable": SqlTableSpec,
    "FeatureSet": FeatureSetSpec,
    "Model": ModelSpec,
    "ScoredOutput": ScoredOutputSpec,
    "Monitor": MonitorSpec,
    "Operations": OperationsSpec,
}


@dataclass(frozen=True)
class Declaration:
    """One spec, where it stands (`path:line`) and the use case (first folder below `defs/`) it belongs to."""

    spec: Described
    place: str
    use_case: str
    document: Document | None = field(default=None, compare=False, repr=False)

    def place_of(self, *path: str) -> str:
        """`path:line` of the deepest part of a field's path that is written down; `place` where none of it is."""
        if self.document is None or not self.document.has("attributes", path[0]):
            return self.place
        return self.document.place_of("attributes", *path)


@dataclass(frozen=True)
class Project:
    """The declarations of a project and the folder its SQL paths start from."""

    declarations: tuple[Declaration, ...]
    sql_root: Path
    # Of models that declare none.
    promotion: PromotionSpec = field(default_factory=PromotionSpec)

    @property
    def root(self) -> Path:
        """The folder that holds `sql/`, and that runbooks are given relative to."""
        return self.sql_root.parent

    def including(self, declaration: Declaration) -> Project:
        """With one more declaration, unless an equal spec is already there (a component declared in Python)."""
        if any(known.spec == declaration.spec for known in self.declarations):
            return self
        return replace(self, declarations=(*self.declarations, declaration))


def load_project(defs_root: Path, sql_root: Path, project_root: Path) -> Project:
    """Every ml_assets declaration below `defs_root`, with what the profile says; unchanged files are not read twice.

    Places are given relative to `project_root`.
    """
    files = sorted(defs_root.rglob("defs.yaml"))
    stamp = tuple((str(path), path.stat().st_mtime_ns) for path in files)
    return replace(_load(defs_root, sql_root, project_root, stamp), promotion=load_profile(project_root).spec.promotion)


@lru_cache(maxsize=8)
def _load(defs_root: Path, sql_root: Path, project_root: Path, stamp: tuple[tuple[str, int], ...]) -> Project:
    declarations: list[Declaration] = []
    for name, _ in stamp:
        declarations += read_declarations(Path(name), defs_root, project_root)
    return Project(tuple(declarations), sql_root)


def read_declarations(path: Path, defs_root: Path, project_root: Path) -> list[Declaration]:
    """The declarations of one file. Documents of other component types are none of ours and are passed over."""
    shown = path.relative_to(project_root).as_posix() if path.is_relative_to(project_root) else str(path)
    documents = read_documents(path.read_text(encoding="utf-8"), shown)
    ours = [document for document in documents if _kind(document).startswith(PREFIX)]
    if ours and len(documents) > 1:
        raise DeclarationError(
            "several documents in one file", place=documents[1].place, expected="one document a file",
            got=f"{len(documents)} documents", remedy="put each component into a folder of its own",
        )  # fmt: skip
    relative = path.parent.relative_to(defs_root).parts
    return [_declaration(document, relative[0] if relative else "default") for document in ours]


def _kind(document: Document) -> str:
    return str(document.data.get("type", "")) if isinstance(document.data, Mapping) else ""


def _declaration(document: Document, use_case: str) -> Declaration:
    kind = _kind(document)
    name = kind.removeprefix(PREFIX)
    if name not in KINDS:
        raise UnknownNameError(
            "component type", kind, [PREFIX + known for known in KINDS], place=document.place_of("type"),
            remedy="take one of these, or another package's component",
        )  # fmt: skip
    try:
        spec = KINDS[name].model_validate(document.data.get("attributes") or {})
    except ValidationError as problem:
        raise invalid_declaration(problem, KINDS[name], document, kind) from problem
    return Declaration(spec, document.place_of("attributes", "name"), use_case, document)
