"""All declarations of a project, read from `defs.yaml` files without Dagster, each with its file and line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ml_assets.errors import DeclarationError, UnknownNameError
from ml_assets.specs import FeatureSetSpec, ModelSpec, RawTableSpec, ScoredOutputSpec, SqlTableSpec
from ml_assets.specs.base import Described

PREFIX = "ml_assets."
KINDS: dict[str, type[Described]] = {
    "RawTable": RawTableSpec,
    "SqlTable": SqlTableSpec,
    "FeatureSet": FeatureSetSpec,
    "Model": ModelSpec,
    "ScoredOutput": ScoredOutputSpec,
}


@dataclass(frozen=True)
class Declaration:
    """One spec, where it stands (`path:line`) and the use case (first folder below `defs/`) it belongs to."""

    spec: Described
    place: str
    use_case: str
    node: yaml.Node | None = field(default=None, compare=False, repr=False)

    def place_of(self, *path: str) -> str:
        """`path:line` of the deepest part of a field's path that is written down; `place` where none of it is."""
        attributes = _child(self.node, "attributes")
        if attributes is None or _child(attributes, path[0]) is None:
            return self.place
        return f"{self.place.rpartition(':')[0]}:{line_of(attributes, path)}"


@dataclass(frozen=True)
class Project:
    """The declarations of a project and the folder its SQL paths start from."""

    declarations: tuple[Declaration, ...]
    sql_root: Path

    def including(self, declaration: Declaration) -> Project:
        """With one more declaration, unless an equal spec is already there (a component declared in Python)."""
        if any(known.spec == declaration.spec for known in self.declarations):
            return self
        return Project((*self.declarations, declaration), self.sql_root)


def load_project(defs_root: Path, sql_root: Path, project_root: Path) -> Project:
    """Every ml_assets declaration below `defs_root`; unchanged files are not read twice in one process.

    Places are given relative to `project_root`.
    """
    files = sorted(defs_root.rglob("defs.yaml"))
    stamp = tuple((str(path), path.stat().st_mtime_ns) for path in files)
    return _load(defs_root, sql_root, project_root, stamp)


@lru_cache(maxsize=8)
def _load(defs_root: Path, sql_root: Path, project_root: Path, stamp: tuple[tuple[str, int], ...]) -> Project:
    declarations: list[Declaration] = []
    for name, _ in stamp:
        declarations += read_declarations(Path(name), defs_root, project_root)
    return Project(tuple(declarations), sql_root)


def read_declarations(path: Path, defs_root: Path, project_root: Path) -> list[Declaration]:
    """The declarations of one file. Documents of other component types are none of ours and are passed over."""
    text = path.read_text(encoding="utf-8")
    shown = path.relative_to(project_root).as_posix() if path.is_relative_to(project_root) else str(path)
    try:
        nodes = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise DeclarationError(
            "not valid YAML", place=f"{shown}:{line}", expected="one component document", got=problem.problem or str(problem),
            remedy="correct the indentation or quote the value",
        ) from problem  # fmt: skip
    if len(documents) > 1:
        raise DeclarationError(
            "several documents in one file", place=f"{shown}:{nodes[1].start_mark.line + 1}", expected="one document a file",
            got=f"{len(documents)} documents", remedy="put each component into a folder of its own",
        )  # fmt: skip
    relative = path.parent.relative_to(defs_root).parts
    use_case = relative[0] if relative else "default"
    return [d for document, node in zip(documents, nodes, strict=True) if (d := _declaration(document, node, shown, use_case))]


def _declaration(document: Any, node: yaml.Node, shown: str, use_case: str) -> Declaration | None:
    kind = document.get("type") if isinstance(document, Mapping) else None
    if not isinstance(kind, str) or not kind.startswith(PREFIX):
        return None
    name = kind.removeprefix(PREFIX)
    place = f"{shown}:{line_of(node, ('type',))}"
    if name not in KINDS:
        raise UnknownNameError("component type", kind, [PREFIX + known for known in KINDS], place=place)
    try:
        spec = KINDS[name].model_validate(document.get("attributes") or {})
    except ValidationError as problem:
        raise _invalid(problem, node, shown, kind) from problem
    return Declaration(spec, f"{shown}:{line_of(node, ('attributes', 'name'))}", use_case, node)


def _invalid(problem: ValidationError, node: yaml.Node, shown: str, kind: str) -> DeclarationError:
    faults = problem.errors()
    first = faults[0]
    location = ("attributes", *(str(part) for part in first["loc"]))
    field = ".".join(location[1:]) or "attributes"
    got = "nothing" if first["type"] == "missing" else first.get("input")
    rest = [f"line {line_of(node, ('attributes', *map(str, f['loc'])))}: {'.'.join(map(str, f['loc']))}: {f['msg']}" for f in faults[1:]]
    return DeclarationError(
        f"{kind}: {field}: {first['msg'].removeprefix('Value error, ')}", place=f"{shown}:{line_of(node, location)}",
        expected=_expected(first), got=got, remedy=f"correct {field}; `ml-assets components {kind.removeprefix(PREFIX)}` lists the fields",
        examples=rest,
    )  # fmt: skip


def _expected(fault: Mapping[str, Any]) -> str:
    context = fault.get("ctx") or {}
    if "expected" in context:
        return str(context["expected"])
    return {"missing": "a value", "extra_forbidden": "a declared field"}.get(str(fault["type"]), str(fault["msg"]).removeprefix("Value error, "))


def _child(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """The value of `key`, None where there is none."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def line_of(node: yaml.Node, path: Iterable[str]) -> int:
    """1-based line of the deepest part of `path` that exists below a YAML node."""
    line = node.start_mark.line + 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                # Discriminated unions put the variant's name into pydantic's location; the YAML has no such level.
                continue
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
    return line
