"""What the UI shows beside an asset: schema, lineage, row counts, previews, facts of the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from ml_assets.components.keys import asset_key
from ml_assets.features.statement import Statement
from ml_assets.specs.columns import ColumnSpec
from ml_assets.warehouse.asset import AssetReport, RunContext, TableAsset
from ml_assets.warehouse.manifest import UNPARTITIONED
from ml_assets.warehouse.names import literal, quoted
from ml_assets.warehouse.store import Workbench

_PREVIEW_ROWS = 5
_PREVIEW_COLUMNS = 12
_UNSHOWN_TYPES = ("MAP", "JSON", "BLOB")


def declared_metadata(asset: TableAsset) -> dict[str, Any]:
    """Metadata that is known before anything runs. Dagster itself adds the place of the `defs.yaml`."""
    found: dict[str, Any] = {"dagster/table_name": str(asset.name)}
    if references := _sql_reference(asset):
        found["dagster/code_references"] = dg.CodeReferencesMetadataValue(code_references=references)
    return found


def _sql_reference(asset: TableAsset) -> list[dg.LocalFileCodeReference]:
    statement = getattr(asset, "statement", None)
    return (
        [dg.LocalFileCodeReference(file_path=str(statement.path), line_number=1, label="SQL")]
        if statement is not None
        else []
    )


def made_metadata(asset: TableAsset, run: RunContext, report: AssetReport, partitions: Sequence[str]) -> dict[str, Any]:
    """Metadata of one materialisation."""
    found: dict[str, Any] = {name: _value(value) for name, value in report.facts.items()}
    found["dagster/row_count"] = sum(made.rows for made in report.made)
    found["partitions_written"] = sum(made.changed for made in report.made)
    found["why"] = "; ".join(sorted({made.note for made in report.made}))[:500]
    with run.warehouse.reading() as bench:
        if bench.has_table(asset.name):
            found["dagster/column_schema"] = _schema(bench, asset)
            found["preview"] = dg.MetadataValue.md(_preview(bench, asset, partitions))
        if lineage := _column_lineage(bench, asset):
            found["dagster/column_lineage"] = lineage
    return found


def _column_lineage(bench: Workbench, asset: TableAsset) -> dg.TableColumnLineage | None:
    statement = getattr(asset, "statement", None)
    if not isinstance(statement, Statement):
        return None
    sources = {table: list(bench.columns(table.quoted)) for table in statement.tables if bench.has_table(table)}
    found = statement.column_lineage(sources)
    return dg.TableColumnLineage(
        deps_by_column={
            column: [dg.TableColumnDep(asset_key=asset_key(table), column_name=name) for table, name in sorted(origins)]
            for column, origins in found.items()
        }
    )


def _value(value: Any) -> Any:
    if isinstance(value, str):
        if value.endswith(".html"):
            return dg.MetadataValue.path(value)
        return dg.MetadataValue.md(value) if value.startswith("![") else value
    return value if isinstance(value, bool | int | float) else str(value)


def _declared_columns(asset: TableAsset) -> dict[str, ColumnSpec]:
    spec: Any = asset.spec
    contract = getattr(spec, "contract", None)
    columns = contract.columns if contract is not None else getattr(spec, "columns", {})
    return dict(columns)


def _schema(bench: Workbench, asset: TableAsset) -> dg.TableSchema:
    declared = _declared_columns(asset)
    columns = []
    for name, kind in bench.columns(asset.name.quoted).items():
        spec = declared.get(name)
        constraints = dg.TableColumnConstraints(nullable=spec.nullable, other=_bounds(spec)) if spec else None
        columns.append(dg.TableColumn(name, kind.lower(), spec.label if spec else None, constraints))
    return dg.TableSchema(columns=columns)


def _bounds(spec: ColumnSpec) -> list[str]:
    pairs = [("≥", spec.min), ("≤", spec.max), ("matches", spec.pattern), ("in", spec.allowed)]
    return [f"{word} {bound}" for word, bound in pairs if bound is not None]


def _preview(bench: Workbench, asset: TableAsset, partitions: Sequence[str]) -> str:
    hidden = asset.personal | {name for name, spec in _declared_columns(asset).items() if spec.pii}
    shown = [
        name for name, kind in bench.columns(asset.name.quoted).items()
        if name not in hidden and not kind.startswith(_UNSHOWN_TYPES)
    ][:_PREVIEW_COLUMNS]  # fmt: skip
    newest = max(partitions)
    where = "" if newest == UNPARTITIONED else f"where snapshot = timestamp {literal(newest)}"
    listed = ", ".join(quoted(name) for name in shown)
    rows = bench.rows(f"select {listed} from {asset.name.quoted} {where} limit {_PREVIEW_ROWS}")
    return markdown_table(shown, rows)


def markdown_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; bars in values are escaped."""

    def line(values: Sequence[Any]) -> str:
        return "| " + " | ".join(str(value).replace("|", "\\|").replace("\n", " ") for value in values) + " |"

    return "\n".join([line(names), line(["---"] * len(names)), *(line(row) for row in rows)])
