"""`ml-assets components`: the fields of each component type, from their own descriptions."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from ml_assets.errors import DeclarationError, UnknownNameError, nearest
from ml_assets.graph.project import KINDS, PREFIX
from ml_assets.specs.commented import commented_document
from ml_assets.specs.fields import fields_below, kind_of, variants
from ml_assets.specs.words import need, what

# Longer unions are shown by their kinds alone until somebody asks for them: a screen stays readable.
_MOST_VARIANTS, _MOST_PLACES = 4, 3


@dataclass(frozen=True)
class _Place:
    """A field, by the name a person would ask for it: `Model.split`."""

    name: str
    field: FieldInfo


def components_command(kind: str | None, *, as_json: bool) -> int:
    """Print the types, one type's fields, or one field with what it holds; always 0, or an error for an unknown name."""
    if kind is None:
        for name, spec in KINDS.items():
            sys.stdout.write(f"{PREFIX}{name:<14} {(spec.__doc__ or '').splitlines()[0]}\n")
        return 0
    head, *rest = kind.removeprefix(PREFIX).split(".")
    name = ".".join((next((known for known in KINDS if known.lower() == head.lower()), head), *rest))
    if name in KINDS:
        spec = KINDS[name]
        text = json.dumps(spec.model_json_schema(), indent=2) if as_json else "\n".join(_type_lines(name, spec))
    else:
        places = _places(name)
        text = json.dumps(_schemas(places), indent=2) if as_json else "\n".join(_place_lines(places))
    sys.stdout.write(f"{text}\n")
    return 0


def document_command(kind: str | None) -> int:
    """Print the document that `dg scaffold defs` would write; always 0, or an error for what is no type."""
    name = known_kind(kind or "")
    sys.stdout.write(commented_document(name, KINDS[name], ""))
    return 0


def known_kind(asked: str) -> str:
    """The component type that a person names, whatever the case, with or without `ml_assets.`."""
    wanted = asked.removeprefix(PREFIX).lower()
    found = next((name for name in KINDS if name.lower() == wanted), None)
    if found is None:
        raise UnknownNameError("component type", asked, KINDS, remedy="`ml-assets components` lists the types")
    return found


def _schemas(places: Sequence[_Place]) -> object:
    found = {place.name: TypeAdapter(cast("Any", place.field.annotation)).json_schema() for place in places}
    return next(iter(found.values())) if len(found) == 1 else found


def _places(asked: str) -> list[_Place]:
    """The fields that a dotted name stands for: below its type, or of that name in any type."""
    head, *rest = asked.split(".")
    kinds = {head: KINDS[head]} if head in KINDS else KINDS
    wanted = tuple(rest) if head in KINDS else (head, *rest)
    found: dict[str, _Place] = {}
    for kind, spec in kinds.items():
        for path, field in fields_below(spec):
            if path == wanted or (head not in KINDS and path[-len(wanted) :] == wanted):
                name = ".".join((kind, *path))
                found.setdefault(name, _Place(name, field))
    if not found:
        raise _unknown(asked, kinds)
    return list(found.values())


def _unknown(asked: str, kinds: Mapping[str, type[BaseModel]]) -> DeclarationError:
    """With near names: a type's, else a field's of as many parts as were asked for."""
    parts = asked.count(".") + 1
    paths = [(kind, *path) for kind, spec in kinds.items() for path, _ in fields_below(spec)]
    names = {".".join(path if parts > 1 else path[-1:]) for path in paths if parts in (1, len(path))}
    near = (nearest(asked, kinds) if parts == 1 else []) or nearest(asked, names)
    return DeclarationError(
        f"unknown component type or field {asked!r}", expected=f"one of: {', '.join(KINDS)}, or a field such as Model.split",
        got=asked, remedy=f"did you mean {' or '.join(near)}?" if near else "`ml-assets components` lists the types",
    )  # fmt: skip


def _type_lines(name: str, spec: type[BaseModel]) -> Iterator[str]:
    yield f"{PREFIX}{name}: {spec.__doc__}"
    yield from _field_lines(spec, 1, name)


def _place_lines(places: Sequence[_Place]) -> Iterator[str]:
    for place in places[:_MOST_PLACES]:
        yield f"{place.name}: {_described(place.field)}"
        yield from _held_lines(place.field, 1, place.name, most=len(variants(place.field.annotation)))
    for place in places[_MOST_PLACES:]:
        yield f"{place.name}: {place.field.description or ''}"


def _field_lines(spec: type[BaseModel], depth: int, path: str, *, variant: bool = False) -> Iterator[str]:
    for name, field in spec.model_fields.items():
        if variant and name == "kind":
            continue
        yield f"{'  ' * depth}{name:<{20 - 2 * depth}} {_described(field)}"
        yield from _held_lines(field, depth + 1, f"{path}.{name}", most=_MOST_VARIANTS)


def _held_lines(field: FieldInfo, depth: int, path: str, *, most: int) -> Iterator[str]:
    """The fields of what a field holds, indented; of several variants each with its own."""
    held, indent = variants(field.annotation), "  " * depth
    if len(held) == 1:
        yield from _field_lines(held[0], depth, path)
    elif held:
        if all(kind_of(spec) for spec in held):
            yield f"{indent}kind: {' | '.join(str(kind_of(spec)) for spec in held)}"
        if len(held) > most:
            yield f"{indent}(`ml-assets components {path}` shows the fields of each)"
            return
        for number, spec in enumerate(held):
            form = f"kind: {kind_of(spec)}." if kind_of(spec) else "or:" if number else "either:"
            yield f"{indent}{form} {(spec.__doc__ or '').splitlines()[0]}"
            yield from _field_lines(spec, depth + 1, path, variant=True)


def _described(field: FieldInfo) -> str:
    """Description, then what is allowed and whether it has to be given."""
    facts = [what(field), need(field)]
    return f"{field.description or ''} ({'; '.join(filter(None, facts))})".strip()
