"""What a run would make, before it runs: what is certain, what depends on whether rows come out equal, how many rows."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ml_assets.evaluation.evaluation import EvaluationAsset
from ml_assets.features.labels import LabelAsset
from ml_assets.graph.landing_rows import ExpectedRows, expected_landing
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.registry.champion import ChampionAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.training.model import ModelAsset
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.manifest import UNPARTITIONED, ManifestRow, whole_manifest
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import to_be_judged
from ml_assets.warehouse.store import Workbench

LOGIC = "its logic changed"
_NEVER = "never made"
_UNKNOWN = ExpectedRows(None, "")


@dataclass(frozen=True)
class AssetForecast:
    """One asset: partition → why it is certainly made; `may`: partition → what it reads that may come out otherwise;
    `judged`: partition → why only its checks run. `rows` are those expected after the run, None where nothing tells."""

    asset: TableAsset
    will: Mapping[str, str] = field(default_factory=dict)
    may: Mapping[str, str] = field(default_factory=dict)
    judged: Mapping[str, str] = field(default_factory=dict)
    rows: ExpectedRows = _UNKNOWN

    @property
    def is_empty(self) -> bool:
        return not (self.will or self.may or self.judged)


def forecast(
    bench: Workbench, context: RunContext, assets: Sequence[TableAsset], partitions: Sequence[str] | None = None,
    reshaped: frozenset[TableName] = frozenset(),
) -> list[AssetForecast]:  # fmt: skip
    """Inside a reading block: what a run of `assets` would do, in their order; what it would leave alone is left out.

    A run decides stage by stage, by the rows that came out. So what reads something that is made is certain only where it
    was never made, where its own logic changed, where a new version is to be judged, or where a table that it reads will
    have other columns (`reshaped`); else it may be reached.
    """
    manifest = whole_manifest(bench)
    found: dict[TableName, AssetForecast] = {}
    for asset in assets:
        keys = asset.partitions(context.now)
        if partitions is not None and asset.snapshots is not None:
            keys = [key for key in keys if key in partitions]
        rows = manifest.get(str(asset.name), {})
        will = dict(asset.stale(bench, context, keys))
        may: dict[str, str] = {}
        for key in keys:
            if key in will:
                continue
            certain, reason = _reached(asset, key, rows.get(key), found, context, reshaped)
            if reason:
                (will if certain else may)[key] = reason
        judged = {key: why for key, why in to_be_judged(bench, asset.name, keys).items() if key not in will}
        one = AssetForecast(asset, dict(sorted(will.items())), may, judged)
        if not one.is_empty:
            found[asset.name] = AssetForecast(asset, one.will, may, judged, _rows(bench, context, one, rows))
    return list(found.values())


def _reached(
    asset: TableAsset, key: str, row: ManifestRow | None, found: Mapping[TableName, AssetForecast], context: RunContext,
    reshaped: frozenset[TableName],
) -> tuple[bool, str]:  # fmt: skip
    """Whether a partition that is current now is certainly made once what it reads is, and why; no reason: it stays."""
    touched = list(_touching(asset, key, found, context))
    if not touched:
        return False, ""
    certain = [name for name, sure in touched if sure]
    if row is None:
        if isinstance(asset, LabelAsset) and not asset.is_mature(key, context.now):
            return False, ""
        # Whether a version may serve is for the gate to say.
        return bool(certain) and not isinstance(asset, ScoresAsset), _NEVER
    if row.logic != asset.logic:
        return True, LOGIC
    reads = ", ".join(str(name) for name, _ in touched)
    judges_versions = isinstance(asset, EvaluationAsset | ChampionAsset)
    if judges_versions and any(isinstance(found[name].asset, ModelAsset) for name in certain):
        return True, "a new version is judged"
    others = [str(name) for name in certain if name in reshaped]
    if others:
        return True, f"other columns in {', '.join(others)}"
    return False, f"reads {reads}"


def _touching(
    asset: TableAsset, key: str, found: Mapping[TableName, AssetForecast], context: RunContext
) -> Iterator[tuple[TableName, bool]]:
    """What this partition reads that is made, certainly or perhaps."""
    for name in asset.deps:
        read = found.get(name)
        if read is None or not (read.will or read.may):
            continue
        if isinstance(asset, ScoresAsset) and name == asset.champion and asset.snapshots is not None:
            # Another champion scores the newest snapshot; older ones keep what was said at the time.
            if key == max(asset.partitions(context.now)) or read.will.get(UNPARTITIONED) == _NEVER:
                yield name, bool(read.will)
        elif asset.snapshots is not None and read.asset.snapshots is not None:
            if key in read.will or key in read.may:
                yield name, key in read.will
        else:
            yield name, bool(read.will)


def _rows(bench: Workbench, context: RunContext, one: AssetForecast, rows: Mapping[str, ManifestRow]) -> ExpectedRows:
    """Of what is made: as many rows as last time; a snapshot that is new as many as the others usually have."""
    if isinstance(one.asset, RawTableAsset) and one.will:
        return expected_landing(bench, context, one.asset, rows.get(UNPARTITIONED))
    keys = {**one.will, **one.may}
    if not keys or not rows:
        return ExpectedRows(None, "never made" if keys else "")
    usual = statistics.median(row.rows for row in rows.values())
    counts = [rows[key].rows if key in rows else usual for key in keys]
    return ExpectedRows(
        round(sum(counts)), "as last time" if all(key in rows for key in keys) else "as other snapshots"
    )
