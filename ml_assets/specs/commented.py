"""A new declaration to begin with: needed fields with example values, all others as comments with their defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from ml_assets.specs.base import NAME_PATTERN
from ml_assets.specs.examples import EXAMPLES
from ml_assets.specs.fields import kind_of, variants
from ml_assets.specs.words import allowed, in_yaml, need

_CODE_WIDTH = 34


def commented_document(kind: str, spec: type[BaseModel], name: str) -> str:
    """A document of `ml_assets.<kind>` called `name` (the example's own where that is no valid name).

    It reads as valid YAML of the kind as it stands, and with any line `# field: value` uncommented.
    """
    document = yaml.safe_load(EXAMPLES[kind])
    values = document["attributes"]
    if NAME_PATTERN.fullmatch(name) and "__" not in name:
        values = values | {"name": name}
    lines = [
        f"# {' '.join((spec.__doc__ or '').split())}",
        "# The values are examples. A line that is commented out shows a default, or an example where one helps;",
        f"# `ml-assets components {kind}` says more about every field.",
        f"type: {document['type']}",
        "attributes:",
        *_lines(spec, values, 1, kind),
    ]  # fmt: skip
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _lines(spec: type[BaseModel], values: Mapping[str, Any], depth: int, path: str) -> Iterator[str]:
    needed = _needed(spec, values)
    for name in needed:
        yield from _needed_lines(name, spec.model_fields[name], values[name], depth, f"{path}.{name}")
    for name, field in spec.model_fields.items():
        if name not in needed:
            yield _optional_line(name, field, values, depth)


def _needed(spec: type[BaseModel], values: Mapping[str, Any]) -> list[str]:
    """Names of the fields without which the example would not be valid, in the order of the spec."""
    chosen = [
        name for name, field in spec.model_fields.items() if field.is_required() or (name in values and name == "kind")
    ]
    offered = [name for name in values if name not in chosen]
    while not _is_valid(spec, values, chosen) and offered:
        chosen.append(offered.pop(0))
    for name in [name for name in chosen if not spec.model_fields[name].is_required() and name != "kind"]:
        if _is_valid(spec, values, [other for other in chosen if other != name]):
            chosen.remove(name)
    return [name for name in spec.model_fields if name in chosen]


def _is_valid(spec: type[BaseModel], values: Mapping[str, Any], names: list[str]) -> bool:
    try:
        spec.model_validate({name: values[name] for name in names})
    except ValidationError:
        return False
    return True


def _needed_lines(name: str, field: FieldInfo, value: Any, depth: int, path: str) -> Iterator[str]:
    indent, held = "  " * depth, variants(field.annotation)
    if not held or not isinstance(value, Mapping):
        yield _with_comment(f"{indent}{name}: {in_yaml(value)}", field.description, allowed(field.annotation))
        return
    yield _with_comment(f"{indent}{name}:", field.description, allowed(field.annotation))
    if allowed(field.annotation):
        yield from (f"{indent}  {key}: {in_yaml(member)}" for key, member in value.items())
        others = ", ".join(other for other in held[0].model_fields)
        yield f"{indent}  # (each of them may have {others})"
        return
    if len(held) > 1:
        yield f"{indent}  # (there are other forms of it: ml-assets components {path})"
    yield from _lines(_variant(held, value), value, depth + 1, path)


def _variant(held: tuple[type[BaseModel], ...], value: Mapping[str, Any]) -> type[BaseModel]:
    """The spec that the value is one of."""
    by_kind = [spec for spec in held if "kind" in value and kind_of(spec) == value["kind"]]
    return next(spec for spec in (*by_kind, *held) if _is_valid(spec, value, list(value)))


def _optional_line(name: str, field: FieldInfo, values: Mapping[str, Any], depth: int) -> str:
    default = field.get_default(call_default_factory=True)
    shown = in_yaml(values.get(name, default))
    said = f"{need(field)}" if name in values and not isinstance(default, BaseModel) else ""
    return _with_comment(f"{'  ' * depth}# {name}: {shown}", field.description, allowed(field.annotation), said)


def _with_comment(code: str, description: str | None, *facts: str) -> str:
    listed = "; ".join(fact for fact in facts if fact and fact != "text")
    said = f"{description}{f' ({listed})' if listed else ''}" if description else ""
    return f"{code:<{_CODE_WIDTH}}  # {said}" if said else code
