"""What people have to state about their declarations, and what of it they have not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ml_assets.monitoring.kpis import Stated
from ml_assets.specs import FeatureSetSpec, ModelSpec, RawTableSpec, SqlTableSpec
from ml_assets.specs.base import Described


def stated_documentation(specs: Iterable[Described]) -> Stated:
    """Owners and description of each declaration, a description of each declared column, each text of each model's card."""
    items = [item for spec in specs for item in _items(spec)]
    missing = [name for name, said in items if not said]
    return Stated(len(items) - len(missing), len(items), missing)


def _items(spec: Described) -> Iterator[tuple[str, bool]]:
    kind = type(spec).__name__.removesuffix("Spec")
    yield f"{kind} {spec.name}: owners", bool(spec.owners)
    yield f"{kind} {spec.name}: description", bool(spec.description.strip())
    columns = {}
    if isinstance(spec, RawTableSpec):
        columns = spec.contract.columns
    elif isinstance(spec, SqlTableSpec | FeatureSetSpec):
        columns = spec.columns
    for name, column in columns.items():
        yield f"{kind} {spec.name}: column {name}", bool(column.description.strip())
    if isinstance(spec, ModelSpec):
        for name in type(spec.card).model_fields:
            yield f"{kind} {spec.name}: card.{name}", name not in spec.card.missing
