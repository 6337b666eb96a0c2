"""Everything that is generated for a monitoring stack, as files. Equal declarations give equal bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from ml_assets.graph.compile import Graph
from ml_assets.monitoring.rules_on_file import FILE
from ml_assets.operations.telemetry.alert_rule import HEAD, rules_file
from ml_assets.operations.telemetry.dashboards import dashboards
from ml_assets.operations.telemetry.rules import JOB, alert_rules

PORT = 9464


def monitoring_files(graph: Graph, runbooks_at: str = "") -> dict[str, str]:
    """Path below the folder → text: alert rules, dashboards, and the settings with which Prometheus and Grafana load them."""
    found = {FILE: rules_file(alert_rules(graph, runbooks_at)), "prometheus.yml": _yaml(_prometheus())}
    for dashboard in dashboards(graph):
        name = dashboard.uid.removeprefix("ml-assets-")
        found[f"dashboards/{name}.json"] = json.dumps(dashboard.to_json(), indent=1, ensure_ascii=False) + "\n"
    found["grafana/datasources/prometheus.yml"] = _yaml(_data_source())
    found["grafana/dashboards/ml_assets.yml"] = _yaml(_provider())
    return found


def outdated(files: dict[str, str], folder: Path) -> list[str]:
    """Which files are missing in a folder, differ, or stand there although nothing makes them any more."""
    found = [
        name
        for name, text in files.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]
    left = [path.relative_to(folder).as_posix() for path in sorted((folder / "dashboards").glob("*.json"))]
    return [*found, *(name for name in left if name not in files)]


def write_files(files: dict[str, str], folder: Path) -> list[str]:
    """Write what differs, remove dashboards that nothing makes any more; the names of both."""
    changed = outdated(files, folder)
    for name in changed:
        path = folder / name
        if name not in files:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name], encoding="utf-8")
    return changed


def _yaml(content: Any) -> str:
    return HEAD + str(yaml.safe_dump(content, sort_keys=False, width=10_000))


def _prometheus() -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "30s", "evaluation_interval": "30s"},
        "rule_files": [FILE],
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [f"metrics:{PORT}"]}]}],
    }


def _data_source() -> dict[str, Any]:
    source = {
        "name": "Prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": "http://prometheus:9090",
        "isDefault": True,
    }
    return {"apiVersion": 1, "datasources": [source]}


def _provider() -> dict[str, Any]:
    options = {"path": "/etc/grafana/ml_assets"}
    return {
        "apiVersion": 1,
        "providers": [{"name": "ml_assets", "folder": "ml_assets", "type": "file", "options": options}],
    }
