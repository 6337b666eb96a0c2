"""The selection language, stages, and what a stage's plan says."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ml_assets.errors import SelectionError
from ml_assets.graph.compile import Graph
from ml_assets.graph.plan import select, stage_plan, stages
from ml_assets.warehouse.names import TableName
from ml_assets_tests.tiny import TinyProject, weekly_orders


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    return TinyProject.create(tmp_path_factory.mktemp("plan") / "project").graph()


ALL = [
    "raw.orders", "staging.sales", "features.habits", "labels.again__population", "labels.again", "training.again",
    "models.again", "models.again__reference", "evaluation.again", "models.again__champion", "scores.again",
]  # fmt: skip


class TestSelection:
    @pytest.mark.parametrize(
        ("selection", "expected"),
        [
            ("*", ALL),
            ("", ALL),
            ("all", ALL),
            ("use_case:shop", ALL),
            ("staging.sales", ["staging.sales"]),
            ("staging/sales", ["staging.sales"]),
            ("labels.*", ["labels.again__population", "labels.again"]),
            ("labels", ["labels.again__population", "labels.again"]),
            ("+features.habits", ["raw.orders", "staging.sales", "features.habits"]),
            ("models.again__champion+", ["models.again__champion", "scores.again"]),
            ("+labels.again__population+", [*ALL[:2], *ALL[3:]]),
            ("+staging.sales+", ALL),
            ("shop", ALL),
            ("raw", ["raw.orders"]),
            ("scores.again, raw.orders", ["raw.orders", "scores.again"]),
            ("scores.again raw.orders", ["raw.orders", "scores.again"]),
        ],
        ids=str,
    )
    def test_selection_means(self, graph: Graph, selection: str, expected: list[str]) -> None:
        assert [str(asset.name) for asset in select(graph, selection)] == expected

    @pytest.mark.parametrize(
        "selection", ["features.habit", "raw.order", "+staging.sale", "use_case:shops", "featrues.*"]
    )
    def test_unknown_selection_is_refused_with_what_there_is(self, graph: Graph, selection: str) -> None:
        with pytest.raises(SelectionError) as caught:
            select(graph, selection)
        assert "did you mean" in str(caught.value) or "there are: raw.orders" in str(caught.value)


class TestStages:
    def test_stages_hold_one_grid_each_and_follow_what_they_read(self, graph: Graph) -> None:
        found = stages(graph)
        assert [[str(asset.name) for asset in stage] for stage in found] == [ALL[:2], ALL[2:5], ALL[5:10], ALL[10:]]

    def test_stages_of_a_part_need_only_that_part(self, graph: Graph) -> None:
        assert [[str(a.name) for a in stage] for stage in stages(select(graph, "scores.again,raw.orders"))] == [
            ["raw.orders"], ["scores.again"],
        ]  # fmt: skip


class TestStagePlan:
    def test_a_current_project_has_nothing_to_do(self, tiny: TinyProject) -> None:
        context = tiny.context()
        with context.warehouse.reading() as bench:
            assert not any(stage_plan(bench, context, stage).assets for stage in stages(tiny.graph()))

    def test_what_reads_something_stale_is_reached(self, tiny_copy: TinyProject) -> None:
        tiny_copy.land(date(2024, 4, 1), weekly_orders(date(2024, 4, 1)))
        context = tiny_copy.context()
        with context.warehouse.reading() as bench:
            plan = stage_plan(bench, context, stages(tiny_copy.graph())[0])
        assert list(plan.reasons) == [TableName("raw", "orders")]
        assert plan.reached == (TableName("staging", "sales"),)
        assert plan.partitions == [""]

    def test_partitions_restrict_what_has_snapshots(self, tmp_path: Path) -> None:
        project = TinyProject.create(tmp_path / "project")
        context = project.context()
        graph = project.graph()
        for name in (TableName("raw", "orders"), TableName("staging", "sales")):
            graph[name].materialize(context, [""])
        with context.warehouse.reading() as bench:
            plan = stage_plan(bench, context, [graph[TableName("features", "habits")]], ["2024-03-18", "2024-03-25"])
        assert plan.partitions == ["2024-03-18", "2024-03-25"]
        assert set(plan.reasons[TableName("features", "habits")].values()) == {"never made"}
