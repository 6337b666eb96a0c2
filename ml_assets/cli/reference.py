"""`ml-assets components`: the fields of each component type, from their own descriptions."""

from __future__ import annotations

import json
import sys

from ml_assets.errors import UnknownNameError
from ml_assets.graph.project import KINDS, PREFIX


def components_command(kind: str | None, *, as_json: bool) -> int:
    """Print the types, or one type's fields; always 0, or an error for an unknown type."""
    if kind is None:
        for name, spec in KINDS.items():
            sys.stdout.write(f"{PREFIX}{name:<14} {(spec.__doc__ or '').splitlines()[0]}\n")
        return 0
    name = kind.removeprefix(PREFIX)
    if name not in KINDS:
        raise UnknownNameError("component type", kind, KINDS)
    spec = KINDS[name]
    if as_json:
        sys.stdout.write(json.dumps(spec.model_json_schema(), indent=2) + "\n")
        return 0
    sys.stdout.write(f"{PREFIX}{name}: {spec.__doc__}\n")
    for field, info in spec.model_fields.items():
        need = "required" if info.is_required() else f"default {info.get_default(call_default_factory=True)!r}"
        sys.stdout.write(f"  {field:<16} {info.description or ''} ({need})\n")
    return 0
