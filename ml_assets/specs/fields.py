"""What may be declared where: fields, variants and allowed values, read from the specs themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

MEMBERS = {tuple: "list", list: "list", dict: "mapping"}


def variants(annotation: Any) -> tuple[type[BaseModel], ...]:
    """The specs that a value of this type may be, or may hold; several where `kind` decides among them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    return tuple(dict.fromkeys(spec for part in get_args(annotation) for spec in variants(part)))


def choices(annotation: Any) -> tuple[Any, ...]:
    """The values of a Literal, () for any other type."""
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def kind_of(spec: type[BaseModel]) -> str | None:
    """The one value of a variant's `kind`; None for a spec that is no variant."""
    field = spec.model_fields.get("kind")
    values = choices(field.annotation) if field else ()
    return str(values[0]) if len(values) == 1 else None


def spec_at(root: type[BaseModel], location: Sequence[str | int]) -> type[BaseModel] | None:
    """The spec that describes what stands at a location as pydantic gives it; None where no single one does.

    A location holds names of fields, positions in lists, names in mappings, and the `kind` of a variant.
    """
    candidates: tuple[type[BaseModel], ...] = (root,)
    member = False
    for part in location:
        if member:
            member = False
        elif len(candidates) == 1 and part in candidates[0].model_fields:
            annotation = candidates[0].model_fields[str(part)].annotation
            candidates, member = variants(annotation), get_origin(annotation) in MEMBERS
        else:
            candidates = tuple(spec for spec in candidates if kind_of(spec) == part)
    return candidates[0] if len(candidates) == 1 else None


def fields_below(root: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every field of a spec and of what it holds, with its path of names, outermost first; variants side by side."""
    for name, field in root.model_fields.items():
        yield (*path, name), field
        for spec in variants(field.annotation):
            yield from fields_below(spec, (*path, name))
