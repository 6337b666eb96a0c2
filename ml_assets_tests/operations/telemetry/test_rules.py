"""Alert rules from the graph: each fires on what it is about and on nothing else, names an owner and a runbook."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ml_assets.errors import DeclarationError
from ml_assets.monitoring.rules_on_file import FILE, FOLDER, rules_on_file, without_rules
from ml_assets.operations.coverage import production_assets
from ml_assets.operations.telemetry.alert_rule import AlertRule, rules_file
from ml_assets.operations.telemetry.catalogue import CATALOGUE
from ml_assets.operations.telemetry.rules import alert_rules
from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.flat import FlatProject, model
from ml_assets_tests.operations.telemetry.rule_cases import unit_tests
from ml_assets_tests.prometheus_server import promtool
from ml_assets_tests.tiny import DECLARATIONS, TinyProject

KNOWN = {metric.series for metric in CATALOGUE.values()}
OPERATIONS = """\
type: ml_assets.Operations
attributes:
  name: operations
  description: How the shop is run.
  on_duty: [team:night]
  free_disk: 0.2
  runbooks: {DQ008: runbooks/ours.md, failed_run: "https://wiki.example/failed"}
"""
SECOND_SCORES = DECLARATIONS["scores"].replace("name: again", "name: again_daily")


@pytest.fixture
def project(tmp_path: Path) -> TinyProject:
    """Declarations alone; nothing is made."""
    return TinyProject.create(tmp_path / "project")


def rules_of(project: TinyProject, alert: str) -> dict[str | None, AlertRule]:
    """Asset → its first rule of this name."""
    found = [rule for rule in alert_rules(project.graph()) if rule.alert == alert]
    return {rule.asset: rule for rule in reversed(found)}


@pytest.mark.prometheus
class TestPromtool:
    def test_finds_the_rules_valid_and_none_twice(self, project: TinyProject, tmp_path: Path) -> None:
        rules = alert_rules(project.graph())
        (tmp_path / FILE).write_text(rules_file(rules), encoding="utf-8")
        result = promtool("check", "rules", str(tmp_path / FILE))
        assert (result.returncode, result.stderr) == (0, "")
        assert f"{len(rules)} rules found" in result.stdout

    def test_lets_each_rule_fire_on_its_case_and_on_no_other(self, project: TinyProject, tmp_path: Path) -> None:
        rules = alert_rules(project.graph())
        (tmp_path / FILE).write_text(rules_file(rules), encoding="utf-8")
        (tmp_path / "tests.yml").write_text(yaml.safe_dump(unit_tests(rules, FILE)), encoding="utf-8")
        result = promtool("test", "rules", str(tmp_path / "tests.yml"))
        assert result.returncode == 0, result.stdout + result.stderr

    @pytest.mark.parametrize("change", [("_last_failed{", "_last_failed{code='x',"), ("} == 1", "} >= 0")])
    def test_would_find_a_rule_that_never_or_always_fires(
        self, project: TinyProject, tmp_path: Path, change: tuple[str, str]
    ) -> None:
        rules = alert_rules(project.graph())
        (tmp_path / FILE).write_text(rules_file(rules).replace(*change), encoding="utf-8")
        (tmp_path / "tests.yml").write_text(yaml.safe_dump(unit_tests(rules, FILE)), encoding="utf-8")
        assert promtool("test", "rules", str(tmp_path / "tests.yml")).returncode == 1


class TestContent:
    def test_every_rule_says_who_what_and_where_to_look(self, project: TinyProject) -> None:
        for rule in alert_rules(project.graph()):
            assert rule.severity in ("critical", "major", "minor")
            assert rule.runbook.startswith("docs/runbooks/")
            assert rule.summary
            assert rule.description.endswith(".")
            assert rule.owner == ("team:shop" if rule.asset else "nobody")

    def test_rules_speak_of_metrics_that_there_are(self, project: TinyProject) -> None:
        for rule in alert_rules(project.graph()):
            words = rule.expr.replace("{", " ").replace("(", " ").replace(")", " ").replace("[", " ").split()
            series = {word.removesuffix("_bucket") for word in words if word.startswith("ml_assets_")}
            assert series <= KNOWN, rule.expr

    def test_what_products_read_weighs_most(self, project: TinyProject) -> None:
        failed = rules_of(project, "MlAssetsStepFailed")
        weights = {asset: rule.severity for asset, rule in failed.items()}
        assert weights["scores.again"] == "critical"
        assert weights["raw.orders"] == weights["models.again__champion"] == "major"
        assert weights["staging.sales"] == "minor"

    def test_the_projects_own_duty_limits_and_runbooks_hold(self, project: TinyProject) -> None:
        project.declare("operations", OPERATIONS)
        project.edit("sales", "  owners: [team:shop]\n", "")
        rules = alert_rules(project.graph())
        assert {rule.owner for rule in rules if rule.asset in (None, "staging.sales")} == {"team:night"}
        assert [rule.expr for rule in rules if rule.kind == "disk"] == [
            "ml_assets_disk_free_bytes / ml_assets_disk_size_bytes < 0.2",
            "ml_assets_disk_free_bytes / ml_assets_disk_size_bytes < 0.02",
        ]
        [own] = [rule for rule in rules if rule.runbook == "runbooks/ours.md"]
        assert (own.asset, 'code=~"DQ008"' in own.expr) == ("raw.orders", True)
        assert rules_of(project, "MlAssetsStepFailed")["raw.orders"].runbook == "https://wiki.example/failed"

    def test_runbooks_get_the_address_that_is_given(self, project: TinyProject) -> None:
        project.declare("operations", OPERATIONS)
        said = invoke(project, "telemetry", "generate", "--runbooks-at", "https://git.example/shop/blob/main/").stdout
        links = {
            rule["annotations"]["runbook_url"] for group in yaml.safe_load(said)["groups"] for rule in group["rules"]
        }
        assert "https://git.example/shop/blob/main/docs/runbooks/stale-data.md" in links
        assert "https://wiki.example/failed" in links


class TestFiles:
    def test_equal_declarations_give_equal_bytes(self, project: TinyProject, tmp_path: Path) -> None:
        for seed in ("1", "2"):
            result = subprocess.run(
                [sys.executable, "-m", "ml_assets.cli", "--project", str(project.root), "telemetry", "generate", "--write",
                 str(tmp_path / seed)], cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed}, check=False, timeout=60,
                capture_output=True, text=True,
            )  # fmt: skip
            assert result.returncode == 0, result.stderr
        first, second = (
            {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
            for root in (tmp_path / "1", tmp_path / "2")
        )
        assert first == second
        assert len(first) == 8

    def test_a_comment_in_a_declaration_changes_nothing(self, project: TinyProject) -> None:
        before = rules_file(alert_rules(project.graph()))
        project.declare("orders", "# one more line\n" + DECLARATIONS["orders"])
        assert rules_file(alert_rules(project.graph())) == before

    def test_check_names_what_is_not_up_to_date_and_writes_nothing(self, project: TinyProject, tmp_path: Path) -> None:
        folder = tmp_path / "monitoring"
        words = ("telemetry", "generate", "--write", str(folder))
        assert invoke(project, *words, "--check").exit_code == 1
        assert not folder.exists()
        assert invoke(project, *words).exit_code == 0
        assert invoke(project, *words, "--check").exit_code == 0
        (folder / "dashboards" / "of_yesterday.json").write_text("{}", encoding="utf-8")
        (folder / FILE).write_text("groups: []\n", encoding="utf-8")
        result = invoke(project, *words, "--check")
        assert result.exit_code == 1
        assert [Path(line.split(": ")[1]).name for line in result.stdout.splitlines()] == [FILE, "of_yesterday.json"]
        assert invoke(project, *words).stdout == f"8 files in {folder}, 2 of them new or changed.\n"
        assert not (folder / "dashboards" / "of_yesterday.json").exists()

    def test_check_without_a_folder_is_refused(self, project: TinyProject) -> None:
        assert invoke(project, "telemetry", "generate", "--check").exit_code == 2


class TestCoverage:
    def test_generated_rules_cover_everything_in_production(self, project: TinyProject) -> None:
        assert invoke(project, "telemetry", "generate", "--write", str(project.root / FOLDER)).exit_code == 0
        production = production_assets(project.graph())
        assert {str(asset.name) for asset in production} == {"raw.orders", "models.again__champion", "scores.again"}
        on_file = rules_on_file(project.root)
        assert on_file is not None
        assert without_rules(production, on_file) == {}

    def test_scores_that_nobody_generated_rules_for_are_found(self, project: TinyProject) -> None:
        assert invoke(project, "telemetry", "generate", "--write", str(project.root / FOLDER)).exit_code == 0
        project.declare("more_scores", SECOND_SCORES)
        on_file = rules_on_file(project.root)
        assert on_file is not None
        missing = without_rules(production_assets(project.graph()), on_file)
        assert missing == {"scores.again_daily": ("failed_step", "failed_check", "overdue")}

    def test_the_projects_own_check_fails_where_production_is_not_covered(self, tiny_copy: TinyProject) -> None:
        """OP004: not applicable without generated rules, held with those of all, failed with those of some."""
        tiny_copy.declare("operations", OPERATIONS.partition("  runbooks:")[0])
        assert invoke(tiny_copy, "run", "monitoring.operations").exit_code in (0, 1)

        def verdict() -> tuple[str, str]:
            judged = json_of(invoke(tiny_copy, "check", "monitoring.operations", "--json"))["checks"]
            [found] = [one for one in judged if one["code"] == "OP004"]
            return found["outcome"], found["summary"]

        assert verdict() == ("not_applicable", "no alert rules stand in deploy/monitoring/rules.yml: ml-assets telemetry generate --write deploy/monitoring")  # fmt: skip
        assert invoke(tiny_copy, "telemetry", "generate", "--write", str(tiny_copy.root / FOLDER)).exit_code == 0
        assert verdict() == ("passed", "3 of 3 assets in production have alert rules")
        path = tiny_copy.root / FOLDER / FILE
        path.write_text(path.read_text(encoding="utf-8").replace("kind: champion_age", "kind: other"), encoding="utf-8")
        assert verdict() == ("failed", "2 of 3 assets in production have alert rules; not models.again__champion")

    def test_a_flat_table_without_freshness_can_be_covered_too(self, tmp_path: Path) -> None:
        project = FlatProject.create(
            tmp_path / "flat", model("{column: bought, positive: 'yes'}", "{kind: stratified}")
        )
        graph = project.graph()
        rules = alert_rules(graph)
        assert not [rule for rule in rules if rule.kind == "stale_data"]
        path = project.root / FOLDER / FILE
        path.parent.mkdir(parents=True)
        path.write_text(rules_file(rules), encoding="utf-8")
        on_file = rules_on_file(project.root)
        assert on_file is not None
        production = production_assets(graph)
        assert {asset.role for asset in production} == {"raw", "champion", "scores"}
        assert without_rules(production, on_file) == {}
        assert without_rules(production, {}) != {}

    def test_without_a_file_nothing_can_be_said(self, project: TinyProject) -> None:
        assert rules_on_file(project.root) is None

    @pytest.mark.parametrize("text", ["groups: [", "groups: 7\n", "rules: []\n", "groups: [{rules: [{alert: A}]}]\n"])
    def test_a_file_without_rules_is_named(self, project: TinyProject, text: str) -> None:
        path = project.root / FOLDER / FILE
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DeclarationError, match="ml-assets telemetry generate --write deploy/monitoring"):
            rules_on_file(project.root)
