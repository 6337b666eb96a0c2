"""Grafana panels as plain data, placed from left to right and top to bottom on a grid of 24 columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

COLUMNS = 24
# Columns of every table that say nothing here.
_HIDDEN = {
    "id": "organize", "options": {"excludeByName": dict.fromkeys(("Time", "__name__", "instance", "job"), True)}
}  # fmt: skip
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
PanelKind = Literal["timeseries", "stat", "table", "row", "bargauge"]


@dataclass(frozen=True)
class Query:
    """A PromQL expression, and how its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One panel. `limits`: values from which it turns yellow, then red; `words`: value → what is shown instead;
    `text`: "name" shows the series' name in place of its value."""

    title: str
    kind: PanelKind
    queries: tuple[Query, ...] = ()
    unit: str = "short"
    width: int = 12
    height: int = 8
    description: str = ""
    limits: tuple[float, ...] = ()
    words: dict[str, tuple[str, str]] = field(default_factory=dict)
    text: Literal["auto", "name"] = "auto"

    def to_json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """As Grafana reads it."""
        place = {
            "id": number,
            "title": self.title,
            "type": self.kind,
            "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y},
        }
        if self.kind == "row":
            return place | {"collapsed": False, "panels": []}
        return place | {
            "description": self.description, "datasource": _DATASOURCE, "fieldConfig": {"defaults": self._field(), "overrides": []},
            "options": self._options(), "targets": [self._target(place, query) for place, query in enumerate(self.queries)],
            **({"transformations": [_HIDDEN]} if self.kind == "table" else {}),
        }  # fmt: skip

    def _target(self, place: int, query: Query) -> dict[str, Any]:
        instant = self.kind != "timeseries"
        return {
            "refId": chr(ord("A") + place), "datasource": _DATASOURCE, "expr": query.expr, "legendFormat": query.legend or "__auto",
            "instant": instant, "range": not instant, "format": "table" if self.kind == "table" else "time_series",
        }  # fmt: skip

    def _field(self) -> dict[str, Any]:
        colors = ["green", "yellow", "red"] if len(self.limits) == 2 else ["green", "red"]
        steps = [{"color": color, "value": value} for color, value in zip(colors, (None, *self.limits), strict=False)]
        mappings = [
            {"type": "value", "options": {value: {"text": text, "color": color, "index": index}}}
            for index, (value, (text, color)) in enumerate(self.words.items())
        ]
        return {
            "unit": self.unit, "mappings": mappings, "color": {"mode": "thresholds" if self.kind != "timeseries" else "palette-classic"},
            "thresholds": {"mode": "absolute", "steps": steps},
        }  # fmt: skip

    def _options(self) -> dict[str, Any]:
        if self.kind == "timeseries":
            return {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }
        if self.kind == "table":
            return {"showHeader": True, "cellHeight": "sm"}
        reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        if self.kind == "bargauge":
            return {"reduceOptions": reduced, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": True}
        return {"reduceOptions": reduced, "colorMode": "background", "graphMode": "none", "textMode": self.text}


@dataclass(frozen=True)
class Dashboard:
    """One dashboard; `uid` is its address and stays the same when it is made again."""

    uid: str
    title: str
    description: str
    panels: Sequence[Panel]
    since: str = "now-7d"

    def to_json(self) -> dict[str, Any]:
        """The document that Grafana provisions or imports; links lead to all dashboards of the same tag."""
        return {
            "uid": self.uid, "title": self.title, "description": self.description, "tags": ["ml_assets"], "timezone": "utc",
            "schemaVersion": 39, "version": 1, "editable": True, "graphTooltip": 1, "refresh": "1m", "id": None,
            "time": {"from": self.since, "to": "now"},
            "templating": {"list": [{
                "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0, "current": {},
                "refresh": 1, "regex": "", "options": [], "multi": False, "includeAll": False,
            }]},
            "annotations": {"list": []},
            "links": [{
                "title": "ml_assets", "type": "dashboards", "tags": ["ml_assets"], "asDropdown": False, "includeVars": True,
                "keepTime": True, "targetBlank": False, "icon": "external link", "tooltip": "", "url": "",
            }],
            "panels": self._placed(),
        }  # fmt: skip

    def _placed(self) -> list[dict[str, Any]]:
        found, x, y, tallest = [], 0, 0, 0
        for number, panel in enumerate(self.panels, 1):
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            found.append(panel.to_json(number, x, y))
            x, tallest = x + panel.width, max(tallest, panel.height)
        return found


def row(title: str) -> Panel:
    """A heading over the panels that follow."""
    return Panel(title, "row", width=COLUMNS, height=1)
