"""What of a graph is in production, read from the declarations alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml_assets.graph.project import Declaration, Project
from ml_assets.monitoring.documentation import stated_documentation
from ml_assets.monitoring.kpi_facts import Declared
from ml_assets.monitoring.operations_asset import OperationsAsset
from ml_assets.monitoring.production import ProductionAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs import ModelSpec, MonitorSpec, OperationsSpec, RawTableSpec
from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.names import TableName


def production_of(assets: Mapping[TableName, TableAsset], project: Project) -> tuple[ProductionAsset, ...]:
    """Every scored output, the champion behind it and every raw table upstream of it, in order of their names.

    Watched are scores that a monitor of scores names, the champions of such scores, raw tables that a monitor of tables
    names, and raw tables whose own declaration notices that nothing comes any more: by freshness, or, without an event
    time, by nothing more than the contract at each load.
    """
    monitors = [d.spec for d in project.declarations if isinstance(d.spec, MonitorSpec)]
    given: dict[TableName, list[ScoresAsset]] = {}
    for asset in assets.values():
        if isinstance(asset, ScoresAsset):
            given.setdefault(asset.champion, []).append(asset)
    found = [_scores(project, asset, monitors) for group in given.values() for asset in group]
    found += [_champion(project, assets[name], group, monitors) for name, group in given.items() if name in assets]
    read = _upstream(assets, [asset.name for group in given.values() for asset in group])
    found += [_raw(project, assets[name], monitors) for name in read if isinstance(assets[name].spec, RawTableSpec)]
    return tuple(sorted(found, key=lambda one: one.name))


def operations_asset(
    declaration: Declaration, project: Project, assets: Mapping[TableName, TableAsset]
) -> OperationsAsset:
    """The indicators' asset, which follows every other: it depends on those that nothing else reads."""
    spec = declaration.spec
    assert isinstance(spec, OperationsSpec)
    read = {dep for asset in assets.values() for dep in asset.deps}
    follows = [name for name in assets if name not in read]
    return OperationsAsset(spec, declared(assets, project), follows, declaration.place, declaration.use_case)


def declared(assets: Mapping[TableName, TableAsset], project: Project) -> Declared:
    """What indicators need to know of a graph, as plain data."""
    specs = [d.spec for d in project.declarations]
    books = [runbook for spec in specs if isinstance(spec, OperationsSpec) for runbook in spec.runbooks.values()]
    return Declared(
        production_of(assets, project), tuple(sorted((spec.name, spec.task) for spec in specs if isinstance(spec, ModelSpec))),
        stated_documentation(specs), tuple(one for one in dict.fromkeys(books) if is_lost(project, one)), project.root,
    )  # fmt: skip


def _scores(project: Project, asset: ScoresAsset, monitors: Sequence[MonitorSpec]) -> ProductionAsset:
    watching = [one for one in monitors if one.scores == asset.spec.name]
    return ProductionAsset(
        asset.name, "scores", asset.use_case, asset.spec.owners, asset.place, asset.model.name, asset.spec.name,
        tuple(one.name for one in watching), (), *_runbooks(project, watching),
    )  # fmt: skip


def _champion(
    project: Project, asset: TableAsset, group: Sequence[ScoresAsset], monitors: Sequence[MonitorSpec]
) -> ProductionAsset:
    names = [scores.spec.name for scores in group]
    watching = [one for one in monitors if one.scores in names]
    return ProductionAsset(
        asset.name, "champion", asset.use_case, asset.spec.owners, asset.place, group[0].model.name, names[0],
        tuple(one.name for one in watching), (), *_runbooks(project, watching),
    )  # fmt: skip


def _raw(project: Project, asset: TableAsset, monitors: Sequence[MonitorSpec]) -> ProductionAsset:
    spec = asset.spec
    assert isinstance(spec, RawTableSpec)
    watching = [one for one in monitors if one.table == str(asset.name)]
    rules = []
    if spec.freshness is not None:
        rules.append(f"freshness: {spec.freshness.max_age}")
    elif spec.event_time is None:
        rules.append("contract at each load; it has no event time whose days could be watched")
    return ProductionAsset(
        asset.name, "raw", asset.use_case, spec.owners, asset.place, None, None, tuple(one.name for one in watching),
        tuple(rules), *_runbooks(project, watching),
    )  # fmt: skip


def _runbooks(project: Project, monitors: Sequence[MonitorSpec]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Declared runbooks, and those of them that are no file of the project."""
    declared = tuple(dict.fromkeys(one.runbook for one in monitors if one.runbook))
    return declared, tuple(one for one in declared if is_lost(project, one))


def is_lost(project: Project, runbook: str) -> bool:
    """Whether a declared runbook is no link and no file of the project."""
    return "://" not in runbook and not (project.root / runbook).is_file()


def _upstream(assets: Mapping[TableName, TableAsset], names: Sequence[TableName]) -> list[TableName]:
    found: set[TableName] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in assets and name not in found:
            found.add(name)
            waiting += assets[name].deps
    return sorted(found)
