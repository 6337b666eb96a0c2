"""JSON schemas of declaration documents, for editors: what a `defs.yaml` may hold beside and below its attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ml_assets.graph.project import KINDS, PREFIX

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
# What Dagster allows in any component document beside `type` and `attributes`.
_BESIDE = {
    "template_vars_module": {"type": ["string", "null"]},
    "requirements": {"type": ["object", "null"]},
    "post_processing": {"type": ["object", "null"]},
}


def document_schema(kind: str) -> dict[str, Any]:
    """The schema of a whole document of `ml_assets.<kind>`; a field that nobody knows is not valid."""
    definitions = _definitions([KINDS[kind]])
    return {"$schema": _DRAFT, "title": f"{PREFIX}{kind}", **_document(kind), "$defs": definitions}


def any_document_schema() -> dict[str, Any]:
    """The schema of a document of any of our types; documents of other packages' components are valid as they are."""
    types = {"type": {"enum": [f"{PREFIX}{kind}" for kind in KINDS]}}
    ours = {"if": _typed({"pattern": rf"^{PREFIX.replace('.', '[.]')}"}), "then": {"properties": types}}
    each = [{"if": _typed({"const": f"{PREFIX}{kind}"}), "then": _document(kind)} for kind in KINDS]
    return {
        "$schema": _DRAFT, "title": "ml_assets declarations", "type": "object", "required": ["type"],
        "properties": {"type": {"type": "string", "examples": types["type"]["enum"]}}, "allOf": [ours, *each],
        "$defs": _definitions(list(KINDS.values())),
    }  # fmt: skip


def _typed(condition: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"type": condition}, "required": ["type"]}


def _document(kind: str) -> dict[str, Any]:
    return {
        "type": "object", "description": (KINDS[kind].__doc__ or "").strip(), "additionalProperties": False,
        "required": ["type", "attributes"],
        "properties": {
            "type": {"const": f"{PREFIX}{kind}"}, "attributes": {"$ref": f"#/$defs/{KINDS[kind].__name__}"}, **_BESIDE
        },
    }  # fmt: skip


def _definitions(specs: list[type[BaseModel]]) -> dict[str, Any]:
    found: dict[str, Any] = models_json_schema([(spec, "validation") for spec in specs])[1]["$defs"]
    for variant, word in {pair for node in found.values() for pair in _told_apart(node)}:
        required = found[variant].setdefault("required", [])
        if word not in required:
            required.append(word)
    return found


def _told_apart(node: Any) -> Iterator[tuple[str, str]]:
    """Variants that are told apart by a field, which has to be written although it has a default; with that field."""
    if isinstance(node, dict):
        if "discriminator" in node and "mapping" in node["discriminator"]:
            word = node["discriminator"]["propertyName"]
            yield from ((path.rpartition("/")[2], word) for path in node["discriminator"]["mapping"].values())
        for member in node.values():
            yield from _told_apart(member)
    elif isinstance(node, list):
        for member in node:
            yield from _told_apart(member)
