"""What the incidents say of a harmed state, and who would have been told. Nothing is sent: the copy's outbox is only read."""

from __future__ import annotations

from collections.abc import Sequence

from ml_assets.operations.drills.ground import Sign, Track
from ml_assets.operations.incident_book import Incident, incidents_where
from ml_assets.warehouse.names import TableName


def told_of(track: Track, signs: Sequence[Sign]) -> list[str]:
    """Owner, routes and severity of each incident that was opened by one of these signs; the owners where there is none."""
    keys = {(sign.code or sign.name, sign.asset) for sign in signs} | {(sign.name, sign.asset) for sign in signs}
    with track.context().warehouse.reading() as bench:
        lasting = incidents_where(bench, "status <> 'closed'")
        routes: dict[int, list[str]] = {}
        for number, route in bench.rows("select distinct incident, route from wh.ops.alerts order by all"):
            routes.setdefault(number, []).append(route)
    about = [one for one in lasting if _keys(one) & keys]
    if about:
        return list(
            dict.fromkeys(
                f"{one.owner or 'nobody'} over {' and '.join(routes.get(one.number, ['log']))} ({one.severity})"
                for one in about
            )
        )
    graph = track.setting.graph
    names = [TableName.parse(sign.asset) for sign in signs if sign.asset]
    owners = [owner for name in names if name in graph.assets for owner in graph[name].spec.owners]
    return [f"{owner}, who has to look" for owner in dict.fromkeys(owners)]


def _keys(incident: Incident) -> set[tuple[str, str]]:
    signals = incident.signals
    return {(signal.code, signal.asset) for signal in signals if signal.code} | {
        (signal.name, signal.asset) for signal in signals
    }
