"""What differs between two versions, from their manifests: data, features, parameters, code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ml_assets.training.versions import ModelVersion
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint

Section = Literal["data", "features", "parameters", "code"]
SECTIONS: tuple[Section, ...] = ("data", "features", "parameters", "code")
_CODE = ("logic", "packages", "machine")


class Change(NamedTuple):
    """One field that differs; None where a version does not have it."""

    section: Section
    name: str
    before: str | None
    after: str | None


def changes_between(old: ModelVersion, new: ModelVersion) -> list[Change]:
    """Every field of the manifests that differs, by section and name. Equal fields, run times, batch numbers and hashes of files are left out."""
    before, after = described(old), described(new)
    return [
        Change(section, name, before[section].get(name), after[section].get(name))
        for section in SECTIONS
        for name in sorted({*before[section], *after[section]})
        if before[section].get(name) != after[section].get(name)
    ]


def described(version: ModelVersion) -> dict[Section, dict[str, str]]:
    """Section → name → value, as texts, of what a version was made from."""
    manifest = version.manifest
    training = dict(manifest.get("training_set", {}))
    inputs = training.pop("inputs", {})
    for name in ("batch", "archive"):
        training.pop(name, None)
    code = {name: manifest[name] for name in _CODE if name in manifest} | {
        "training_set": {"logic": training.pop("logic", None)}
    }
    return {
        "data": flattened(
            {**training, "inputs": _by_table(inputs), "label": manifest.get("label"), "split": manifest.get("split")}
        ),
        "features": flattened(manifest.get("features")),
        "parameters": flattened(manifest.get("estimator")),
        "code": flattened(code),
    }


def _by_table(inputs: Mapping[str, str]) -> dict[str, str]:
    """Table → its snapshots and one hash of their contents, rather than a line a snapshot."""
    found: dict[str, dict[str, str]] = {}
    for name, content in inputs.items():
        table, _, key = name.partition("/")
        found.setdefault(table, {})[key] = content
    return {table: f"{_snapshots(list(keys))}content {fingerprint(keys)}" for table, keys in found.items()}


def _snapshots(keys: Sequence[str]) -> str:
    return "" if list(keys) == [UNPARTITIONED] else f"{len(keys)} snapshots {min(keys)} to {max(keys)}, "


def flattened(data: Any, path: str = "") -> dict[str, str]:
    """Dotted path → value as text; nulls and empty parts are left out."""
    if isinstance(data, Mapping):
        found: dict[str, str] = {}
        for name, value in data.items():
            found |= flattened(value, f"{path}.{name}" if path else str(name))
        return found
    if isinstance(data, list | tuple):
        return flattened(dict(enumerate(data)), path)
    return {} if data is None else {path: written(data)}


def written(value: Any) -> str:
    """A value as a declaration writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
