"""Fields in words: what may be written, what has to be, and values as one would write them in YAML."""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ml_assets.specs.fields import MEMBERS, choices, variants

_WORDS: dict[object, str] = {
    str: "text", int: "whole number", float: "number", bool: "true | false", Any: "any value", type(None): "null",
}  # fmt: skip
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def allowed(annotation: Any) -> str:
    """What may be written, in words; what is described by fields of its own is only called a list or a mapping."""
    if variants(annotation) and not _plain_parts(annotation):
        return {"list": "list", "mapping": "mapping of names"}.get(MEMBERS.get(get_origin(annotation), ""), "")
    if choices(annotation):
        return " | ".join(map(in_yaml, choices(annotation)))
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin, parts = get_origin(annotation), [part for part in get_args(annotation) if part is not Ellipsis]
    if origin in MEMBERS:
        members = allowed(parts[-1]) if origin is dict else " | ".join(dict.fromkeys(map(allowed, parts)))
        return f"name: {members}" if origin is dict else f"list of {members}"
    if hasattr(annotation, "__metadata__"):
        return allowed(parts[0])
    return " | ".join(dict.fromkeys(allowed(part) or "fields" for part in parts if part is not type(None)))


def _plain_parts(annotation: Any) -> list[Any]:
    """What a union allows beside specs (and null), as the name of one."""
    if get_origin(annotation) not in (Union, UnionType):
        return []
    return [part for part in get_args(annotation) if part is not type(None) and not variants(part)]


def bounds(field: FieldInfo) -> Iterator[str]:
    """The limits of a number, as `at least 0`."""
    for limit in field.metadata:
        for key, word in _BOUNDS.items():
            if getattr(limit, key, None) is not None:
                yield f"{word} {getattr(limit, key):g}"


def what(field: FieldInfo) -> str:
    """What may stand in a field, with its limits; empty where fields of their own say it."""
    return ", ".join([*filter(None, [allowed(field.annotation)]), *bounds(field)])


def need(field: FieldInfo) -> str:
    """`required`, `default …`, or `optional` where the default is a declaration of its own."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if not isinstance(default, BaseModel):
        return f"default {in_yaml(default)}"
    kind = getattr(default, "kind", None)
    return f"default kind: {kind}" if kind and len(variants(field.annotation)) > 1 else "optional"


def in_yaml(value: object) -> str:
    """A value as one would write it in YAML, on one line."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    plain = list(value) if isinstance(value, tuple) else value
    dumped = yaml.safe_dump(plain, default_flow_style=True, width=10_000, sort_keys=False)
    return dumped.removesuffix("\n").removesuffix("\n...")
