"""YAML documents with the lines of their parts, and without the traps of YAML 1.1."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from ml_assets.errors import DeclarationError

# The parser in C where the installed PyYAML has it: it reads a project's declarations in a tenth of the time.
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT, _MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class Document:
    """One document of a file: its plain data, and its nodes for looking up lines."""

    data: Any
    node: yaml.Node
    shown: str

    @property
    def place(self) -> str:
        """`path:line` of its first line."""
        return f"{self.shown}:{self.node.start_mark.line + 1}"

    def place_of(self, *path: str) -> str:
        """`path:line` of the deepest part of a path of keys and positions that is written down."""
        return f"{self.shown}:{line_of(self.node, path)}"

    def written(self, path: Iterable[str]) -> list[str]:
        """The parts of a path that are written down; pydantic's locations also name variants of a union."""
        return [part for part, _ in _walk(self.node, path)]

    def has(self, *path: str) -> bool:
        return len(self.written(path)) == len(path)


def read_documents(text: str, shown: str) -> list[Document]:
    """The documents of a file that are not empty. Raises with its line for what YAML cannot read or would misread."""
    try:
        nodes = [node for node in yaml.compose_all(text, Loader=_LOADER) if node is not None]
        for node in nodes:
            _refuse_traps(node, shown)
        found = [data for data in yaml.load_all(text, Loader=_LOADER) if data is not None]
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise DeclarationError(
            "not valid YAML", place=f"{shown}:{line}", expected="one component document", got=problem.problem or str(problem),
            remedy="correct the indentation or quote the value",
        ) from problem  # fmt: skip
    return [
        Document(data, node, shown) for data, node in zip(found, (n for n in nodes if not _is_null(n)), strict=True)
    ]


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def line_of(node: yaml.Node, path: Iterable[str]) -> int:
    """1-based line of the deepest part of `path` that exists below a YAML node."""
    line = node.start_mark.line + 1
    for _, found in _walk(node, path):
        line = found
    return line


def _walk(node: yaml.Node, path: Iterable[str]) -> Iterator[tuple[str, int]]:
    """The parts of `path` that are there, each with its line; parts that are not are passed over."""
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is not None:
                node = found[1]
                yield part, found[0].start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            yield part, node.start_mark.line + 1


def _refuse_traps(node: yaml.Node, shown: str) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            _refuse_key(key, seen, shown)
            seen.add(str(key.value))
            _refuse_traps(value, shown)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_traps(value, shown)
    else:
        _value_of(node, shown)


def _refuse_key(key: yaml.Node, seen: set[str], shown: str) -> None:
    place = f"{shown}:{key.start_mark.line + 1}"
    if key.tag not in (_TEXT, _MERGE):
        read = _value_of(key, shown) if isinstance(key, yaml.ScalarNode) else "a list or mapping"
        raise DeclarationError(
            f"the key `{key.value}` is no text", place=place, expected="a name", got=f"YAML 1.1 reads it as {read!r}",
            remedy="quote it, or take another name",
        )  # fmt: skip
    if key.value in seen:
        raise DeclarationError(
            f"the key `{key.value}` stands here twice", place=place, expected="every key once",
            got="a second one, which would silently replace the first", remedy="remove or rename one of them",
        )  # fmt: skip


def _value_of(node: yaml.Node, shown: str) -> object:
    try:
        return SafeConstructor().construct_object(node, deep=True)
    except ValueError as problem:
        raise DeclarationError(
            f"`{node.value}` cannot be read", place=f"{shown}:{node.start_mark.line + 1}",
            expected="a value that exists, or a quoted text", got=str(problem), remedy="correct or quote it",
        ) from problem  # fmt: skip
