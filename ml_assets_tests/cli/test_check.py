"""`ml-assets check`: exit codes, and that every failure names the file and line of what is declared."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import dagster as dg
import pytest
from click.testing import Result

from ml_assets.components.instance import project_instance
from ml_assets.components.telling import tell
from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.tiny import STATEMENTS, TinyProject

TOO_MUCH = "update wh.staging.sales set amount = 5000 where order_id = (select min(order_id) from wh.staging.sales)"


def alter(project: TinyProject, sql: str) -> None:
    """Change the warehouse behind the project's back."""
    with project.context().warehouse.committing() as bench:
        bench.execute(sql)


def line_with(path: Path, text: str) -> int:
    """1-based line of the one line of a file that holds `text`."""
    found = [number for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if text in line]
    assert len(found) == 1
    return found[0]


def check(project: TinyProject, *words: str) -> Result:
    return invoke(project, "check", "--no-record", *words)


def cases(path: Path) -> dict[tuple[str, str], ET.Element]:
    """(asset, case name) → testcase of a JUnit file."""
    return {(case.get("classname") or "", case.get("name") or ""): case for case in ET.parse(path).iter("testcase")}


class TestExitCodes:
    def test_check_exits_0_when_every_error_check_holds(self, tiny: TinyProject) -> None:
        result = check(tiny)
        assert result.exit_code == 0
        assert "0 failed" in result.stdout

    def test_check_exits_1_when_an_error_check_fails(self, tiny_copy: TinyProject) -> None:
        alter(tiny_copy, TOO_MUCH)
        result = check(tiny_copy)
        assert result.exit_code == 1
        assert "staging.sales rows_keep_the_contract (DQ001)" in result.stdout
        assert "amount: 1 rows not at most 1000" in result.stdout

    def test_check_exits_0_when_only_a_warning_fails(self, tiny_copy: TinyProject, tmp_path: Path) -> None:
        alter(tiny_copy, "alter table wh.raw.orders add column coupon varchar")
        report = tmp_path / "junit.xml"
        result = check(tiny_copy, "raw.orders", "--github", "--junit", str(report))
        assert result.exit_code == 0
        line = line_with(tiny_copy.declaration("orders"), "columns:")
        assert (
            f"::warning file=tiny/defs/shop/orders/defs.yaml,line={line},title=raw.orders%3A columns_are_as_declared (DQ007)::"
            in result.stdout
        )
        case = cases(report)["raw.orders", "columns_are_as_declared"]
        assert [child.tag for child in case] == ["system-out"]
        assert "undeclared ['coupon']" in (case[0].text or "")

    def test_check_exits_2_when_an_asset_is_not_materialised(self, tiny_copy: TinyProject) -> None:
        alter(tiny_copy, "delete from wh.ops.manifest where asset = 'staging.sales'")
        result = check(tiny_copy, "staging.sales", "features.habits")
        assert result.exit_code == 2
        assert "staging.sales" in result.stdout
        assert "ml-assets run +staging.sales" in result.stdout

    def test_check_exits_2_when_something_was_not_judged_though_something_else_failed(
        self, tiny_copy: TinyProject
    ) -> None:
        alter(tiny_copy, TOO_MUCH)
        alter(tiny_copy, "delete from wh.ops.manifest where asset = 'features.habits'")
        result = check(tiny_copy, "staging.sales,features.habits", "--json")
        assert result.exit_code == 2
        assert json_of(result)["counts"]["failed"] > 0

    def test_check_exits_2_without_a_warehouse_and_makes_none(self, tmp_path: Path) -> None:
        project = TinyProject.create(tmp_path / "project")
        result = check(project)
        assert result.exit_code == 2
        assert "there is no warehouse to judge" in result.stderr
        assert not project.home.warehouse.exists()
        assert not project.home.dagster.exists()

    def test_check_exits_2_when_a_declaration_is_broken_and_names_its_line(
        self, tiny_copy: TinyProject, tmp_path: Path
    ) -> None:
        tiny_copy.edit("habits", "every: week", "every: fortnight")
        report = tmp_path / "out" / "junit.xml"
        result = check(tiny_copy, "--junit", str(report), "--github")
        assert result.exit_code == 2
        line = line_with(tiny_copy.declaration("habits"), "fortnight")
        assert f"tiny/defs/shop/habits/defs.yaml:{line}" in result.stderr
        assert f"::error file=tiny/defs/shop/habits/defs.yaml,line={line},title=" in result.stdout
        [case] = cases(report).values()
        assert (case.get("file"), case.get("line")) == ("tiny/defs/shop/habits/defs.yaml", str(line))
        assert case.find("error") is not None

    def test_check_exits_2_when_a_check_raises_and_still_judges_the_others(self, tiny_copy: TinyProject) -> None:
        alter(tiny_copy, "drop table wh.raw.orders__quarantine")
        result = check(tiny_copy, "raw.orders", "--json")
        assert result.exit_code == 2
        outcomes = {row["check"]: row["outcome"] for row in json_of(result)["checks"]}
        assert outcomes["every_row_read_is_kept_or_quarantined"] == "error"
        assert outcomes["key_is_unique"] == "passed"

    def test_check_exits_2_for_a_selection_that_matches_nothing_and_offers_near_names(self, tiny: TinyProject) -> None:
        result = check(tiny, "staging.sale")
        assert result.exit_code == 2
        assert "did you mean staging.sales" in result.stderr

    def test_check_exits_2_when_it_crashes(self, tiny: TinyProject, monkeypatch: pytest.MonkeyPatch) -> None:
        def crash(*_arguments: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr("ml_assets.cli.checking.verdict_on", crash)
        result = check(tiny)
        assert result.exit_code == 2
        assert "RuntimeError: a bug" in result.stderr

    def test_check_exits_2_when_the_warehouse_is_damaged(self, tmp_path: Path) -> None:
        project = TinyProject.create(tmp_path / "project")
        project.home.warehouse.write_bytes(b"nothing that DuckDB knows" * 500)
        report = tmp_path / "junit.xml"
        result = check(project, "--junit", str(report))
        assert result.exit_code == 2
        assert {case.find("error") is not None for case in cases(report).values()} == {True}

    def test_check_exit_code_is_that_of_the_process(self, tiny: TinyProject) -> None:
        words = [sys.executable, "-m", "ml_assets.cli", "--project", str(tiny.root), "check", "nothing.here"]
        assert subprocess.run(words, capture_output=True, check=False, timeout=60).returncode == 2


class TestPlaces:
    def test_a_broken_column_rule_points_to_the_line_of_that_rule(self, tiny_copy: TinyProject) -> None:
        alter(tiny_copy, TOO_MUCH)
        line = line_with(tiny_copy.declaration("sales"), "max: 1000")
        result = check(tiny_copy, "staging.sales", "--github")
        assert (
            f"::error file=tiny/defs/shop/sales/defs.yaml,line={line},title=staging.sales%3A rows_keep_the_contract (DQ001)::"
            in result.stdout
        )

    @pytest.mark.parametrize(
        ("change", "selection", "code", "declaration", "text"),
        [
            ("update wh.raw.orders set order_id = 1", "raw.orders", "DQ002", "orders", "key: [order_id]"),
            ("update wh.raw.orders set ordered_at = ordered_at - interval 30 day", "raw.orders", "FR001", "orders", "freshness:"),
            ("update wh.ops.files set status = 'refused', reason = 'x' where file like '2024-01-01%'", "raw.orders", "IN002", "orders", "files:"),
            ("update wh.features.habits set spend = -1", "features.habits", "DQ001", "habits", "spend:"),
            ("update wh.features.habits set spend = spend + 1", "features.habits", "LK001", "habits", "sql:"),
            ("update wh.ops.verdicts set passed = false", "models.again__champion", "GT001", "again", "gate:"),
            ("update wh.training.again set part = 'train'", "training.again", "TR001", "again", "split:"),
            ("update wh.scores.again set score = 2", "scores.again", "SC001", "scores", "model:"),
        ],
        ids=["key", "freshness", "files", "column", "statement", "gate", "split", "model"],
    )  # fmt: skip
    def test_a_failed_check_points_to_the_field_it_comes_from(
        self, tiny_copy: TinyProject, change: str, selection: str, code: str, declaration: str, text: str
    ) -> None:
        alter(tiny_copy, change)
        found = [row for row in json_of(check(tiny_copy, selection, "--json"))["checks"] if row["code"] == code]
        assert {row["outcome"] for row in found} == {"failed"}
        line = line_with(tiny_copy.declaration(declaration), text)
        assert {row["place"] for row in found} == {f"tiny/defs/shop/{declaration}/defs.yaml:{line}"}

    def test_annotations_name_files_from_the_root_of_the_repository(
        self, tiny_copy: TinyProject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("GITHUB_WORKSPACE", str(tiny_copy.root.parent))
        alter(tiny_copy, TOO_MUCH)
        assert "::error file=project/tiny/defs/shop/sales/defs.yaml,line=" in check(tiny_copy, "staging.sales").stdout

    def test_no_annotation_is_printed_outside_of_github(self, tiny_copy: TinyProject) -> None:
        alter(tiny_copy, TOO_MUCH)
        assert "::error" not in check(tiny_copy, "staging.sales").stdout


class TestPartitions:
    def judged(self, result: Result, asset: str) -> list[str]:
        return sorted({row["partition"] for row in json_of(result)["checks"] if row["asset"] == asset})

    def test_the_newest_snapshot_of_each_asset_is_judged_by_default(self, tiny: TinyProject) -> None:
        result = check(tiny, "--json")
        assert self.judged(result, "features.habits") == ["2024-04-01"]
        assert self.judged(result, "labels.again") == ["2024-03-25"]

    def test_all_partitions_are_judged_when_asked(self, tiny: TinyProject) -> None:
        assert len(self.judged(check(tiny, "--all-partitions", "--json"), "features.habits")) == 12

    def test_a_span_is_judged_and_what_cannot_be_made_yet_is_not_applicable(self, tiny: TinyProject) -> None:
        result = check(tiny, "--partitions", "2024-03-25..2024-04-01", "--json")
        assert result.exit_code == 0
        assert self.judged(result, "labels.again") == ["2024-03-25", "2024-04-01"]
        unripe = {
            row["outcome"]
            for row in json_of(result)["checks"]
            if row["asset"] == "labels.again" and row["partition"] == "2024-04-01"
        }
        assert unripe == {"not_applicable"}

    def test_a_snapshot_of_the_span_that_could_have_been_made_is_an_error(self, tiny_copy: TinyProject) -> None:
        alter(tiny_copy, "delete from wh.ops.manifest where asset = 'features.habits' and partition = '2024-03-25'")
        result = check(tiny_copy, "features.habits", "--partitions", "2024-03-18..2024-04-01", "--json")
        assert result.exit_code == 2
        assert [row["partition"] for row in json_of(result)["checks"] if row["outcome"] == "error"] == ["2024-03-25"]

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (("--partitions", "next week"), "is not a partition key"),
            (("--partitions", "1999-01-04"), "no snapshot lies in the asked span"),
            (("--partitions", "2024-03-25", "--all-partitions"), "exclude each other"),
        ],
        ids=["no-key", "outside", "both"],
    )
    def test_wrong_partitions_are_refused(self, tiny: TinyProject, words: tuple[str, ...], message: str) -> None:
        result = check(tiny, *words)
        assert result.exit_code == 2
        assert message in result.stderr


