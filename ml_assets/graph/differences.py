"""What differs between two declarations of the same table, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ml_assets.errors import MlAssetsError
from ml_assets.features.statement import statement_from
from ml_assets.graph.declared import DeclaredAs

# What people read and nothing is made or judged by.
_WORDS = frozenset({"description", "owners", "tags", "unit", "card", "pii"})
_MOST_SHOWN = 60
# Fields of a model that each of its tables is made or judged by.
_MODEL_FIELDS: Mapping[str, tuple[str, ...]] = {
    "labels__population": ("label.population", "entity", "snapshots"),
    "labels": ("label.sql", "label.horizon", "label.default", "label.query", "label.column", "label.positive", "task"),
    "training": ("split", "features", "exclude", "source", "retrain"),
    "models": ("estimator", "tuning", "calibration", "categorical", "unseen_categories", "costs", "label.classes"),
    "evaluation": ("evaluation",),
    "models__champion": ("gate", "promotion"),
}


class Difference(NamedTuple):
    """One field, dotted; None stands for what is not there. A list of parts differs by the parts that came or went."""

    field: str
    was: Any
    now: Any

    def __str__(self) -> str:
        if self.was is None:
            return f"{self.field} added: {_short(self.now)}"
        if self.now is None:
            return f"{self.field} removed: {_short(self.was)}"
        return f"{self.field}: {_short(self.was)} → {_short(self.now)}"


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        shown = ", ".join(
            f"{name} {_short(part)}" for name, part in value.items() if part not in (None, "", [], {}, False)
        )
    else:
        shown = f"{value:g}" if isinstance(value, float) else str(value)
    return shown if len(shown) <= _MOST_SHOWN else shown[: _MOST_SHOWN - 1] + "…"


def differences(before: DeclaredAs, now: DeclaredAs) -> list[Difference]:
    """Fields that differ and that this table is made or judged by; of a SQL file, by its words without comments."""
    fields = [one for one in _fields(before.spec, now.spec, "") if _belongs(one.field, now)]
    return [*fields, *(Difference(path, "an earlier text", "another text") for path in changed_sql(before, now))]


def changed_sql(before: DeclaredAs, now: DeclaredAs) -> list[str]:
    """Paths of statements whose meaning is not certainly the same; a comment or another line break is no change."""
    found = []
    for path, text in now.sql.items():
        earlier = before.sql.get(path)
        if earlier is not None and earlier != text and not _says_the_same(earlier, text, path):
            found.append(path)
    return found


def _says_the_same(before: str, now: str, path: str) -> bool:
    try:
        return statement_from(before, path).fingerprint == statement_from(now, path).fingerprint
    except MlAssetsError:
        return False


def _belongs(field: str, declared: DeclaredAs) -> bool:
    if field.rsplit(".", maxsplit=1)[-1] in _WORDS or field.split(".", maxsplit=1)[0] in _WORDS:
        return False
    if declared.kind != "Model":
        # Columns declared together stand among the others too.
        return not field.startswith("contract.alike")
    schema, _, suffix = f"{declared.asset.schema}.{declared.asset.table}".partition("__")
    own = _MODEL_FIELDS.get(schema.partition(".")[0] + (f"__{suffix}" if suffix else ""), ())
    if declared.asset.schema == "training" and declared.spec.get("source"):
        own = (*own, *_MODEL_FIELDS["labels"], "entity")  # no table of labels stands before it
    return any(field == name or field.startswith(f"{name}.") for name in own)


def _fields(was: Any, now: Any, path: str) -> Iterator[Difference]:
    if was == now:
        return
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for name in {**was, **now}:
            yield from _fields(was.get(name), now.get(name), f"{path}.{name}" if path else name)
    elif isinstance(was, list) and isinstance(now, list) and any(isinstance(part, Mapping) for part in (*was, *now)):
        yield from (Difference(path, part, None) for part in was if part not in now)
        yield from (Difference(path, None, part) for part in now if part not in was)
    elif not (was in (None, [], {}) and now in (None, [], {})):
        yield Difference(path, was, now)
