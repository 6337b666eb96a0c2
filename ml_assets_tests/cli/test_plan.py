"""`ml-assets plan` on the tiny project: it writes nothing, names what changed, and says what is breaking."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.e2e.state import query
from ml_assets_tests.tiny import DECLARATIONS, STATEMENTS, TinyProject


def plan_of(project: TinyProject, *words: str) -> dict[str, Any]:
    result = invoke(project, "plan", "--json", *words)
    assert result.exit_code == 0, result.output
    return json_of(result)


def why(project: TinyProject) -> dict[str, str]:
    return {line["asset"]: line["why"] for line in plan_of(project)["assets"]}


def the_change(project: TinyProject, asset: str, word: str, *words: str) -> dict[str, Any]:
    """The only change of an asset that says `word`."""
    found = [one for one in plan_of(project, *words)["changes"] if one["asset"] == asset and word in one["what"]]
    assert len(found) == 1, found
    return found[0]


class TestLooking:
    def test_a_current_project_has_nothing_to_do_and_no_change(self, tiny: TinyProject) -> None:
        result = invoke(tiny, "plan")
        assert result.exit_code == 0
        assert "Nothing to do: every selected asset is current." in result.stdout
        assert plan_of(tiny)["changes"] == []

    def test_a_plan_writes_nothing(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state("habits", STATEMENTS["habits"].replace("28 day", "21 day"))
        before = tiny_copy.home.warehouse.read_bytes()
        assert plan_of(tiny_copy)["assets"]
        assert tiny_copy.home.warehouse.read_bytes() == before

    def test_a_new_project_is_planned_without_making_a_warehouse(self, tmp_path: Path) -> None:
        project = TinyProject.create(tmp_path / "project")
        found = plan_of(project)
        assert len(found["assets"]) == 11
        assert found["without_past_run"] == [line["asset"] for line in found["assets"]]
        assert not project.home.warehouse.exists()

    def test_a_plan_does_not_import_dagster(self, tiny: TinyProject) -> None:
        code = (
            "import sys\nfrom ml_assets.cli import main\n"
            f"try:\n    main(['--project', {str(tiny.root)!r}, 'plan'])\n"
            "except SystemExit as end:\n    sys.exit(end.code or ('dagster' in sys.modules) * 9)"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
        assert result.returncode == 0, result.stderr

    def test_a_selection_and_snapshots_narrow_the_plan(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state("habits", STATEMENTS["habits"].replace("28 day", "21 day"))
        found = plan_of(tiny_copy, "features.habits", "--partitions", "2024-03-25")
        assert [(line["asset"], list(line["will"])) for line in found["assets"]] == [
            ("features.habits", ["2024-03-25"])
        ]

    def test_snapshots_that_there_are_not_are_refused(self, tiny: TinyProject) -> None:
        assert invoke(tiny, "plan", "--partitions", "2019-01-01").exit_code == 2

    def test_retrain_plans_what_waits_for_its_schedule(self, tiny_copy: TinyProject) -> None:
        with tiny_copy.context().warehouse.committing() as bench:
            bench.execute("update wh.ops.manifest set content = content || '0' where asset = 'labels.again'")
        assert "training.again" not in why(tiny_copy)
        assert "training.again" in {line["asset"] for line in plan_of(tiny_copy, "--retrain")["assets"]}


class TestReasons:
    @pytest.mark.parametrize(
        ("asset", "field", "change"),
        [
            ("features.habits", "sql/shop/habits.sql", lambda p: p.state("habits", STATEMENTS["habits"].replace("28 day", "21 day"))),
            ("models.again", "estimator.parameters.num_leaves: 4 → 5", lambda p: p.edit("again", "num_leaves: 4", "num_leaves: 5")),
            ("models.again__champion", "gate.better_than", lambda p: p.edit("again", "better_than: []", "better_than: [constant]")),
            ("labels.again", "label.horizon: 7 days → 8 days", lambda p: p.edit("again", "horizon: 7 days", "horizon: 8 days")),
            ("raw.orders", "contract.columns.amount.min: 0 → 1", lambda p: p.edit("orders", "min: 0", "min: 1")),
        ],
        ids=["statement", "estimator", "gate", "label", "contract"],
    )  # fmt: skip
    def test_a_reason_names_the_part_that_changed(
        self, tiny_copy: TinyProject, asset: str, field: str, change: Callable[[TinyProject], object]
    ) -> None:
        change(tiny_copy)
        assert field in why(tiny_copy)[asset]

    def test_what_was_made_before_declarations_were_kept_is_said_so(self, tiny_copy: TinyProject) -> None:
        with tiny_copy.context().warehouse.committing() as bench:
            bench.execute("delete from wh.ops.declarations")
        tiny_copy.edit("again", "num_leaves: 4", "num_leaves: 5")
        assert "which part cannot be told" in why(tiny_copy)["models.again"]

    def test_training_is_told_that_its_features_mean_something_else(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state("habits", STATEMENTS["habits"].replace("28 day", "21 day"))
        assert why(tiny_copy)["training.again"].endswith("another meaning of what it is made from")


class TestChanges:
    def test_another_feature_of_a_serving_model_is_breaking_and_named_by_column(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state("habits", STATEMENTS["habits"].replace("28 day", "21 day"))
        found = the_change(tiny_copy, "features.habits", "habits.sql")
        assert (found["breaking"], found["lineage"]) == (True, "column lineage")
        assert found["reaches"] == ["model again (orders_28d), scores.again"]
        assert "again@1 serves with the earlier meaning" in found["because"]

    def test_a_feature_that_is_excluded_breaks_nothing(self, tiny_copy: TinyProject) -> None:
        tiny_copy.edit("again", "features: [habits]", "features: [habits]\n  exclude: [orders_28d]")
        tiny_copy.state("habits", STATEMENTS["habits"].replace("28 day", "21 day"))
        assert the_change(tiny_copy, "features.habits", "habits.sql")["breaking"] is False

    def test_another_filter_reaches_every_feature_by_table(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state("sales", STATEMENTS["sales"].replace("> 0", "> 5"))
        found = the_change(tiny_copy, "staging.sales", "sales.sql")
        assert (found["breaking"], found["lineage"]) == (True, "table lineage")
        [reached] = found["reaches"]
        assert reached == "model again (label; population; orders_28d, spend, days_since_last), scores.again"

    def test_a_source_column_reaches_the_features_made_of_it_alone(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state("sales", STATEMENTS["sales"].replace("amount\n", "amount * 2 as amount\n"))
        found = the_change(tiny_copy, "staging.sales", "sales.sql")
        assert (found["reaches"], found["lineage"]) == (["model again (spend), scores.again"], "column lineage")

    def test_a_deleted_column_breaks_the_statement_that_reads_it(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state("sales", STATEMENTS["sales"].replace(", amount\n", "\n"))
        found = the_change(tiny_copy, "features.habits", "would not run")
        assert found["breaking"] is True
        assert found["place"] == "sql/shop/habits.sql:2"
        assert the_change(tiny_copy, "staging.sales", "amount removed")["because"] == "still read by features.habits"

    def test_a_deleted_column_that_nobody_reads_is_fine(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state("sales", STATEMENTS["sales"].replace("select order_id, ", "select "))
        tiny_copy.edit("sales", "    order_id: {type: integer, nullable: false}\n", "")
        assert the_change(tiny_copy, "staging.sales", "order_id removed")["breaking"] is False

    def test_a_feature_that_the_serving_version_needs_is_missed(self, tiny_copy: TinyProject) -> None:
        tiny_copy.declare(
            "habits", DECLARATIONS["habits"].replace("    spend: {type: float, nullable: false, min: 0}\n", "")
        )
        tiny_copy.state("habits", STATEMENTS["habits"].replace("    sum(amount) as spend,", "   "))
        found = the_change(tiny_copy, "features.habits", "spend removed")
        assert found["breaking"] is True
        assert "again@1 needs it" in found["because"]

    @pytest.mark.parametrize(
        ("old", "new", "breaking", "because"),
        [
            ("max: 1000", "max: 30", True, "rows there are break it: they block what reads the table"),
            ("max: 1000", "max: 900", False, "every row there is holds it"),
            ("max: 1000", "max: 30\n      severity: warn", False, "rows there are break it: it only warns"),
            ("      max: 1000\n", "", False, "the rule is gone"),
        ],
    )
    def test_a_contract_is_judged_on_the_rows_there_are(
        self, tiny_copy: TinyProject, old: str, new: str, breaking: bool, because: str
    ) -> None:
        tiny_copy.edit("sales", old, new)
        found = the_change(tiny_copy, "staging.sales", "columns.amount.max")
        assert found["breaking"] is breaking
        assert because in found["because"]

    def test_the_count_of_rows_that_break_a_contract_is_that_of_the_table(self, tiny_copy: TinyProject) -> None:
        tiny_copy.edit("sales", "max: 1000", "max: 30")
        ((bad,),) = query(tiny_copy.home.root, "select count(*) from staging.sales where amount > 30")
        assert the_change(tiny_copy, "staging.sales", "columns.amount.max")["because"].startswith(f"{bad:,} rows")

    def test_fewer_snapshots_are_breaking_and_more_are_not(self, tiny_copy: TinyProject) -> None:
        tiny_copy.edit("scores", "last: 4", "last: 3")
        found = the_change(tiny_copy, "scores.again", "snapshots.last")
        assert (found["breaking"], found["because"]) == (
            True,
            "1 snapshots are no longer made: 2024-03-11 … 2024-03-11",
        )
        tiny_copy.edit("scores", "last: 3", "last: 5")
        assert the_change(tiny_copy, "scores.again", "snapshots.last")["breaking"] is False

    def test_a_stricter_gate_is_judged_on_the_version_that_serves(self, tiny_copy: TinyProject) -> None:
        rule = "gate:\n    better_than: []\n    rules: [{kind: metric, metric: roc_auc, min: 0.999}]\n"
        tiny_copy.edit("again", "gate: {better_than: []}\n", rule)
        found = the_change(tiny_copy, "models.again__champion", "gate.rules")
        assert found["breaking"] is True
        assert "again@1, which serves, would be refused" in found["because"]

    @pytest.mark.parametrize(
        ("name", "asset", "old", "new", "field", "breaking"),
        [
            ("again", "labels.again", "horizon: 7 days", "horizon: 8 days", "label.horizon", True),
            ("again", "training.again", "features: [habits]", "features: [habits]\n  exclude: [spend]", "exclude", True),
            ("again", "training.again", "validation_snapshots: 1", "validation_snapshots: 2", "split.validation_snapshots", False),
            ("orders", "raw.orders", "max_quarantine_share: 0.2", "max_quarantine_share: 0.1", "contract.max_quarantine_share", None),
            ("orders", "raw.orders", "key: [order_id]", "format: {kind: csv, decimal: ','}\n  key: [order_id]", "format.decimal", None),
            ("sales", "staging.sales", "event_time: ordered_at", "event_time: ordered_at\n  available_at: ordered_at", "available_at", True),
            ("scores", "scores.again", "model: again", "model: again\n  version: 1", "version", True),
        ],
    )  # fmt: skip
    def test_a_field_is_breaking_where_a_consumer_would_mean_something_else(
        self, tiny_copy: TinyProject, name: str, asset: str, old: str, new: str, field: str, breaking: bool | None
    ) -> None:
        tiny_copy.edit(name, old, new)
        found = the_change(tiny_copy, asset, field)
        assert found["breaking"] is breaking
        assert found["place"].startswith(f"tiny/defs/shop/{name}/defs.yaml:")

    def test_words_for_people_are_no_change(self, tiny_copy: TinyProject) -> None:
        tiny_copy.edit("sales", "Orders that count as sales.", "Something else.")
        assert plan_of(tiny_copy)["changes"] == []

    def test_a_table_that_nobody_declares_any_more_is_told(self, tiny_copy: TinyProject) -> None:
        tiny_copy.declaration("scores").unlink()
        assert the_change(tiny_copy, "scores.again", "no longer declared")["breaking"] is True


class TestBlocked:
    def test_what_reads_a_table_whose_blocking_check_failed_is_refused_as_a_run_would(
        self, tiny_copy: TinyProject
    ) -> None:
        with tiny_copy.context().warehouse.committing() as bench:
            bench.execute(
                "update wh.ops.checks set status = 'failed' where asset = 'labels.again__population' and check_name = 'key_is_unique'"
            )
        tiny_copy.edit("again", "horizon: 7 days", "horizon: 8 days")
        found = {line["asset"]: line["fails"] for line in plan_of(tiny_copy, "labels.again training.again")["assets"]}
        assert found["labels.again"] == "refused: key_is_unique of labels.again__population does not hold"
        assert found["training.again"] == "not tried: reads labels.again"
        report = json_of(invoke(tiny_copy, "run", "labels.again training.again", "--json"))
        assert (list(report["failures"]), list(report["skipped"])) == (["labels.again"], ["training.again"])


class TestFailOnBreaking:
    def test_exit_code_3_is_given_only_where_it_was_asked_for(self, tiny_copy: TinyProject) -> None:
        assert invoke(tiny_copy, "plan", "--fail-on-breaking").exit_code == 0
        tiny_copy.state("habits", STATEMENTS["habits"].replace("28 day", "21 day"))
        assert invoke(tiny_copy, "plan").exit_code == 0
        result = invoke(tiny_copy, "plan", "--fail-on-breaking")
        assert result.exit_code == 3
        assert "1 breaking of 1 changes." in result.stdout


@pytest.fixture
def repository(tmp_path: Path) -> TinyProject:
    """The tiny project, not made yet, as the only commit of a git repository."""
    project = TinyProject.create(tmp_path / "repository" / "project")
    git(project, "init", "-q", "-b", "trunk", str(tmp_path / "repository"))
    git(project, "add", "sql", "tiny", "pyproject.toml")
    git(project, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "-m", "first")
    return project


def git(project: TinyProject, *words: str) -> None:
    subprocess.run(["git", "-C", str(project.root), *words], check=True, capture_output=True, timeout=30)


class TestAgainstARevision:
    def test_nothing_differs_from_the_commit_that_is_checked_out(self, repository: TinyProject) -> None:
        assert plan_of(repository, "--against", "trunk")["changes"] == []
        assert "differs from git trunk" in invoke(repository, "plan", "--against", "trunk").stdout

    def test_every_difference_is_told_with_its_place(self, repository: TinyProject) -> None:
        repository.edit("sales", "max: 1000", "max: 900")
        repository.state("habits", STATEMENTS["habits"].replace("28 day", "21 day"))
        repository.edit("again", "num_leaves: 4", "num_leaves: 5")
        repository.declare("scores", DECLARATIONS["scores"].replace("name: again", "name: renamed"))
        found = {one["asset"]: one for one in plan_of(repository, "--against", "trunk")["changes"]}
        assert {name: one["what"] for name, one in found.items()} == {
            "scores.again": "no longer declared", "scores.renamed": "added", "features.habits": "sql/shop/habits.sql changed: orders_28d",
            "models.again": "estimator.parameters.num_leaves: 4 → 5", "staging.sales": "columns.amount.max: 1000 → 900",
        }  # fmt: skip
        assert found["staging.sales"]["place"] == "tiny/defs/shop/sales/defs.yaml:15"
        assert found["staging.sales"]["breaking"] is None, "no row is there to judge by"
        assert found["features.habits"]["breaking"] is False, "no version serves"

    def test_a_feature_that_a_model_learns_from_is_not_called_fine_where_nobody_knows_what_serves(
        self, repository: TinyProject
    ) -> None:
        repository.state("habits", STATEMENTS["habits"].replace("sum(amount) as spend, ", ""))
        lines = DECLARATIONS["habits"].splitlines(keepends=True)
        repository.declare("habits", "".join(line for line in lines if not line.startswith("    spend:")))
        found = [one for one in plan_of(repository, "--against", "trunk")["changes"] if "spend removed" in one["what"]]
        assert [one["breaking"] for one in found] == [None]
        assert found[0]["because"].startswith("again learns from it: breaking where")

    def test_the_state_folder_and_the_working_folder_stay_as_they_are(self, repository: TinyProject) -> None:
        before = sorted(repository.root.rglob("*"))
        repository.state("sales", STATEMENTS["sales"].replace("> 0", "> 5"))
        assert plan_of(repository, "--against", "trunk")["changes"]
        assert sorted(repository.root.rglob("*")) == before

    def test_a_revision_that_git_does_not_know_is_refused(self, repository: TinyProject) -> None:
        result = invoke(repository, "plan", "--against", "nowhere")
        assert result.exit_code == 2
        assert "git gives no revision 'nowhere'" in result.stderr

    def test_a_revision_that_is_an_option_of_git_is_refused(self, repository: TinyProject) -> None:
        result = invoke(repository, "plan", "--against=--output=stolen")
        assert result.exit_code == 2
        assert not (repository.root / "stolen").exists()
