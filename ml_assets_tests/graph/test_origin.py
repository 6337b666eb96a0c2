"""Every check of the example project and of the tiny one knows the field that it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.graph.compile import Graph
from ml_assets.graph.origin import _FIELDS, place_of_check
from ml_assets_tests.example import example_graph, example_project
from ml_assets_tests.tiny import TinyProject

# Nothing in a declaration is behind these: they judge the house's own books.
FIELDLESS = {"EV001"}


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Graph]:
    example = example_project(tmp_path_factory.mktemp("origin") / "example")
    tiny = TinyProject.create(tmp_path_factory.mktemp("origin") / "project")
    return {example: example_graph(example), tiny.root: tiny.graph()}


def test_every_code_has_its_fields(projects: dict[Path, Graph]) -> None:
    codes = {check.code for graph in projects.values() for asset in graph for check in asset.checks}
    assert codes - _FIELDS.keys() - FIELDLESS == set(), "say in graph/origin.py which field a new check comes from"


def test_every_check_points_to_an_existing_line_of_its_declaration(projects: dict[Path, Graph]) -> None:
    for root, graph in projects.items():
        for asset in graph:
            for check in asset.checks:
                file, _, line = place_of_check(graph.declared_by[asset.name], asset, check).rpartition(":")
                assert file == asset.place.rpartition(":")[0]
                assert 1 <= int(line) <= len((root / file).read_text(encoding="utf-8").splitlines())
