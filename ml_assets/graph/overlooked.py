"""What is there and reaches nothing: landing files that no table claims, rows that lie after the clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ml_assets.graph.compile import Graph
from ml_assets.ingest.landing import landing_paths
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.store import Workbench

_MOST_NAMES = 3


def overlooked(bench: Workbench, context: RunContext, graph: Graph, assets: Sequence[TableAsset]) -> list[str]:
    """Inside a reading block: sentences about what no asset of the chosen ones' use cases sees."""
    raw = [asset for asset in assets if isinstance(asset, RawTableAsset)]
    return [*_unclaimed(context, graph, sorted({asset.use_case for asset in raw})), *_later(bench, context, raw)]


def _unclaimed(context: RunContext, graph: Graph, use_cases: Sequence[str]) -> Iterator[str]:
    for use_case in use_cases:
        folder = context.home.landing(use_case)
        tables = [asset for asset in graph if isinstance(asset, RawTableAsset) and asset.use_case == use_case]
        claimed = {path for table in tables for path in landing_paths(folder, table.spec.files)}
        rest = [path.relative_to(folder).as_posix() for path in landing_paths(folder, "**/*") if path not in claimed]
        if rest:
            named = ", ".join(rest[:_MOST_NAMES]) + (
                f" and {len(rest) - _MOST_NAMES} more" if len(rest) > _MOST_NAMES else ""
            )
            globs = ", ".join(sorted({table.spec.files for table in tables}))
            yield f"landing files that no table of {use_case} claims: {named} (declared: {globs})"


def _later(bench: Workbench, context: RunContext, raw: Sequence[RawTableAsset]) -> Iterator[str]:
    for asset in raw:
        if asset.spec.event_time is None or not bench.has_table(asset.name):
            continue
        count = int(
            bench.rows(
                f"select count(*) from {asset.name.quoted} where {quoted(asset.spec.event_time)} >= ?",
                [naive_utc(context.now)],
            )[0][0]
        )
        if count:
            stands = f"; {context.home.replay_file} holds it" if context.home.replay_file.exists() else ""
            yield f"{count:,} rows of {asset.name} lie after the clock, {context.now:%Y-%m-%d %H:%M} UTC: no snapshot sees them{stands}"
