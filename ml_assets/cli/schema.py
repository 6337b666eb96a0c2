"""`ml-assets schema`: what editors complete and check declarations by."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ml_assets.cli.reference import known_kind
from ml_assets.graph.project import KINDS, PREFIX
from ml_assets.graph.schema import any_document_schema, document_schema

COMBINED = "ml_assets.schema.json"


def schema_command(kind: str | None, folder: Path | None) -> int:
    """Print one schema, or write the asked ones into a folder; always 0, or an error for an unknown type."""
    name = known_kind(kind) if kind is not None else None
    if folder is None:
        sys.stdout.write(_text(any_document_schema() if name is None else document_schema(name)))
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    for known in KINDS if name is None else [name]:
        _write(folder / f"{PREFIX}{known}.schema.json", document_schema(known))
    if name is None:
        _write(folder / COMBINED, any_document_schema())
    return 0


def _write(path: Path, schema: dict[str, Any]) -> None:
    path.write_text(_text(schema), encoding="utf-8")
    sys.stdout.write(f"{path}\n")


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
