"""What has to be made: stages of assets that share a partition grid, decided stage by stage.

Whether a table is stale is known only when its inputs are made (equal rows stop the wave), so a plan is for one stage;
`stages` gives their order and `stage_plan` decides each when its turn comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ml_assets.errors import SelectionError, nearest
from ml_assets.graph.compile import Graph
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import to_be_judged
from ml_assets.warehouse.store import Workbench


@dataclass(frozen=True)
class StagePlan:
    """Assets of one stage that have something to do; `reasons`: asset → partition → why; `reached`: only perhaps."""

    assets: tuple[TableAsset, ...]
    reasons: dict[TableName, dict[str, str]]
    reached: tuple[TableName, ...]

    @property
    def partitions(self) -> list[str]:
        """Partition keys, oldest first, that the stage touches; one empty key if it is unpartitioned."""
        return sorted({key for keys in self.reasons.values() for key in keys})


def select(graph: Graph, selection: str) -> list[TableAsset]:
    """Assets by a selection: `*`, `schema.table`, `schema.*`, `use_case:NAME`, `+x` with upstream, `x+` with downstream.

    A word that is nothing else may be the name of a use case. Several are separated by commas or blanks.
    """
    chosen: set[TableName] = set()
    for word in selection.replace(",", " ").split() or ["*"]:
        core = word.strip("+")
        found = {asset.name for asset in graph if _matches(asset, core)}
        found = found or {asset.name for asset in graph if asset.use_case == core}
        if not found:
            names = [str(asset.name) for asset in graph]
            near = nearest(core, names)
            raise SelectionError(
                f"no asset matches {core!r}", expected="schema.table, schema.*, use_case:NAME or *, with + for up- or downstream",
                got=core, remedy=f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names)}",
            )  # fmt: skip
        chosen |= found
        chosen |= graph.upstream(found) if word.startswith("+") else set()
        chosen |= graph.downstream(found) if word.endswith("+") else set()
    return [asset for asset in graph if asset.name in chosen]


def _matches(asset: TableAsset, word: str) -> bool:
    if word in ("*", "all"):
        return True
    if word.startswith("use_case:"):
        return asset.use_case == word.partition(":")[2]
    schema, _, table = word.replace("/", ".").partition(".")
    return asset.name.schema == schema and table in ("*", "", asset.name.table)


def stages(assets: Iterable[TableAsset]) -> list[list[TableAsset]]:
    """Consecutive assets with the same grid, fewest stages first; every asset follows what it reads."""
    waiting = list(assets)
    names = {asset.name for asset in waiting}
    done: set[TableName] = set()
    found: list[list[TableAsset]] = []
    while waiting:
        grid = waiting[0].snapshots
        stage: list[TableAsset] = []
        for asset in waiting:
            ready = all(dep in done or dep not in names for dep in asset.deps)
            if asset.snapshots == grid and ready:
                stage.append(asset)
                done.add(asset.name)
        found.append(stage)
        waiting = [asset for asset in waiting if asset.name not in done]
    return found


def stage_plan(
    bench: Workbench, context: RunContext, stage: Sequence[TableAsset], partitions: Sequence[str] | None = None
) -> StagePlan:
    """Inside a reading block: what of a stage is stale now, and what in it may become so.

    What was made and never judged, because its run was killed in between, has to be judged, and so has what did not hold.
    """
    reasons: dict[TableName, dict[str, str]] = {}
    reached: list[TableName] = []
    for asset in stage:
        keys = asset.partitions(context.now)
        if partitions is not None and asset.snapshots is not None:
            keys = [key for key in keys if key in partitions]
        stale = asset.stale(bench, context, keys)
        stale = to_be_judged(bench, asset.name, keys) | stale
        if not stale and any(dep in reasons or dep in reached for dep in asset.deps):
            reached.append(asset.name)
        elif stale:
            reasons[asset.name] = stale
    chosen = tuple(asset for asset in stage if asset.name in reasons or asset.name in reached)
    return StagePlan(chosen, reasons, tuple(reached))


def out_of_date(bench: Workbench, context: RunContext, assets: Sequence[TableAsset]) -> dict[str, dict[str, str]]:
    """Inside a reading block: asset → partition → why a run would make it; what is only reached has one empty key."""
    stale: dict[str, dict[str, str]] = {}
    for stage in stages(assets):
        plan = stage_plan(bench, context, stage)
        stale |= {str(name): reasons for name, reasons in plan.reasons.items()}
        stale |= {str(name): {"": "reads something that is out of date"} for name in plan.reached}
    return stale
