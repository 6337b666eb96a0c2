"""Which output columns of a statement changed their meaning, from its text before and now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ml_assets.errors import MlAssetsError
from ml_assets.features.statement import statement_from
from ml_assets.graph.declared import statement_of
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.names import TableName


def changed_outputs(known: Mapping[TableName, Iterable[str]], before: str, asset: TableAsset) -> frozenset[str] | None:
    """Columns whose expressions, or the clauses they come through, are not what they were; None: that cannot be told, or
    all of them, so any row may be another one. The empty set: the same said in other words."""
    statement = statement_of(asset)
    assert statement is not None, asset.name
    if not statement.is_quickly_followed:
        return None
    try:
        earlier = statement_from(before, statement.shown)
    except MlAssetsError:
        return None
    was, now = earlier.column_logic(known), statement.column_logic(known)
    if (set(was) != set(earlier.tree.named_selects) and not was) or not now:
        return None
    key = getattr(asset.spec, "entity", None)
    changed = frozenset(name for name in now if now[name] != was.get(name)) | (frozenset(was) - frozenset(now))
    # What changes the key, or every column, changes which rows there are.
    return None if key in changed or (changed and changed >= frozenset(now)) else changed
