"""`ml-assets run` and `status` on the tiny project."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from ml_assets.cli import main
from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.e2e.state import ml_assets
from ml_assets_tests.tiny import STATEMENTS, TinyProject, weekly_orders

LAST_MONDAY, NEXT_MONDAY = date(2024, 3, 25), date(2024, 4, 1)
TOO_MUCH = "99001,1,2024-03-26 09:00:00,5000\n"


class TestNothingToDo:
    def test_second_run_says_so_and_writes_nothing(self, tiny: TinyProject) -> None:
        before = tiny.batches()
        result = invoke(tiny, "run")
        assert result.exit_code == 0
        assert "Nothing to do: every selected asset is current" in result.stdout
        assert tiny.batches() == before

    def test_runs_do_not_import_dagster(self, tiny_copy: TinyProject) -> None:
        tiny_copy.land(NEXT_MONDAY, weekly_orders(NEXT_MONDAY))
        code = (
            "import sys\nfrom ml_assets.cli import main\n"
            f"try:\n    main(['--project', {str(tiny_copy.root)!r}, 'run', '--json'])\n"
            "except SystemExit as end:\n    sys.exit(end.code or ('dagster' in sys.modules) * 9)"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
        assert result.returncode == 0, result.stderr
        assert "raw.orders" in json.loads(result.stdout)["made"]

    def test_status_finds_everything_current(self, tiny: TinyProject) -> None:
        result = invoke(tiny, "status")
        assert result.exit_code == 0
        assert "Everything is current." in result.stdout


class TestStatus:
    def test_status_of_a_new_project_names_what_is_missing_and_makes_nothing(self, tmp_path: Path) -> None:
        project = TinyProject.create(tmp_path / "project")
        result = invoke(project, "status", "--json")
        assert result.exit_code == 0
        assert "raw.orders" in json_of(result)["out_of_date"]
        assert {line["rows"] for line in json_of(result)["assets"]} == {0}
        assert not project.home.warehouse.exists()

    def test_status_says_what_is_out_of_date_and_why(self, tiny_copy: TinyProject) -> None:
        tiny_copy.land(NEXT_MONDAY, weekly_orders(NEXT_MONDAY))
        stale = json_of(invoke(tiny_copy, "status", "--json"))["out_of_date"]
        assert "1 new" in stale["raw.orders"][""]
        assert stale["staging.sales"] == {"": "reads something that is out of date"}

    def test_status_exits_1_while_an_error_check_fails(self, tiny_copy: TinyProject) -> None:
        with tiny_copy.context().warehouse.committing() as bench:
            bench.execute(
                "update wh.ops.checks set status = 'failed' where asset = 'raw.orders' and check_name = 'key_is_unique'"
            )
        result = invoke(tiny_copy, "status", "--json")
        assert result.exit_code == 1
        [failed] = [row for row in json_of(result)["failed_checks"] if row["severity"] == "error"]
        assert (failed["asset"], failed["check"]) == ("raw.orders", "key_is_unique")
        assert failed["place"].startswith("tiny/defs/shop/orders/defs.yaml:")
        assert f"[{failed['place']}]" in invoke(tiny_copy, "status").stdout

    def test_status_names_the_one_snapshot_that_is_missing(self, tiny_copy: TinyProject) -> None:
        with tiny_copy.context().warehouse.committing() as bench:
            bench.execute(
                "delete from wh.ops.manifest where asset = 'features.habits' and starts_with(partition, '2024-03-11')"
            )
        assert "out of date: features.habits: 2024-03-11: never made" in invoke(tiny_copy, "status").stdout


class TestFailures:
    def test_a_failing_blocking_check_ends_the_run_with_1_and_is_named(self, tiny_copy: TinyProject) -> None:
        before = tiny_copy.batches()
        tiny_copy.land(LAST_MONDAY, weekly_orders(LAST_MONDAY) + TOO_MUCH)
        result = invoke(tiny_copy, "run")
        assert result.exit_code == 1
        assert "staging.sales rows_keep_the_contract (DQ001): amount: 1 rows not at most 1000" in " ".join(
            result.stdout.split()
        )
        changed = {asset for (asset, key), batch in tiny_copy.batches().items() if before.get((asset, key)) != batch}
        assert changed == {"raw.orders", "staging.sales"}

    def test_what_was_refused_runs_once_the_data_is_repaired(self, tiny_copy: TinyProject) -> None:
        path = tiny_copy.land(LAST_MONDAY, weekly_orders(LAST_MONDAY) + TOO_MUCH)
        assert invoke(tiny_copy, "run").exit_code == 1
        later = invoke(tiny_copy, "run", "features.habits")
        assert later.exit_code == 1
        assert "features.habits refuses to read staging.sales" in later.stdout
        path.write_text(path.read_text(encoding="utf-8").replace("5000", "50"), encoding="utf-8")
        result = invoke(tiny_copy, "run", "--json")
        assert result.exit_code == 0
        assert json_of(result)["failures"] == {}

    def test_an_error_is_told_without_a_stack_trace(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state(
            "sales", "select order_id, customer_id, ordered_at, amount / nothing as amount\nfrom raw.orders\n"
        )
        result = ml_assets(tiny_copy.home.root, "run", project=tiny_copy.root)
        assert result.returncode == 1
        assert "sql/shop/sales.sql:1" in result.stdout
        assert "Traceback" not in result.stdout + result.stderr


class TestPartitions:
    def test_only_the_asked_snapshots_are_made(self, tmp_path: Path) -> None:
        project = TinyProject.create(tmp_path / "project")
        result = invoke(project, "run", "+features.habits", "--partitions", "2024-03-11..2024-03-25")
        assert result.exit_code == 0
        made = sorted(key for asset, key in project.batches() if asset == "features.habits")
        assert made == ["2024-03-11", "2024-03-18", "2024-03-25"]

    @pytest.mark.parametrize(
        ("partitions", "message"),
        [("soon", "is not a partition key"), ("1999-01-04", "expected: keys from 2024-01-15 to 2024-04-01")],
        ids=["no-key", "outside"],
    )
    def test_wrong_partitions_are_refused(self, tiny: TinyProject, partitions: str, message: str) -> None:
        result = invoke(tiny, "run", "--partitions", partitions)
        assert result.exit_code == 2
        assert message in result.stderr


class TestRefusals:
    def test_a_wrong_selection_gives_near_names(self, tiny: TinyProject) -> None:
        result = invoke(tiny, "run", "features.habit")
        assert result.exit_code == 2
        assert "did you mean features.habits" in result.stderr

    def test_several_words_select_together(self, tiny: TinyProject) -> None:
        shown = {line["asset"] for line in json_of(invoke(tiny, "run", "raw.*", "staging.sales", "--json"))["assets"]}
        assert shown == {"raw.orders", "staging.sales"}

    def test_a_folder_without_declarations_is_no_project(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(main, ["--project", str(tmp_path), "status"])
        assert result.exit_code == 2
        assert "no ml_assets project is here" in result.stderr

    def test_broken_yaml_is_named_with_its_line(self, tiny_copy: TinyProject) -> None:
        tiny_copy.edit(
            "sales", "    order_id: {type: integer, nullable: false}", "    order_id: {type: integer, nullable: false"
        )
        result = invoke(tiny_copy, "status")
        assert result.exit_code == 2
        assert "tiny/defs/shop/sales/defs.yaml:10: not valid YAML" in result.stderr

    def test_broken_sql_is_named_with_its_line(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state("sales", "select order_id,\n    customer_id\nfrom raw.orders where (\n")
        result = invoke(tiny_copy, "status")
        assert result.exit_code == 2
        assert "sql/shop/sales.sql:" in result.stderr


class TestWholeProject:
    def test_run_json_is_one_object_with_everything_that_is_printed(self, tiny: TinyProject) -> None:
        facts = json_of(invoke(tiny, "run", "--json"))
        assert {
            "now",
            "assets",
            "models",
            "failed_checks",
            "errors",
            "failures",
            "run_id",
            "made",
            "skipped",
            "seconds",
        } <= facts.keys()
        assert facts["models"][0]["champion"] == 1

    def test_files_beside_the_current_folder_are_found(
        self, tiny: TinyProject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tiny.root / "sql" / "shop")
        result = CliRunner().invoke(main, ["status", "--json"])
        assert result.exit_code == 0
        assert {line["asset"] for line in json.loads(result.stdout)["assets"]} >= {"raw.orders"}

    def test_retrain_makes_a_new_version_only_when_asked(self, tiny_copy: TinyProject) -> None:
        assert json_of(invoke(tiny_copy, "run", "--json"))["models"][0]["version"] == 1
        tiny_copy.land(date(2024, 1, 1), weekly_orders(date(2024, 1, 1)) + "77,1,2024-01-03 09:00:00,1\n")
        assert json_of(invoke(tiny_copy, "run", "--json"))["models"][0]["version"] == 1
        assert json_of(invoke(tiny_copy, "run", "--retrain", "--json"))["models"][0]["version"] == 2


class TestWhatWasMade:
    def test_run_says_what_got_other_rows(self, tiny_copy: TinyProject) -> None:
        tiny_copy.land(LAST_MONDAY, weekly_orders(LAST_MONDAY) + "99001,1,2024-03-26 09:00:00,5\n")
        said = invoke(tiny_copy, "run").stdout.splitlines()[0]
        assert said.startswith("This run made: raw.orders, staging.sales, ")
        assert "features.habits (1 of 2 snapshots)" in said
        assert "models.again" not in said

    def test_changed_meaning_of_a_feature_trains_at_once_and_a_comment_does_not(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state("habits", "-- only a remark\n" + STATEMENTS["habits"])
        assert json_of(invoke(tiny_copy, "run", "--json"))["models"][0]["version"] == 1
        tiny_copy.state("habits", STATEMENTS["habits"].replace("interval 28 day", "interval 21 day"))
        assert json_of(invoke(tiny_copy, "run", "--json"))["models"][0]["version"] == 2

    def test_quarantined_rows_stand_beside_the_kept_ones(self, tiny_copy: TinyProject) -> None:
        tiny_copy.land(LAST_MONDAY, weekly_orders(LAST_MONDAY) + "99001,1,2024-03-26 09:00:00,-5\n")
        result = invoke(tiny_copy, "run")
        assert "(+1 in quarantine)" in result.stdout

    @pytest.mark.parametrize(
        ("name", "old", "new", "said"),
        [
            ("again", "snapshots: {every: week, last: 12}", "snapshots: {every: week, last: 13}", "feature set habits needs snapshots that are not made"),
            ("again", "snapshots: {every: week, last: 12}", "snapshots: {every: day, last: 12}", "expected: snapshots among every week, last 12"),
            ("scores", "snapshots: {every: week, last: 4}", "snapshots: {every: week, last: 30}", "scores of model again needs snapshots that are not made"),
        ],
        ids=["longer", "other_grid", "scores"],
    )  # fmt: skip
    def test_snapshots_that_are_never_made_are_refused(
        self, tiny_copy: TinyProject, name: str, old: str, new: str, said: str
    ) -> None:
        tiny_copy.edit(name, old, new)
        result = invoke(tiny_copy, "status")
        assert result.exit_code == 2
        assert said in result.stderr
