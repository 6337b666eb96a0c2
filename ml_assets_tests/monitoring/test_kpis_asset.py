"""The asset of the indicators: a set of rows a day, due when there is something new to count, made whatever else failed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import DeclarationError
from ml_assets.graph.judge import judge_asset
from ml_assets.graph.plan import select, stage_plan
from ml_assets.graph.run import run_graph
from ml_assets.monitoring.kpi_catalogue import CATALOGUE
from ml_assets.monitoring.kpi_page import write_kpi_page
from ml_assets.operations.causes import Cause
from ml_assets.operations.grouping import grouped
from ml_assets.operations.signals import Signal
from ml_assets.specs.monitors import OperationsSpec
from ml_assets.warehouse.aliases import move
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.steps import StepRecord, StepStatus, record_step
from ml_assets_tests.monitoring.test_kpis_coverage import OPERATIONS, SCORES_MONITOR
from ml_assets_tests.tiny import TinyProject

TABLE = TableName("monitoring", "operations")
NOON = datetime(2024, 4, 2, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Operated:
    """The tiny project with declared operations, of which only the indicators are ever made."""

    project: TinyProject

    @property
    def context(self) -> RunContext:
        return self.project.context()

    def run(self) -> Any:
        return run_graph(self.context, select(self.project.graph(), str(TABLE)))

    def due(self) -> dict[str, str]:
        """Why the indicators are to be made; empty where they are not."""
        with self.context.warehouse.reading() as bench:
            plan = stage_plan(bench, self.context, select(self.project.graph(), str(TABLE)))
        return plan.reasons.get(TABLE, {})

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.context.warehouse.reading() as bench:
            return bench.rows(sql)

    def value(self, indicator: str) -> float | None:
        [row] = self.rows(f"select value from {TABLE.quoted} where indicator = '{indicator}' order by day desc limit 1")
        return None if row[0] is None else float(row[0])

    def clock(self, text: str) -> None:
        self.project.home.replay_file.write_text(text, encoding="utf-8")

    def step(self, run_id: str, status: StepStatus, command: str = "run", asset: str = "staging.sales") -> None:
        with self.context.warehouse.committing() as bench:
            record_step(
                bench,
                StepRecord(
                    run_id, 0, command, TableName.parse(asset), ("",), status, NOON, NOON, clock_time=self.context.now
                ),
            )

    def findings(self) -> dict[str, CheckFinding]:
        judgement = judge_asset(self.context, self.project.graph()[TABLE], [""])
        assert not judgement.broken
        return {finding.check: finding for finding in judgement.findings}


@pytest.fixture(scope="module")
def made(tiny: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> Operated:
    """With the indicators made once. Not to be changed."""
    operated = Operated(tiny.copied_to(tmp_path_factory.mktemp("operated") / "project"))
    operated.project.declare("operations", OPERATIONS)
    report = operated.run()
    assert report.made == [str(TABLE)], report
    return operated


@pytest.fixture
def operated(made: Operated, tmp_path: Path) -> Operated:
    return Operated(made.project.copied_to(tmp_path / "project"))


class TestRows:
    def test_day_has_one_row_for_each_indicator(self, made: Operated) -> None:
        found = made.rows(f"select day, indicator from {TABLE.quoted} order by indicator")
        assert found == [(date(2024, 4, 2), name) for name in sorted(one.name for one in CATALOGUE)]

    def test_row_without_a_value_says_why(self, made: Operated) -> None:
        silent = made.rows(f"select indicator from {TABLE.quoted} where value is null and reason = ''")
        assert silent == []
        assert made.value("gain_correlation") is None

    def test_whole_run_of_the_project_is_counted(self, made: Operated) -> None:
        assert made.value("step_success_rate") == made.value("run_success_rate") == 1
        assert made.value("freshness_attainment") == 1
        assert made.value("deployment_frequency") == pytest.approx(1)
        cost = made.value("cost_per_training_run")
        assert cost is not None
        assert 0 < cost < 60

    def test_next_day_adds_its_rows_and_leaves_those_before(self, operated: Operated) -> None:
        before = operated.rows(f"select * from {TABLE.quoted} order by all")
        operated.clock("2024-04-03")
        operated.run()
        assert operated.rows(f"select * from {TABLE.quoted} where day = '2024-04-02' order by all") == before
        assert operated.rows(f"select count(*) from {TABLE.quoted}") == [(2 * len(CATALOGUE),)]

    def test_day_made_again_replaces_its_own_rows(self, operated: Operated) -> None:
        operated.step("x", "failed")
        operated.run()
        assert operated.rows(f"select count(*) from {TABLE.quoted}") == [(len(CATALOGUE),)]
        assert operated.value("run_success_rate") == 1 / 2


class TestDue:
    def test_nothing_is_due_when_nothing_happened_since(self, operated: Operated) -> None:
        assert operated.due() == {}
        assert operated.run().steps == 0

    def test_new_day_is_due(self, operated: Operated) -> None:
        operated.clock("2024-04-03")
        assert operated.due() == {"": "changed: day"}

    def test_another_hour_of_the_day_is_not_due(self, operated: Operated) -> None:
        operated.clock("2024-04-02T18:00:00")
        assert operated.due() == {}

    def test_steps_since_are_due_and_once(self, operated: Operated) -> None:
        operated.step("x", "made")
        assert operated.due() == {"": "changed: steps"}
        operated.run()
        assert operated.due() == {}

    def test_judging_alone_is_not_due(self, operated: Operated) -> None:
        operated.step("x", "judged", "check")
        assert operated.due() == {}

    def test_moved_version_is_due(self, operated: Operated) -> None:
        with operated.context.warehouse.committing() as bench:
            move(bench, "again", "champion", 2, at=NOON, by="ann", reason="better")
        assert operated.due() == {"": "changed: moves of versions"}

    def test_other_declarations_are_due_and_not_their_lines(self, operated: Operated) -> None:
        operated.project.edit("scores", "type: ml_assets", "# moved down\ntype: ml_assets")
        assert operated.due() == {}
        operated.project.edit("scores", "  owners: [team:shop]\n", "")
        assert operated.due() == {"": "changed: declarations"}

    def test_other_price_is_due(self, operated: Operated) -> None:
        operated.project.edit("operations", "  on_duty:", "  cost: {cpu_hour: 0.1}\n  on_duty:")
        assert operated.due() == {"": "its logic changed"}


class TestAlways:
    def test_indicators_follow_every_other_asset(self, operated: Operated) -> None:
        operated.project.declare("monitor", SCORES_MONITOR)
        graph = operated.project.graph()
        assert list(graph.assets)[-1] == TABLE
        assert graph.upstream({TABLE}) == set(graph.assets)

    def test_indicators_are_made_from_nothing_that_they_follow(self, made: Operated) -> None:
        graph = made.project.graph()
        assert TABLE not in graph.downstream({TableName("raw", "orders")})
        assert graph.downstream({TABLE}) == {TABLE}

    def test_unwatched_production_is_no_symptom_of_trouble_upstream(self, made: Operated) -> None:
        def signal(name: str, cause: Cause, table: str) -> Signal:
            return Signal("check", name, cause, "error", NOON, "wrong", table, table)

        signals = [
            signal("a", "nulls", "raw.orders"),
            signal("b", "unwatched", str(TABLE)),
            signal("c", "drift", "scores.again"),
        ]
        groups = grouped(signals, made.project.graph())
        assert [[one.name for one in group.signals] for group in groups] == [["a", "c"], ["b"]]

    def test_indicators_are_made_when_something_else_failed(self, operated: Operated) -> None:
        operated.project.state("sales", "select order_id, amout\nfrom raw.orders\n")
        report = run_graph(
            operated.context, select(operated.project.graph(), "staging.sales, scores.again, monitoring.*")
        )
        assert set(report.failures) == {"staging.sales"}
        assert str(TABLE) in report.made
        [(held, all_steps)] = operated.rows(
            f"select numerator, denominator from {TABLE.quoted} where indicator = 'step_success_rate'"
        )
        assert all_steps - held == 1

    def test_indicators_are_made_beside_a_blocking_failure(self, operated: Operated) -> None:
        with operated.context.warehouse.committing() as bench:
            bench.execute("update wh.ops.checks set status = 'failed' where blocking and asset = 'scores.again'")
        operated.clock("2024-04-03")
        assert operated.run().failures == {}


class TestPage:
    def test_page_defines_each_indicator_where_it_is_shown(self, made: Operated) -> None:
        page = (made.project.home.reports / "kpis.html").read_text(encoding="utf-8")
        for one in CATALOGUE:
            card = page[page.index(f"<h3>{one.title}</h3>") :].partition('<div class="card">')[0]
            assert one.definition.partition(".")[0].replace("'", "&#x27;") in card
        assert not re.search(r"https?://|<script|<link|src=", page)

    def test_page_draws_a_history_of_two_days_and_is_the_same_for_the_same_rows(self, operated: Operated) -> None:
        path = operated.project.home.reports / "kpis.html"
        assert "<svg" not in path.read_text(encoding="utf-8")
        operated.clock("2024-04-03")
        operated.run()
        drawn = path.read_bytes()
        assert drawn.count(b'<svg viewBox="0 0 440 170"') > 5
        path.unlink()
        with operated.context.warehouse.reading() as bench:
            write_kpi_page(bench, TABLE, OperationsSpec(name="operations"), path.parent)
        assert path.read_bytes() == drawn


class TestChecks:
    def test_unwatched_production_fails_with_the_yaml_to_add(self, made: Operated) -> None:
        found = made.findings()["production_is_watched"]
        assert found.status == "failed"
        assert found.summary == "1 of 3 assets in production are watched; not models.again__champion, scores.again"
        assert found.numbers["coverage"] == pytest.approx(1 / 3)
        [_, scores] = found.evidence
        assert scores["into"] == "defs/shop/monitoring/again/defs.yaml"
        assert (
            scores["yaml"]
            == "type: ml_assets.Monitor\nattributes:\n  name: again\n  owners: [team:shop]\n  scores: again\n"
        )

    def test_watched_production_passes(self, operated: Operated) -> None:
        operated.project.declare("monitor", SCORES_MONITOR)
        assert operated.findings()["production_is_watched"].status == "passed"

    def test_production_without_an_owner_fails_and_says_who_is_told(self, operated: Operated) -> None:
        assert operated.findings()["production_has_owners_and_runbooks"].status == "passed"
        operated.project.edit("scores", "  owners: [team:shop]\n", "")
        found = operated.findings()["production_has_owners_and_runbooks"]
        assert found.summary == "2 of 3 assets in production have an owner and a runbook; not scores.again"
        assert found.evidence[0]["why"] == "has no owner; told until then: team:night"

    def test_runbook_that_is_no_file_fails(self, operated: Operated) -> None:
        operated.project.declare("monitor", SCORES_MONITOR)
        found = operated.findings()["production_has_owners_and_runbooks"]
        assert found.numbers == {"assets": 3, "held": 1, "coverage": 1 / 3}
        assert "docs/again.md is no file" in found.evidence[0]["why"]

    def test_runbook_of_the_project_that_is_no_file_fails(self, operated: Operated) -> None:
        operated.project.edit("operations", "  on_duty:", "  runbooks: {FR001: docs/late.md}\n  on_duty:")
        found = operated.findings()["production_has_owners_and_runbooks"]
        assert found.status == "failed"
        assert "docs/late.md" in found.summary

    def test_first_champion_has_no_rollback_to_be_judged(self, made: Operated) -> None:
        found = made.findings()["rollback_is_ready"]
        assert found.status == "not_applicable"
        assert found.summary == "the champion of again is the first: there is none to go back to"

    def test_rollback_that_would_be_refused_fails(self, operated: Operated) -> None:
        with operated.context.warehouse.committing() as bench:
            move(bench, "again", "champion", 2, at=NOON, by="ann", reason="better")
        assert operated.findings()["rollback_is_ready"].status == "passed"
        with operated.context.warehouse.committing() as bench:
            bench.execute("update wh.ops.verdicts set passed = false, reasons = 'worse' where version = 1")
        found = operated.findings()["rollback_is_ready"]
        assert found.status == "failed"
        assert found.summary == "0 of 1 models could be rolled back; not again: again@1 may not serve"

    def test_nothing_in_production_is_not_applicable(self, operated: Operated) -> None:
        operated.project.declaration("scores").unlink()
        assert {finding.status for finding in operated.findings().values()} == {"not_applicable"}


def test_second_declaration_of_operations_is_refused(made: Operated, tmp_path: Path) -> None:
    project = made.project.copied_to(tmp_path / "project")
    project.declare("more", OPERATIONS.replace("name: operations", "name: more"))
    with pytest.raises(DeclarationError, match="two declarations of operations"):
        project.graph()
