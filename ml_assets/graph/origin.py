"""Where in a declaration a check comes from, so that a failure can point to the line to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ml_assets.graph.project import Declaration
from ml_assets.specs.columns import ColumnSpec
from ml_assets.specs.tables import RawTableSpec, SqlTableSpec
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.rules import reference_check

Path = tuple[str, ...]

# Code of a check → the fields that it judges by; the first one that is written down is shown.
_FIELDS: Mapping[str, tuple[Path, ...]] = {
    "DQ001": (("contract", "columns"), ("columns",)),
    "DQ002": (("key",), ("entity",)),
    "DQ003": (("contract", "columns"), ("columns",)),
    "DQ004": (("volume",),),
    "DQ005": (("references",),),
    "DQ006": (("max_repeated_share",), ("repeated_rows",)),
    "DQ007": (("contract", "columns"), ("columns",)),
    "DQ008": (("contract", "max_quarantine_share"), ("contract",)),
    "FR001": (("freshness",),),
    "IN001": (("files",),),
    "IN002": (("files",),),
    "LB001": (("label", "sql"),),
    "LB002": (("label", "horizon"),),
    "LB003": (("label", "sql"),),
    "LK001": (("label", "population"), ("sql",)),
    "LK002": (("label", "sql"),),
    "LK003": (("sql",),),
    "TR001": (("split",),),
    "TR002": (("split",),),
    "TR003": (("features",),),
    "MD001": (("estimator",),),
    "MC001": (("estimator",),),
    "MC002": (("estimator",),),
    "MC003": (("estimator",),),
    "MC004": (("estimator",),),
    "MC005": (("features",),),
    "MC006": (("split",),),
    "MC010": (("estimator",),),
    "MC011": (("calibration",), ("estimator",)),
    "MC012": (("evaluation", "slices"), ("evaluation",), ("features",)),
    "MC013": (("evaluation", "sensitive"), ("evaluation",), ("features",)),
    "MC014": (("evaluation", "seeds"), ("estimator",)),
    "MC015": (("estimator",),),
    "MC016": (("estimator",),),
    "MC017": (("owners",), ("description",)),
    "GT001": (("gate",),),
    "GT002": (("gate",),),
    "GT003": (("estimator",),),
    "GT004": (("gate",),),
    "PF001": (("false_alarms",), ("scores",)),
    "PF002": (("false_alarms",), ("scores",)),
    "PF003": (("false_alarms",), ("scores",)),
    "PF004": (("slices",), ("scores",)),
    "RT001": (("retrain",), ("scores",)),
    "OP001": (("name",),),
    "OP002": (("owners",), ("name",)),
    "OP003": (("name",),),
    "OP004": (("name",),),
    "SC001": (("model",),),
    "SC002": (("min_coverage",), ("model",)),
    "SC003": (("model",),),
    **dict.fromkeys(("DR001", "DR002", "DR003", "DR004", "DR005"), (("false_alarms",), ("scores",))),
    **{f"DD00{number}": (("table",), ("false_alarms",)) for number in range(1, 7)},
}
_FIELD_OF_RULE = {"not_null": "nullable", "finite": "type"}


def fields_of(code: str) -> tuple[Path, ...]:
    """The declared fields that checks of this code judge by, the most exact first; () where none is behind it."""
    return _FIELDS.get(code, ())


def place_of_check(
    declaration: Declaration, asset: TableAsset, check: Check, finding: CheckFinding | None = None
) -> str:
    """`path:line` of the most exact part of the declaration that `check` (or its finding) is about."""
    for path in (*_exact(asset, check, finding), *fields_of(check.code)):
        place = declaration.place_of(*path)
        if place != declaration.place:
            return place
    return declaration.place


def _exact(asset: TableAsset, check: Check, finding: CheckFinding | None) -> Iterator[Path]:
    if check.code == "DQ005" and isinstance(asset.spec, RawTableSpec | SqlTableSpec):
        for position, reference in enumerate(asset.spec.references):
            if reference_check(reference, position).name == check.name:
                yield "references", str(position)
    if finding is not None and finding.status == "failed":
        base = ("contract", "columns") if isinstance(asset.spec, RawTableSpec) else ("columns",)
        yield from ((*base, *field) for field in _broken_columns(asset, check, finding))


def _broken_columns(asset: TableAsset, check: Check, finding: CheckFinding) -> Iterator[Path]:
    """Column and field of each broken rule; those that make the check fail before those that only warn."""
    columns = columns_of(asset)
    broken: list[tuple[str, str]] = []
    if check.code == "DQ001":
        broken = [(column, rule) for name in finding.numbers for column, _, rule in [name.rpartition(".")]]
    elif check.code == "DQ003":
        shares = {name.rpartition(".")[0]: share for name, share in finding.numbers.items()}
        broken = [
            (column, "max_null_share")
            for column, share in shares.items()
            if _is_above_limit(columns.get(column), share)
        ]
    elif check.code == "DQ008":
        broken = [(str(row.get("column_name")), str(row.get("rule"))) for row in finding.evidence]
    known = [(column, rule) for column, rule in broken if column in columns]
    for column, rule in sorted(known, key=lambda pair: columns[pair[0]].severity != "error"):
        yield column, _FIELD_OF_RULE.get(rule, rule)


def _is_above_limit(column: ColumnSpec | None, share: float | int | str | None) -> bool:
    return (
        column is not None and column.max_null_share is not None
        and isinstance(share, int | float) and share > column.max_null_share
    )  # fmt: skip


def columns_of(asset: TableAsset) -> dict[str, ColumnSpec]:
    """The declared columns of an asset's table; empty where its declaration has none."""
    contract = getattr(asset.spec, "contract", None)
    return dict(contract.columns if contract is not None else getattr(asset.spec, "columns", {}))
