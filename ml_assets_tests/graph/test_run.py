"""Runs without Dagster: independent work goes on beside a failure, and what a kill left unjudged is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ml_assets.errors import WarehouseLockedError
from ml_assets.graph.judge import judge_asset
from ml_assets.graph.run import run_graph
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.names import TableName
from ml_assets_tests.tiny import TinyProject

SALES, HABITS = TableName("staging", "sales"), TableName("features", "habits")


def assets_of(project: TinyProject) -> list[TableAsset]:
    return list(project.graph())


@pytest.mark.parametrize("workers", [1, 2], ids=["one", "two"])
def test_run_makes_everything_in_order_whatever_the_number_of_workers(tiny_copy: TinyProject, workers: int) -> None:
    expected = dict.fromkeys(tiny_copy.batches())
    tiny_copy.home.warehouse.unlink()
    report = run_graph(tiny_copy.context(), assets_of(tiny_copy), workers=workers)
    assert report.failures == {}
    assert tiny_copy.batches().keys() == expected.keys()
    assert report.made.index("staging.sales") < report.made.index("features.habits")


def test_what_reads_a_failed_asset_is_skipped_and_the_rest_is_made(tiny_copy: TinyProject) -> None:
    tiny_copy.home.warehouse.unlink()
    tiny_copy.state("customers", "select nothing as customer_id\nfrom staging.sales\n")
    report = run_graph(tiny_copy.context(), assets_of(tiny_copy))
    assert set(report.failures) == {"labels.again__population"}
    assert "features.habits" in report.made
    assert set(report.skipped) >= {"labels.again", "training.again", "scores.again"}
    assert "labels.again__population" in report.skipped["labels.again"]


def test_what_was_made_and_never_judged_is_judged_by_the_next_run(tiny_copy: TinyProject) -> None:
    with tiny_copy.context().warehouse.committing() as bench:
        bench.execute("delete from wh.ops.checks where asset = 'staging.sales'")
    before = tiny_copy.batches()
    report = run_graph(tiny_copy.context(), assets_of(tiny_copy))
    assert "staging.sales" in report.made
    assert tiny_copy.batches() == before
    with tiny_copy.context().warehouse.reading() as bench:
        assert bench.value("select count(*) from wh.ops.checks where asset = 'staging.sales'") > 0


def test_problem_that_passes_is_tried_again(tiny_copy: TinyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    sales = tiny_copy.graph()[SALES]
    materialize = type(sales).materialize

    def held_once(asset: TableAsset, context: RunContext, partitions: Sequence[str]) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise WarehouseLockedError("held", got="process 7")
        return materialize(asset, context, partitions)

    monkeypatch.setattr("ml_assets.graph.run._PAUSE_SECONDS", 0)
    monkeypatch.setattr(type(sales), "materialize", held_once)
    with tiny_copy.context().warehouse.committing() as bench:
        bench.execute("delete from wh.ops.manifest where asset = 'staging.sales'")
    report = run_graph(tiny_copy.context(), [tiny_copy.graph()[SALES]])
    assert (report.failures, report.made, len(tries)) == ({}, ["staging.sales"], 2)


def test_a_fault_of_ours_fails_its_asset_alone(
    tiny_copy: TinyProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_asset: TableAsset, _context: RunContext, _partitions: Sequence[str]) -> Any:
        raise ZeroDivisionError("by our own fault")

    with tiny_copy.context().warehouse.committing() as bench:
        bench.execute("delete from wh.ops.manifest where asset = 'features.habits'")
    monkeypatch.setattr(type(tiny_copy.graph()[HABITS]), "materialize", broken)
    report = run_graph(tiny_copy.context(), assets_of(tiny_copy))
    assert "ZeroDivisionError: by our own fault" in report.failures["features.habits"]
    assert "Traceback" in capsys.readouterr().err


def test_blocking_check_that_cannot_be_judged_blocks_later_runs_too(
    tiny_copy: TinyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(_scope: Any) -> Any:
        raise ZeroDivisionError("in a check")

    sales = tiny_copy.graph()[SALES]
    broken = tuple(
        replace(check, judge=raises) if check.name == "rows_keep_the_contract" else check for check in sales.checks
    )
    with monkeypatch.context() as patched:
        patched.setattr(type(sales), "checks", broken)
        assert "rows_keep_the_contract" in judge_asset(tiny_copy.context(), sales, [""]).broken
    with tiny_copy.context().warehouse.committing() as bench:
        bench.execute("delete from wh.ops.manifest where asset = 'features.habits'")
    report = run_graph(tiny_copy.context(), [tiny_copy.graph()[HABITS]])
    assert "could not be judged: in a check" in report.failures["features.habits"]
    judge_asset(tiny_copy.context(), sales, [""])
    assert run_graph(tiny_copy.context(), [tiny_copy.graph()[HABITS]]).failures == {}


def test_personal_column_of_a_raw_table_is_masked_wherever_it_has_come_to(tiny_copy: TinyProject) -> None:
    tiny_copy.edit(
        "orders",
        "customer_id: {type: integer, nullable: false}",
        "customer_id: {type: integer, nullable: false, pii: true}",
    )
    with tiny_copy.context().warehouse.committing() as bench:
        bench.execute("update wh.features.habits set spend = -1 where customer_id = 7")
    habits = tiny_copy.graph()[HABITS]
    found = judge_asset(tiny_copy.context(), habits, habits.partitions(tiny_copy.context().now)).findings
    rows = [row for finding in found if finding.check == "rows_keep_the_contract" for row in finding.evidence]
    assert {row["customer_id"] for row in rows} == {"(personal data)"}
    assert {row["spend"] for row in rows} == {-1}
