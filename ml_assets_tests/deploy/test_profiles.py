"""Profiles: every field of the three that ship, and of any other, has the effect that it names."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest
import yaml

from ml_assets.cli.project import open_project
from ml_assets.components.instance import prepare_instance
from ml_assets.errors import DeclarationError
from ml_assets.graph.profile import load_profile
from ml_assets.resources import MlAssetsResource
from ml_assets.specs.profiles import ProfileSpec
from ml_assets.warehouse.aliases import version_at
from ml_assets.warehouse.home import Home
from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.components.world import loaded
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.tiny import TinyProject

PROFILES = ROOT / "deploy" / "profiles"
POSTGRES = tuple(f"DAGSTER_POSTGRES_{name}" for name in ("DB", "HOST", "PASSWORD", "PORT", "USER"))
SECRET = "https://hooks.example/T00/s3cret"


def write(project: TinyProject, text: str, name: str = "development") -> Path:
    path = project.root / "deploy" / "profiles" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def project(tmp_path: Path) -> TinyProject:
    return TinyProject.create(tmp_path / "project")


class TestShipped:
    @pytest.mark.parametrize("name", ["development", "staging", "production"])
    def test_profile_is_read_and_its_instance_file_is_there(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ML_ASSETS_PROFILE", name)
        profile = load_profile(ROOT)
        assert profile.spec.description
        assert profile.file == PROFILES / f"{name}.yaml"
        assert profile.instance_file is None or profile.instance_variables() == POSTGRES

    def test_development_is_what_holds_without_any_profile(self, project: TinyProject) -> None:
        built_in, shipped = load_profile(project.root), load_profile(ROOT)
        assert built_in.file is None
        assert shipped.spec.model_copy(update={"description": ""}) == built_in.spec == ProfileSpec()

    def test_every_profile_has_a_store_of_its_own_and_production_the_strictest_rules(self) -> None:
        spec = {
            path.stem: ProfileSpec.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
            for path in PROFILES.glob("*.yaml")
        }
        assert len({str(one.home) for one in spec.values()}) == len(spec) == 3
        assert [spec[name].promotion.policy for name in ("development", "staging", "production")] == [
            "automatic",
            "approval",
            "approval",
        ]
        assert spec["production"].promotion.approvals == 2

    def test_sqlite_instance_file_is_the_one_that_is_written_by_default(self, tmp_path: Path) -> None:
        written = prepare_instance(Home(tmp_path)) / "dagster.yaml"
        assert written.read_text(encoding="utf-8") == (ROOT / "deploy" / "dagster" / "sqlite.yaml").read_text(
            encoding="utf-8"
        )


class TestState:
    def test_the_declared_folder_holds_the_state(self, project: TinyProject) -> None:
        write(project, "home: elsewhere\n")
        assert invoke(project, "run", "raw.orders").exit_code == 1  # nothing has landed there
        assert (project.root / "elsewhere" / "warehouse.duckdb").exists()
        assert not project.home.warehouse.exists()

    def test_ml_assets_home_goes_before_it(
        self, project: TinyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(project, "home: {env: NOBODY_SETS_THIS}\n")
        monkeypatch.setenv("ML_ASSETS_HOME", str(tmp_path / "given"))
        assert open_project(project.root).home.root == tmp_path / "given"

    def test_a_variable_that_is_not_set_is_named_and_nothing_is_made(
        self, project: TinyProject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SHOP_STATE", raising=False)
        monkeypatch.setenv("ML_ASSETS_PROFILE", "production")
        write(project, "home: {env: SHOP_STATE}\n", "production")
        result = invoke(project, "run")
        assert result.exit_code == 2
        assert "deploy/profiles/production.yaml: the environment variable SHOP_STATE is not set" in result.stderr
        assert not project.home.warehouse.exists()

    def test_dagster_works_on_the_state_of_the_profile(
        self, project: TinyProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(project, "home: {env: SHOP_STATE}\n", "production")
        monkeypatch.setenv("ML_ASSETS_PROFILE", "production")
        monkeypatch.setenv("SHOP_STATE", str(tmp_path / "shop"))
        assert MlAssetsResource(project_root=str(project.root)).context().home.root == tmp_path / "shop"


class TestEngine:
    LIMITS = "engine: {memory_limit: 750MB, threads: 1, lock_deadline_seconds: 7}\n"

    @staticmethod
    def limits(project: TinyProject) -> set[tuple[object, ...]]:
        """What DuckDB itself says, by the command line's way and by Dagster's."""
        contexts = (open_project(project.root).context(), MlAssetsResource(project_root=str(project.root)).context())
        found = set()
        for context in contexts:
            with context.warehouse.workbench() as bench:
                limits = bench.rows("select current_setting('memory_limit'), current_setting('threads')")
            found.add((*limits[0], context.warehouse.settings.deadline_seconds))
        return found

    def test_declared_limits_are_duckdbs(self, project: TinyProject) -> None:
        write(project, self.LIMITS)
        assert self.limits(project) == {("715.2 MiB", 1, 7.0)}

    def test_the_environment_goes_before_them(self, project: TinyProject, monkeypatch: pytest.MonkeyPatch) -> None:
        write(project, self.LIMITS)
        monkeypatch.setenv("ML_ASSETS_MEMORY_LIMIT", "500MB")
        monkeypatch.setenv("ML_ASSETS_THREADS", "2")
        assert self.limits(project) == {("476.8 MiB", 2, 7.0)}


class TestPolicies:
    def test_versions_wait_for_approval_where_the_profile_says_so(self, project: TinyProject) -> None:
        write(project, "promotion: {policy: approval, approvals: 2}\n")
        assert invoke(project, "run", "+models.again__champion").exit_code == 0
        with project.context().warehouse.reading() as bench:
            assert (version_at(bench, "again", "champion"), version_at(bench, "again", "challenger")) == (None, 1)
        first = invoke(project, "approve", "again@1", "--by", "ann", "--reason", "read it")
        assert first.exit_code == 0
        second = invoke(project, "approve", "again@1", "--by", "bob", "--reason", "read it")
        assert second.exit_code == 0, second.output
        with project.context().warehouse.reading() as bench:
            assert version_at(bench, "again", "champion") == 1

    def test_what_a_model_declares_itself_goes_before_it(self, project: TinyProject) -> None:
        write(project, "promotion: {policy: approval}\n")
        project.edit("again", "  gate:", "  promotion: {policy: automatic}\n  gate:")
        graph = open_project(project.root).graph
        [champion] = [asset for asset in graph if asset.name.table == "again__champion"]
        assert champion.description.endswith("a passing one becomes champion.")

    def test_another_promotion_makes_no_work(self, tiny_copy: TinyProject) -> None:
        write(tiny_copy, "promotion: {policy: approval}\n")
        assert "Everything is current." in invoke(tiny_copy, "status").stdout

    def test_tables_without_snapshots_are_late_after_the_declared_age(self, project: TinyProject) -> None:
        write(project, "fresh_for: 3 hours\n")
        specs = {spec.key.to_user_string(): spec for spec in loaded(project).resolve_all_asset_specs()}
        windows = {
            name: policy.fail_window.to_timedelta().total_seconds() / 3600
            for name, spec in specs.items()
            if isinstance(policy := spec.freshness_policy, dg._core.definitions.freshness.TimeWindowFreshnessPolicy)
        }
        assert windows["raw/orders"] == 3
        assert windows["features/habits"] == 9 * 24


class TestInstance:
    def test_the_declared_file_is_written_once(self, project: TinyProject) -> None:
        file = project.root / "deploy" / "own.yaml"
        write(project, "dagster: deploy/own.yaml\n")
        file.write_text("telemetry: {enabled: false}\n", encoding="utf-8")
        profile = load_profile(project.root)
        assert (
            prepare_instance(profile.home, profile.instance_file) / "dagster.yaml"
        ).read_bytes() == file.read_bytes()
        assert json_of(invoke(project, "profile", "--json"))["dagster"] == "deploy/own.yaml, in use"
        file.write_text("telemetry: {enabled: true}\n", encoding="utf-8")
        prepare_instance(profile.home, profile.instance_file)
        assert (profile.home.dagster / "dagster.yaml").read_text(encoding="utf-8") == "telemetry: {enabled: false}\n"
        assert "differs and is left as it is" in invoke(project, "profile").stdout

    def test_a_file_that_is_not_there_is_named(self, project: TinyProject) -> None:
        write(project, "dagster: deploy/gone.yaml\n")
        with pytest.raises(DeclarationError, match=r"no instance file deploy/gone\.yaml"):
            assert load_profile(project.root).instance_file


class TestRoutes:
    TEXT = "alert_routes:\n  team: {env: SHOP_ALERTS}\n"

    @pytest.mark.parametrize(
        ("value", "state"),
        [(None, "NOT SET"), ("hooks/me", "set, but no"), (SECRET, "set"), ("mailto:ops@shop.example", "set")],
    )
    def test_a_route_is_judged_and_its_url_is_never_shown(
        self, project: TinyProject, monkeypatch: pytest.MonkeyPatch, value: str | None, state: str
    ) -> None:
        write(project, self.TEXT)
        monkeypatch.delenv("SHOP_ALERTS", raising=False)
        if value is not None:
            monkeypatch.setenv("SHOP_ALERTS", value)
        result, as_json = invoke(project, "profile"), invoke(project, "profile", "--json")
        assert result.exit_code == as_json.exit_code == int(state != "set")
        [variable] = json_of(as_json)["variables"]
        assert (variable["name"], variable["purpose"]) == ("SHOP_ALERTS", "alert route team")
        assert variable["state"].startswith(state)
        assert f"$SHOP_ALERTS{' ' * 21}{state}" in result.stdout
        assert value is None or value not in result.output + as_json.output

    def test_a_url_in_the_file_is_refused_and_not_repeated(self, project: TinyProject) -> None:
        write(project, f"alert_routes:\n  team: {SECRET}\n")
        result = invoke(project, "profile")
        assert result.exit_code == 2
        assert "development.yaml:2: profile: alert_routes.team" in result.stderr
        assert "s3cret" not in result.output + result.stderr


class TestFaults:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (
                "engine: {thread: 2}\n",
                [
                    "development.yaml:1",
                    "unknown field engine.thread",
                    "did you mean threads?",
                    "fields description, home",
                ],
            ),
            ("\nengine: {threads: 0}\n", ["development.yaml:2", "engine.threads: must be at least 1"]),
            ("engine: {memory_limit: lots}\n", ["engine.memory_limit"]),
            ("fresh_for: a while\n", ["fresh_for", "'a while' is not a span"]),
            ("dagster: /etc/dagster.yaml\n", ["dagster", "relative to the project's root"]),
            ("home: ''\n", ["home is empty"]),
            ("- a list\n", ["not a profile"]),
            ("", ["not a profile", "0 documents"]),
        ],
    )
    def test_a_fault_is_told_with_its_line(self, project: TinyProject, text: str, said: list[str]) -> None:
        write(project, text)
        result = invoke(project, "status")
        assert result.exit_code == 2
        assert [words for words in said if words not in result.stderr] == [], result.stderr

    def test_a_profile_that_is_not_there_is_named_with_the_near_ones(
        self, project: TinyProject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(project, "fresh_for: 1 day\n", "production")
        monkeypatch.setenv("ML_ASSETS_PROFILE", "prod")
        result = invoke(project, "status")
        assert result.exit_code == 2
        assert "unknown profile 'prod'" in result.stderr
        assert "did you mean production?" in result.stderr


def test_variables_of_pulls_and_of_the_instance_file_are_listed(
    project: TinyProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, "dagster: deploy/own.yaml\n")
    (project.root / "deploy" / "own.yaml").write_text(
        "storage:\n  postgres:\n    postgres_url: {env: SHOP_DAGSTER}\n", encoding="utf-8"
    )
    project.edit(
        "orders",
        '  files: "*.csv"\n',
        "  files: o.parquet\n  format: {kind: parquet}\n  pull: {database: {env: SHOP_DB}, table: o}\n",
    )
    monkeypatch.setenv("SHOP_DB", "postgresql://me:s3cret@db/shop")
    monkeypatch.delenv("SHOP_DAGSTER", raising=False)
    result = invoke(project, "profile", "--json")
    assert result.exit_code == 1
    assert [(one["name"], one["state"]) for one in json_of(result)["variables"]] == [
        ("SHOP_DAGSTER", "NOT SET"),
        ("SHOP_DB", "set"),
    ]
    assert "s3cret" not in result.output
