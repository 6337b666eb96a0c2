"""Dashboards from the graph: documents that Grafana takes, with queries that Prometheus understands."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml_assets.operations.telemetry.catalogue import CATALOGUE
from ml_assets.operations.telemetry.files import monitoring_files
from ml_assets.operations.telemetry.panels import COLUMNS
from ml_assets_tests.prometheus_server import promtool
from ml_assets_tests.tiny import TinyProject

Document = dict[str, Any]
UNITS = {"short", "s", "bytes", "percentunit"}  # of Grafana's own list
KINDS = {"timeseries", "stat", "table", "row", "bargauge"}
FIELDS = {"id", "title", "type", "gridPos", "datasource", "targets", "fieldConfig", "options"}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Document]:
    """Name → document of every dashboard of the tiny project."""
    project = TinyProject.create(tmp_path_factory.mktemp("dashboards") / "project")
    files = monitoring_files(project.graph())
    return {Path(name).stem: json.loads(text) for name, text in files.items() if name.endswith(".json")}


def panels(documents: dict[str, Document]) -> list[Document]:
    return [panel for document in documents.values() for panel in document["panels"]]


def queries(documents: dict[str, Document]) -> list[str]:
    return [target["expr"] for panel in panels(documents) if panel["type"] != "row" for target in panel["targets"]]


def test_there_are_four_with_addresses_of_their_own(documents: dict[str, Document]) -> None:
    assert set(documents) == {"overview", "data", "models", "operations"}
    uids = [document["uid"] for document in documents.values()]
    assert len(set(uids)) == 4
    assert all(re.fullmatch(r"[a-z-]{1,40}", uid) for uid in uids)
    for document in documents.values():
        assert document["id"] is None  # Grafana gives numbers; one of another installation would be in the way
        assert document["schemaVersion"] >= 36
        assert document["title"]


def test_every_panel_has_what_grafana_needs(documents: dict[str, Document]) -> None:
    for panel in panels(documents):
        assert panel["type"] in KINDS
        if panel["type"] == "row":
            continue
        assert set(panel) >= FIELDS, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[0]["value"] is None
        assert [step["value"] for step in steps[1:]] == sorted(step["value"] for step in steps[1:])
        references = [target["refId"] for target in panel["targets"]]
        assert references == sorted(set(references))
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert target["instant"] != target["range"]


def test_the_data_source_is_chosen_where_it_is_looked_at(documents: dict[str, Document]) -> None:
    for document in documents.values():
        [variable] = document["templating"]["list"]
        assert (variable["name"], variable["type"], variable["query"]) == ("datasource", "datasource", "prometheus")


def test_panels_lie_on_the_grid_and_not_on_each_other(documents: dict[str, Document]) -> None:
    for document in documents.values():
        numbers = [panel["id"] for panel in document["panels"]]
        assert len(set(numbers)) == len(numbers)
        places = [panel["gridPos"] for panel in document["panels"]]
        assert all(place["x"] >= 0 and place["x"] + place["w"] <= COLUMNS for place in places)
        for one, other in combinations(places, 2):
            beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert beside or above


def test_queries_ask_for_metrics_that_there_are(documents: dict[str, Document]) -> None:
    known = {metric.series for metric in CATALOGUE.values()}
    asked = {
        re.sub(r"_bucket$", "", name) for query in queries(documents) for name in re.findall(r"\bml_assets_\w+", query)
    }
    assert asked <= known
    shown = {name.removeprefix("ml_assets_") for name in asked}
    assert len(shown) > 25


def test_legends_name_labels_that_the_series_have(documents: dict[str, Document]) -> None:
    labels = {metric.series: set(metric.labels) for metric in CATALOGUE.values()}
    for panel in panels(documents):
        for target in panel.get("targets", ()):
            [first, *_] = re.findall(r"\bml_assets_\w+|\bALERTS\b", target["expr"])
            wanted = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert wanted <= labels.get(re.sub(r"_bucket$", "", first), set()), target


def test_data_shows_every_raw_table_and_models_every_model(documents: dict[str, Document]) -> None:
    assert "raw.orders" in [panel["title"] for panel in documents["data"]["panels"] if panel["type"] == "row"]
    assert "again" in [panel["title"] for panel in documents["models"]["panels"] if panel["type"] == "row"]
    assert "scores.again: rows scored" in [panel["title"] for panel in documents["models"]["panels"]]


@pytest.mark.prometheus
def test_every_query_is_promql(documents: dict[str, Document], tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries(documents))]
    path = tmp_path / "queries.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    result = promtool("check", "rules", str(path))
    assert (result.returncode, result.stderr) == (0, "")
    rules[0]["expr"] = "sum(("
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}), encoding="utf-8")
    assert promtool("check", "rules", str(path)).returncode == 1
