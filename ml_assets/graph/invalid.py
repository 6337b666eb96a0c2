"""What is wrong with a declaration, said in the words of the declaration: field, line, what is allowed there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, ValidationError

from ml_assets.errors import DeclarationError, nearest
from ml_assets.graph.yaml_document import Document
from ml_assets.specs.fields import fields_below, kind_of, spec_at, variants
from ml_assets.specs.pulls import EnvironmentSpec, without_password

Fault = Mapping[str, Any]

_MUST_BE = {
    "string": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "tuple": "a list",
    "list": "a list", "dict": "a mapping of names to values", "model": "a mapping of fields to values",
    "finite": "a finite number",
}  # fmt: skip
_BOUNDS = {
    "greater_than_equal": ("at least", "ge"), "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"), "less_than": ("below", "lt"),
}  # fmt: skip
_SIZES = {
    "too_short": ("at least", "min_length", "entry", "entries"),
    "too_long": ("at most", "max_length", "entry", "entries"),
    "string_too_short": ("at least", "min_length", "character", "characters"),
    "string_too_long": ("at most", "max_length", "character", "characters"),
}


def invalid_declaration(
    problem: ValidationError, spec: type[BaseModel], document: Document, kind: str, where: str = ""
) -> DeclarationError:
    """The first fault with its line, the others as examples. A field nobody knows comes first: it explains a missing one.

    `where` says where the fields can be looked up, by default with `ml-assets components`.
    """
    faults: list[Fault] = sorted(map(dict, problem.errors()), key=lambda fault: fault["type"] != "extra_forbidden")
    first = faults[0]
    remedy, asked = _remedy(first, faults, spec, document), kind.rpartition(".")[2]
    nested = [str(part) for part in first["loc"][:1] if len(first["loc"]) > 1]
    looked_up = where or f"`ml-assets components {'.'.join((asked, *nested))}` lists the fields"
    return DeclarationError(
        f"{kind}: {_said(first, document)}", place=document.place_of("attributes", *map(str, first["loc"])),
        expected=_expected(first, spec), got=_got(first),
        remedy=f"{remedy}{'' if remedy.endswith('?') else ';'} {looked_up}",
        examples=[f"line {_line(fault, document)}: {_said(fault, document)}" for fault in faults[1:]],
    )  # fmt: skip


def _line(fault: Fault, document: Document) -> str:
    return document.place_of("attributes", *map(str, fault["loc"])).rpartition(":")[2]


def _field(fault: Fault, document: Document) -> str:
    """Dotted name of the field as it is written, or as it would be when it is missing."""
    path = [str(part) for part in fault["loc"]]
    written = document.written(["attributes", *path])
    # A profile has its fields at the top.
    written = written[1:] if written[:1] == ["attributes"] else written
    return ".".join([*written, path[-1]] if fault["type"] == "missing" else written) or "attributes"


def _said(fault: Fault, document: Document) -> str:
    field = _field(fault, document)
    match fault["type"]:
        case "extra_forbidden":
            return f"unknown field {field}"
        case "missing":
            return f"{field} is missing"
        case "union_tag_not_found":
            return f"{field}.kind is missing"
        case "union_tag_invalid":
            return f"{field}.kind: {fault['ctx']['tag']!r} is no known kind"
        case "literal_error":
            return f"{field}: {fault['input']!r} is not allowed"
        case _:
            return f"{field}: {_message(fault)}"


def _message(fault: Fault) -> str:
    """What pydantic says of a value, in our words."""
    kind, context = str(fault["type"]), fault.get("ctx") or {}
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        return f"must be {word} {context[key]:g}"
    if kind in _SIZES:
        word, key, one, several = _SIZES[kind]
        return f"needs {word} {context[key]} {one if context[key] == 1 else several}"
    if kind == "value_error":
        return str(fault["msg"]).removeprefix("Value error, ")
    wanted = _MUST_BE.get(kind.partition("_")[0])
    return f"must be {wanted}" if wanted else str(fault["msg"])


def _expected(fault: Fault, spec: type[BaseModel]) -> str:
    context = fault.get("ctx") or {}
    match fault["type"]:
        case "missing":
            return "a value"
        case "extra_forbidden":
            return f"one of: {', '.join(_known(fault, spec)) or 'no field at all'}"
        case "union_tag_not_found" | "union_tag_invalid":
            return f"one of: {', '.join(_kinds(fault, spec))}"
        case "literal_error":
            return str(context["expected"])
        case _:
            return _message(fault)


def _kinds(fault: Fault, spec: type[BaseModel]) -> list[str]:
    path = list(fault["loc"])
    if isinstance(path[-1], int):
        path.pop()
    owner = spec_at(spec, path[:-1])
    field = owner.model_fields.get(str(path[-1])) if owner is not None else None
    return [kind for variant in variants(field.annotation if field else None) if (kind := kind_of(variant))]


def _got(fault: Fault) -> object:
    if fault["type"] == "missing":
        return "nothing"
    if fault["type"] == "model_type" and (fault.get("ctx") or {}).get("class_name") == EnvironmentSpec.__name__:
        return "a value, not repeated here because it may be secret"
    return fault["loc"][-1] if fault["type"] == "extra_forbidden" else without_password(str(fault.get("input")))


def _known(fault: Fault, spec: type[BaseModel]) -> list[str]:
    here = spec_at(spec, fault["loc"][:-1])
    return list(here.model_fields) if here is not None else []


def _remedy(fault: Fault, faults: list[Fault], spec: type[BaseModel], document: Document) -> str:
    if fault["type"] == "extra_forbidden":
        return _meant(fault, faults, spec)
    got = fault.get("input")
    misread = isinstance(got, bool | date) or (fault["type"] == "string_type" and isinstance(got, int | float))
    if misread and fault["type"] != "missing":
        return f"quote the value, which YAML reads as {got!r}"
    verb = "add" if fault["type"] in ("missing", "union_tag_not_found") else "correct"
    return f"{verb} {_field(fault, document)}"


def _meant(fault: Fault, faults: list[Fault], spec: type[BaseModel]) -> str:
    """A near name that is missing at that place; else where a field of this very name stands; else near names there."""
    name, beside = str(fault["loc"][-1]), fault["loc"][:-1]
    near = nearest(name, _known(fault, spec))
    missing = {other["loc"][-1] for other in faults if other["type"] == "missing" and other["loc"][:-1] == beside}
    wanted = [one for one in near if one in missing]
    here = tuple(part for part in beside if isinstance(part, str))
    places = dict.fromkeys(".".join(p) for p, _ in fields_below(spec) if p[-1] == name and p[:-1] != here)
    if not wanted and places:
        return f"it stands in {' or '.join(list(places)[:3])}"
    meant = wanted or near
    return f"did you mean {' or '.join(meant)}?" if meant else f"remove {name}"
