"""Whether a changed rule holds of what is there already: contracts counted on the rows, gates on the stored evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from ml_assets.graph.differences import Difference
from ml_assets.graph.origin import columns_of
from ml_assets.registry.champion import ChampionAsset
from ml_assets.registry.facts import read_facts
from ml_assets.registry.gate import judge
from ml_assets.specs.columns import ColumnSpec
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.manifest import manifest_of
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.rules import column_rules
from ml_assets.warehouse.store import Workbench

# Counting is a scan: of larger tables the run will tell.
MOST_ROWS = 20_000_000
LATER = "will be judged when it runs"
# Field of a column → the row rule that it stands for.
_RULES = {
    "nullable": "not_null", "min": "min", "max": "max", "pattern": "pattern", "allowed": "allowed", "max_length": "max_length",
}  # fmt: skip
_JUDGED_LATER = (
    "key",
    "references",
    "max_repeated_share",
    "repeated_rows",
    "freshness",
    "volume",
    "min_coverage",
    "calendar",
)


def is_contract(field: str) -> bool:
    """Whether a field is a rule about rows."""
    return field.split(".", maxsplit=1)[0] in ("contract", "columns", *_JUDGED_LATER)


def broken_contract(
    bench: Workbench, asset: TableAsset, one: Difference, there: Mapping[str, str] | None
) -> tuple[bool | None, str]:
    """Whether rows that are there break the rule as it is declared now, and in words; None where the run has to tell."""
    parts = one.field.removeprefix("contract.").split(".")
    if parts[0] != "columns" or len(parts) != 3:
        return None, LATER
    _, name, word = parts
    column = columns_of(asset).get(name)
    if column is None or there is None or name not in there:
        return None, LATER
    if word == "severity":
        return (None, LATER) if column.severity == "error" else (False, "it only warns now")
    if one.now is None or (word == "nullable" and one.now is True):
        return False, "the rule is gone"
    if word not in (*_RULES, "max_null_share"):
        return None, LATER
    if sum(row.rows for row in manifest_of(bench, asset.name).values()) > MOST_ROWS:
        return None, f"{LATER}: more than {MOST_ROWS:,} rows"
    return (
        _null_share(bench, asset, name, column)
        if word == "max_null_share"
        else _counted(bench, asset, name, column, word)
    )


def _counted(bench: Workbench, asset: TableAsset, name: str, column: ColumnSpec, word: str) -> tuple[bool | None, str]:
    rules = [rule for rule in column_rules({name: column}) if rule.name == _RULES[word]]
    bad = sum(bench.value(f"select count(*) from {asset.name.quoted} where {rule.bad}") for rule in rules)
    if not bad:
        return False, "every row there is holds it"
    blocks = asset.name.schema != "raw" and column.severity == "error"
    fate = (
        "they go to quarantine"
        if asset.name.schema == "raw"
        else "they block what reads the table"
        if blocks
        else "it only warns"
    )
    return column.severity == "error", f"{bad:,} rows there are break it: {fate}"


def _null_share(bench: Workbench, asset: TableAsset, name: str, column: ColumnSpec) -> tuple[bool | None, str]:
    share = bench.value(f"select coalesce(avg(({quoted(name)} is null)::int), 0) from {asset.name.quoted}")
    over = share > (column.max_null_share or 0.0)
    return over and column.severity == "error", f"{share:.1%} of the rows there are lack it"


def refused_by_gate(bench: Workbench, asset: TableAsset, serving: Mapping[str, int]) -> tuple[bool | None, str]:
    """Whether the version that serves would be refused by the gate as it is declared now, judged on its stored evaluation."""
    model = asset.spec.name
    version = serving.get(model)
    if version is None:
        return False, "no version serves"
    if not isinstance(asset, ChampionAsset) or not bench.has_table(TableName("evaluation", model)):
        return None, LATER
    verdict = judge(read_facts(bench, asset.spec, version, None), asset.spec.gate)
    if verdict.passed:
        return False, f"{model}@{version}, which serves, holds it"
    return True, f"{model}@{version}, which serves, would be refused: {verdict.reasons}"