class TestReports:
    def test_junit_has_a_suite_for_each_asset_and_a_case_for_each_check_and_partition(
        self, tiny: TinyProject, tmp_path: Path
    ) -> None:
        path = tmp_path / "junit.xml"
        result = check(tiny, "--all-partitions", "--junit", str(path), "--json")
        document = ET.parse(path).getroot()
        found = json_of(result)
        assert [suite.get("name") for suite in document] == list(dict.fromkeys(row["asset"] for row in found["checks"]))
        assert len(cases(path)) == len(found["checks"])
        assert ("features.habits", "key_is_unique[2024-04-01]") in cases(path)

    def test_junit_never_shows_what_does_not_apply_as_passed(self, tiny: TinyProject, tmp_path: Path) -> None:
        path = tmp_path / "junit.xml"
        result = check(tiny, "--all-partitions", "--junit", str(path), "--json")
        skipped = {key: case.find("skipped") for key, case in cases(path).items()}
        asked = {
            (row["asset"], f"{row['check']}[{row['partition']}]" if row["partition"] else row["check"]): row["summary"]
            for row in json_of(result)["checks"] if row["outcome"] == "not_applicable"
        }  # fmt: skip
        assert asked
        assert {key: element.get("message") for key, element in skipped.items() if element is not None} == asked

    def test_junit_failure_holds_place_numbers_and_bad_rows(self, tiny_copy: TinyProject, tmp_path: Path) -> None:
        alter(tiny_copy, TOO_MUCH)
        path = tmp_path / "junit.xml"
        check(tiny_copy, "staging.sales", "--junit", str(path))
        case = cases(path)["staging.sales", "rows_keep_the_contract"]
        failure = case.find("failure")
        assert failure is not None
        assert failure.get("type") == "DQ001"
        assert case.get("line") == str(line_with(tiny_copy.declaration("sales"), "max: 1000"))
        for part in (f"tiny/defs/shop/sales/defs.yaml:{case.get('line')}", "amount.max: 1", "'amount': 5000.0"):
            assert part in (failure.text or "")

    def test_markdown_is_appended_and_shows_failures_and_model_metrics(
        self, tiny_copy: TinyProject, tmp_path: Path
    ) -> None:
        alter(tiny_copy, TOO_MUCH)
        path = tmp_path / "summary.md"
        path.write_text("before\n", encoding="utf-8")
        check(tiny_copy, "--markdown", str(path))
        text = path.read_text(encoding="utf-8")
        assert text.startswith("before\n## ❌ ERROR checks failed")
        line = line_with(tiny_copy.declaration("sales"), "max: 1000")
        assert re.search(
            rf"\| staging\.sales \|  \| rows_keep_the_contract \(DQ001\) \| error \| .* \| `tiny/defs/shop/sales/defs\.yaml:{line}` \|",
            text,
        )
        assert "**again** version 1" in text
        assert text.count("<details>") == text.count("</details>") == 1

    def test_json_is_one_object_even_inside_github(
        self, tiny_copy: TinyProject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        alter(tiny_copy, TOO_MUCH)
        result = check(tiny_copy, "staging.sales", "--json")
        assert json_of(result)["exit_code"] == 1
        assert "::error file=" in result.stderr


class TestRecords:
    def test_findings_are_kept_in_the_warehouse_and_block_consumers(self, tiny_copy: TinyProject) -> None:
        alter(tiny_copy, TOO_MUCH)
        check(tiny_copy, "staging.sales")
        with tiny_copy.context().warehouse.reading() as bench:
            status = bench.value(
                "select status from wh.ops.checks where asset = 'staging.sales' and check_name = 'rows_keep_the_contract'"
            )
        assert status == "failed"

    def test_findings_reach_dagster_when_it_looks_and_again_the_next_time(self, tiny_copy: TinyProject) -> None:
        for _ in range(2):
            assert invoke(tiny_copy, "check", "features.habits").exit_code == 0
        key = dg.AssetCheckKey(dg.AssetKey(["features", "habits"]), "key_is_unique")
        with project_instance(tiny_copy.home) as instance:
            tell(instance, tiny_copy.context(), tiny_copy.graph().assets)
            records = instance.event_log_storage.get_asset_check_execution_history(key, limit=2)
            runs = instance.get_runs(dg.RunsFilter(job_name="ml_assets_check"))
        assert [record.partition for record in records] == ["2024-04-01", "2024-04-01"]
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
        assert {record.run_id for record in records} == {run.run_id for run in runs}

    def test_findings_are_not_told_when_nobody_wants_it(self, tiny_copy: TinyProject) -> None:
        assert invoke(tiny_copy, "check", "features.habits", "--no-record").exit_code == 0
        with tiny_copy.context().warehouse.reading() as bench:
            assert bench.value("select count(*) from wh.ops.steps where command = 'check'") == 0

    def test_no_instance_is_made_by_judging(self, tiny_copy: TinyProject) -> None:
        assert invoke(tiny_copy, "check", "staging.sales").exit_code == 0
        assert not tiny_copy.home.dagster.exists()


class TestEditedLogic:
    def test_rows_of_another_logic_are_out_of_date_and_accused_of_nothing(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state("habits", STATEMENTS["habits"].replace("interval 28 day", "interval 21 day"))
        found = json_of(check(tiny_copy, "features.habits", "--json"))
        assert found["exit_code"] == 2
        assert {row["outcome"] for row in found["checks"]} == {"error"}
        assert "out of date, its logic changed" in found["checks"][0]["summary"]
        tiny_copy.state("habits", STATEMENTS["habits"])
        assert json_of(check(tiny_copy, "features.habits", "--json"))["exit_code"] == 0

    def test_run_judges_again_what_did_not_hold(self, tiny_copy: TinyProject) -> None:
        with tiny_copy.context().warehouse.committing() as bench:
            bench.execute(
                "update wh.ops.checks set status = 'failed' where asset = 'raw.orders' and check_name = 'key_is_unique'"
            )
        result = invoke(tiny_copy, "run", "--json")
        assert result.exit_code == 0
        written = json_of(result)["written"]
        assert written["raw.orders"] == {"changed": 0, "asked": 1}
        assert {facts["changed"] for facts in written.values()} == {0}
        assert invoke(tiny_copy, "status").exit_code == 0
