"""Every check of the reference graph and of the tiny project knows the field that it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.graph.compile import Graph, compile_graph
from ml_assets.graph.origin import _FIELDS, place_of_check
from ml_assets.graph.project import load_project
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.tiny import TinyProject

# Nothing in a declaration is behind these: they judge the house's own books.
FIELDLESS = {"EV001"}


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> list[Graph]:
    reference = compile_graph(load_project(ROOT / "ml_assets" / "defs", ROOT / "sql", ROOT))
    return [reference, TinyProject.create(tmp_path_factory.mktemp("origin") / "project").graph()]


def test_every_code_has_its_fields(graphs: list[Graph]) -> None:
    codes = {check.code for graph in graphs for asset in graph for check in asset.checks}
    assert codes - _FIELDS.keys() - FIELDLESS == set(), "say in graph/origin.py which field a new check comes from"


def test_every_check_points_to_an_existing_line_of_its_declaration(graphs: list[Graph]) -> None:
    for graph, root in zip(graphs, (ROOT, None), strict=True):
        for asset in graph:
            for check in asset.checks:
                file, _, line = place_of_check(graph.declared_by[asset.name], asset, check).rpartition(":")
                assert file == asset.place.rpartition(":")[0]
                if root is not None:
                    assert 1 <= int(line) <= len(Path(root, file).read_text(encoding="utf-8").splitlines())
