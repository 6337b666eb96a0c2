"""One page a component: its purpose, what it yields, an example, and every field."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.generate.markdown import anchor, code, table
from ml_assets.graph.compile import Graph, compile_graph
from ml_assets.graph.project import KINDS, PREFIX, load_project
from ml_assets.specs.examples import EXAMPLES, FLAT_EXAMPLES, STATEMENTS
from ml_assets.specs.fields import kind_of, variants
from ml_assets.specs.words import need, what

_HEADER = ("field", "what may stand there", "if left out", "meaning")


def page_name(kind: str) -> str:
    """`raw-table.md` for RawTable."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind).lower() + ".md"


@cache
def example_graph() -> Graph:
    """The graph of all examples together."""
    with TemporaryDirectory() as temporary:
        root = Path(temporary)
        for folder, texts in (("history", EXAMPLES), ("flat", FLAT_EXAMPLES)):
            for kind, text in texts.items():
                _written(root / "defs" / "shop" / folder / kind / "defs.yaml", text)
        for name, text in STATEMENTS.items():
            _written(root / "sql" / name, text)
        return compile_graph(load_project(root / "defs", root / "sql", root))


def _written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def component_page(kind: str) -> str:
    """The page of `ml_assets.<kind>`."""
    spec, example = KINDS[kind], EXAMPLES[kind]
    name = yaml.safe_load(example)["attributes"]["name"]
    lines = [
        f"# {PREFIX}{kind}",
        "",
        inspect.cleandoc(spec.__doc__ or ""),
        "",
        f"`dg scaffold defs {PREFIX}{kind} shop/{name}` begins one with every field as a comment;",
        f"`ml-assets components {kind}` says the same as this page on a terminal. All components: [reference](README.md).",
        "",
        *_example("Example", example),
        *(_example("Example on a table with one example a row", FLAT_EXAMPLES[kind]) if kind in FLAT_EXAMPLES else ()),
        "## Fields",
        "",
        *_fields(spec, ""),
    ]
    return "\n".join(lines) + "\n"


def _example(title: str, text: str) -> Iterator[str]:
    """An example with its statements, and what it yields."""
    declared = yaml.safe_load(text)
    yield from (f"## {title}", "", "```yaml", text.rstrip(), "```", *_statements(text), "", "It yields:", "")
    yield from table(("asset", "with the checks"), _yielded(KINDS[declared["type"].removeprefix(PREFIX)], declared))
    yield ""


def _statements(example: str) -> Iterator[str]:
    for path, text in STATEMENTS.items():
        if path in example:
            yield from ("", f"`sql/{path}`:", "", "```sql", text.rstrip(), "```")


def _yielded(spec: type[BaseModel], declared: dict[str, Any]) -> Iterator[tuple[str, str]]:
    graph, wanted = example_graph(), spec.model_validate(declared["attributes"])
    for asset in graph:
        if graph.declared_by[asset.name].spec == wanted:
            codes = sorted({check.code for check in asset.checks})
            yield code(str(asset.name)), ", ".join(f"[{each}](checks.md#{each.lower()})" for each in codes)


def _fields(spec: type[BaseModel], path: str, *, variant: bool = False) -> Iterator[str]:
    """A table of a spec's fields, then one for whatever they hold, deepest last. A variant's `kind` stands above it."""
    rows = [_row(name, field, path) for name, field in spec.model_fields.items() if not (variant and name == "kind")]
    yield from table(_HEADER, rows) if rows else ["It has no fields beside `kind`."]
    for name, field in spec.model_fields.items():
        held, inner = variants(field.annotation), _inner(path, name, field)
        if not held:
            continue
        yield from ("", f"### {inner}", "", field.description or "")
        for each in held:
            yield from ("", *_introduced(each, several=len(held) > 1))
            yield from _fields(each, inner, variant=len(held) > 1)


def _inner(path: str, name: str, field: FieldInfo) -> str:
    member = {tuple: "[]", list: "[]", dict: ".NAME"}.get(get_origin(field.annotation) or object, "")
    return f"{path}.{name}{member}".removeprefix(".")


def _introduced(spec: type[BaseModel], *, several: bool) -> list[str]:
    said = " ".join((spec.__doc__ or "").split())
    if not several:
        return [said, ""]
    needed = ", ".join(code(name) for name, field in spec.model_fields.items() if field.is_required())
    form = code(f"kind: {kind_of(spec)}") if kind_of(spec) else f"With {needed}"
    return [f"**{form}**: {said}", ""]


def _row(name: str, field: FieldInfo, path: str) -> tuple[str, str, str, str]:
    inner = _inner(path, name, field)
    link = f"[fields](#{anchor(inner)})" if variants(field.annotation) else ""
    required = field.is_required()
    left_out = "**required**" if required else _left_out(field)
    return code(name), ", ".join(filter(None, (code(what(field)), link))), left_out, field.description or ""


def _left_out(field: FieldInfo) -> str:
    default: Any = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        return need(field) if kind_of(type(default)) else "its own defaults"
    return code(need(field).removeprefix("default "))
