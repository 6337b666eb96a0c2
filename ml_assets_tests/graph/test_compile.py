"""What the declarations of a project may not say together, each with its file and line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ml_assets.errors import MlAssetsError
from ml_assets.graph.project import KINDS
from ml_assets.warehouse.names import TableName
from ml_assets_tests.tiny import DECLARATIONS, STATEMENTS, TinyProject

DEFS = "tiny/defs/shop"


@pytest.fixture
def project(tmp_path: Path) -> TinyProject:
    return TinyProject.create(tmp_path / "project")


def refusal(project: TinyProject) -> str:
    with pytest.raises(MlAssetsError) as caught:
        project.graph()
    return str(caught.value)


def declare_twice(project: TinyProject) -> None:
    project.declare("sales_again", DECLARATIONS["sales"])


def two_documents(project: TinyProject) -> None:
    project.declare("sales", DECLARATIONS["sales"] + "---\n" + DECLARATIONS["habits"])


def second_feature_set(entity: str, column: str) -> Callable[[TinyProject], None]:
    def change(project: TinyProject) -> None:
        text = (
            DECLARATIONS["habits"]
            .replace("name: habits", "name: manners")
            .replace("entity: customer_id", f"entity: {entity}")
        )
        project.declare("manners", text.replace("spend:", f"{column}:"))
        project.edit("again", "features: [habits]", "features: [habits, manners]")

    return change


def reads(statement: str, old: str, new: str) -> Callable[[TinyProject], None]:
    def change(project: TinyProject) -> None:
        assert old in STATEMENTS[statement]
        project.state(statement, STATEMENTS[statement].replace(old, new))

    return change


def edit(name: str, old: str, new: str) -> Callable[[TinyProject], None]:
    return lambda project: project.edit(name, old, new)


@pytest.mark.parametrize(
    ("change", "place", "said"),
    [
        (reads("sales", "raw.orders", "raw.order"), "sql/shop/sales.sql:2", "unknown table 'raw.order'"),
        (reads("habits", "staging.sales", "staging.sale"), "sql/shop/habits.sql:3", "did you mean staging.sales"),
        (edit("again", "features: [habits]", "features: [habit]"), f"{DEFS}/again/defs.yaml:9", "unknown feature set 'habit'"),
        (edit("scores", "model: again", "model: agian"), f"{DEFS}/scores/defs.yaml:6", "unknown model 'agian'"),
        (reads("sales", "from raw.orders", "from staging.sales"), f"{DEFS}/sales/defs.yaml:3", "tables read each other in a circle"),
        (declare_twice, f"{DEFS}/sales_again/defs.yaml:3", "staging.sales is declared twice"),
        (second_feature_set("customer_id", "spend"), f"{DEFS}/again/defs.yaml:9", "feature orders_28d comes from two feature sets"),
        (second_feature_set("order_id", "outlay"), f"{DEFS}/again/defs.yaml:9", "feature set manners is about another entity"),
        (edit("again", "  gate:", "  exclude: [spent]\n  gate:"), f"{DEFS}/again/defs.yaml:15", "unknown feature 'spent'"),
        (two_documents, f"{DEFS}/sales/defs.yaml:17", "several documents in one file"),
        (edit("sales", "ml_assets.SqlTable", "ml_assets.SQLTable"), f"{DEFS}/sales/defs.yaml:1", "did you mean ml_assets.SqlTable"),
        (edit("sales", "sql: shop/sales.sql", "sql: shop/sale.sql"), f"{DEFS}/sales/defs.yaml:6", "shop/sale.sql"),
        (edit("sales", "event_time: ordered_at", "event_times: ordered_at"), f"{DEFS}/sales/defs.yaml:7", "event_times"),
        (edit("habits", "every: week, last: 12", "every: week"), f"{DEFS}/habits/defs.yaml:7", "exactly one of start"),
        (edit("habits", "sql: shop/habits.sql", "sql: ../habits.sql"), f"{DEFS}/habits/defs.yaml:8", "is not a SQL path"),
    ],
    ids=[
        "table-in-sql", "table-in-feature-sql", "feature-set", "model", "circle", "table-twice", "feature-twice", "other-entity",
        "excluded-feature", "two-documents", "component-type", "sql-file", "field", "snapshots", "sql-path",
    ],
)  # fmt: skip
def test_project_refuses_with_file_and_line(
    project: TinyProject, change: Callable[[TinyProject], None], place: str, said: str
) -> None:
    change(project)
    message = refusal(project).replace(f"{project.root}/", "")
    assert message.startswith(f"{place}: "), message
    assert said in message


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (edit("orders", "amount: {type: float, min: 0}", "on: {type: float, min: 0}"), 14, "on"),
        (edit("orders", "amount: {type: float, min: 0}", "no: {type: float}\n      n: {type: float}"), 14, "no"),
        (edit("orders", "amount: {type: float, min: 0}", "country: {type: string, allowed: [NO, SE]}"), 14, "False"),
        (edit("habits", "last: 12", "start: 2024-01-01"), 7, "start"),
        (edit("orders", "max_age: 9 days", "max_age: 12:30:00"), 16, "which YAML reads as 45000"),
        (edit("orders", "name: orders", "name: 2024-01-01"), 3, "name"),
        (edit("orders", "amount: {type: float, min: 0}", "day: {type: date, min: 2011-01-31}"), 14, "quote the value"),
        (edit("orders", "amount: {type: float, min: 0}", "day: {type: date, min: 2011-02-31}"), 14, "2011-02-31"),
        (
            edit("orders", "amount: {type: float, min: 0}", "amount: {type: float}\n      amount: {type: integer}"),
            15,
            "stands here twice",
        ),
    ],
    ids=["on", "no", "NO", "date", "time", "date-name", "date-bound", "no-such-date", "key-twice"],
)
def test_yaml_that_means_something_else_is_refused_at_its_line(
    project: TinyProject, change: Callable[[TinyProject], None], line: int, said: str
) -> None:
    change(project)
    message = refusal(project)
    assert f"/defs.yaml:{line}: " in message
    assert said in message


def test_other_dagster_components_in_the_folder_are_passed_over(project: TinyProject) -> None:
    project.declare("other", "type: dagster.DefinitionsComponent\nattributes:\n  path: x.py\n")
    assert len(project.graph().assets) == 11


def test_every_asset_follows_what_it_reads_and_dependencies_are_those_of_the_sql(project: TinyProject) -> None:
    graph = project.graph()
    seen: set[TableName] = set()
    for asset in graph:
        assert set(asset.deps) <= seen
        seen.add(asset.name)
    assert graph[TableName("features", "habits")].deps == (TableName("staging", "sales"),)


def test_kinds_are_the_components_that_are_offered() -> None:
    from ml_assets import components

    assert set(KINDS) == set(components.__all__)
    assert all(getattr(components, name).spec_type is spec for name, spec in KINDS.items())
