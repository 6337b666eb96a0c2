"""What was changed by people: statements, parameters and packages, and since when tables are made by them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ml_assets.graph.declared import DeclaredAs
from ml_assets.graph.differences import differences
from ml_assets.operations.watch import Watch
from ml_assets.registry.replay_causes import installed_versions
from ml_assets.training.versions import stored_version
from ml_assets.warehouse.aliases import CHAMPION, version_at
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

_PARAMETERS = ("estimator", "tuning", "calibration", "costs", "split", "categorical")


@dataclass(frozen=True)
class LogicChange:
    """A table that is made otherwise than before. `made_since`: the first time that something was made of it so, by the clock."""

    asset: str
    kind: Literal["code", "parameters"]
    what: str
    made_since: datetime


_CHANGED = """
with current as (
    select asset, any_value(logic) as logic, min(made_at) as since from wh.ops.manifest group by asset having count(distinct logic) = 1
)
select n.asset, n.kind, n.place, n.spec, n.sql, o.kind, o.place, o.spec, o.sql, c.since
from current c join wh.ops.declarations n using (asset, logic)
join lateral (
    select * from wh.ops.declarations p where p.asset = c.asset and p.logic <> c.logic and p.judged_at < n.judged_at
    order by p.judged_at desc limit 1
) o on true order by n.asset
"""


def logic_changes(bench: Workbench, watch: Watch) -> Iterator[LogicChange]:
    """Inside a reading block: tables whose rows were made under another declaration than the one before, and what differs."""
    for asset, kind, place, spec, sql, was_kind, was_place, was_spec, was_sql, since in bench.rows(_CHANGED):
        if watch.asset(asset) is None:
            continue
        name = TableName.parse(asset)
        now = DeclaredAs(name, kind, place, json.loads(spec), json.loads(sql))
        before = DeclaredAs(name, was_kind, was_place, json.loads(was_spec), json.loads(was_sql))
        found = differences(before, now)
        if found:
            parameters = all(one.field.startswith(_PARAMETERS) for one in found)
            said = "; ".join(str(one) for one in found[:3])
            yield LogicChange(asset, "parameters" if parameters else "code", said, since.replace(tzinfo=UTC))


def package_changes(bench: Workbench, watch: Watch, model: str) -> list[str]:
    """Packages of which another version is installed than the champion was trained with, in words; empty without champion."""
    if not bench.has_table(TableName("models", model)):
        return []
    version = version_at(bench, model, CHAMPION)
    if version is None:
        return []
    then = stored_version(bench, model, version).manifest.get("packages", {})
    now = installed_versions(then, watch.context.package_version)
    return [f"{name} {then[name]} → {now[name]}" for name in sorted(then) if then[name] != now.get(name)]
