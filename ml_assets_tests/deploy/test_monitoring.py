"""deploy/monitoring: generated from the reference project, up to date, taken by Prometheus, and held together by compose."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml_assets.cli.project import compiled
from ml_assets.graph.locate import find_project
from ml_assets.monitoring.rules_on_file import rules_on_file, without_rules
from ml_assets.operations.coverage import production_assets
from ml_assets.operations.telemetry.files import PORT, monitoring_files, outdated
from ml_assets.operations.telemetry.rules import alert_rules
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.operations.telemetry.rule_cases import unit_tests
from ml_assets_tests.prometheus_server import promtool

DEPLOY = ROOT / "deploy"
FOLDER = DEPLOY / "monitoring"
COMPOSE = FOLDER / "compose.yaml"


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")))


def mounts(service: str) -> dict[str, str]:
    """Path inside the container → what is mounted there."""
    found = (mount.split(":") for mount in compose()["services"][service]["volumes"])
    return {parts[1]: parts[0] for parts in found}


@pytest.mark.reference
class TestOfTheReferenceProject:
    def test_files_are_up_to_date(self) -> None:
        files = monitoring_files(compiled(find_project(ROOT)))
        assert outdated(files, FOLDER) == [], "run: ml-assets telemetry generate --write deploy/monitoring"

    def test_rules_cover_everything_in_production(self) -> None:
        production = production_assets(compiled(find_project(ROOT)))
        on_file = rules_on_file(ROOT)
        assert on_file is not None
        assert len(production) >= 3
        assert without_rules(production, on_file) == {}

    def test_every_runbook_is_there(self) -> None:
        runbooks = {rule.runbook for rule in alert_rules(compiled(find_project(ROOT)))}
        assert len(runbooks) > 5
        assert [runbook for runbook in runbooks if not (ROOT / runbook).is_file()] == []

    def test_monitors_have_their_own_rules_about_what_they_watch(self) -> None:
        watched = {rule.kind: rule.asset for rule in alert_rules(compiled(find_project(ROOT)))}
        assert watched["drift"] == watched["performance"] == watched["retrain_due"] == "scores.repeat_purchase"
        assert watched["unusual_day"] == "raw.invoices"
        assert watched["operations"] == "monitoring.operations"

    @pytest.mark.prometheus
    def test_prometheus_takes_rules_and_settings(self) -> None:
        for words in (("check", "rules", "rules.yml"), ("check", "config", "prometheus.yml")):
            result = promtool(*words[:2], str(FOLDER / words[2]))
            assert result.returncode == 0, result.stdout + result.stderr

    @pytest.mark.prometheus
    def test_each_rule_fires_on_its_case_and_on_no_other(self, tmp_path: Path) -> None:
        cases = unit_tests(alert_rules(compiled(find_project(ROOT))), str(FOLDER / "rules.yml"))
        (tmp_path / "tests.yml").write_text(yaml.safe_dump(cases), encoding="utf-8")
        result = promtool("test", "rules", str(tmp_path / "tests.yml"))
        assert result.returncode == 0, result.stdout + result.stderr


class TestCompose:
    def test_keeps_to_the_compose_specification(self) -> None:
        program = Path(sys.executable).parent / "check-jsonschema"
        if not program.exists():
            pytest.skip("check-jsonschema is not installed: pip install 'ml-assets[deploy]'")
        check = [str(program), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
        result = subprocess.run(check, capture_output=True, text=True, check=False, timeout=60)
        assert result.returncode == 0, result.stdout

    def test_what_is_mounted_is_there(self) -> None:
        volumes = set(compose()["volumes"])
        for service in compose()["services"]:
            for source in mounts(service).values():
                assert source in volumes or (DEPLOY / source).exists(), source

    def test_prometheus_finds_the_rules_and_scrapes_the_exporter(self) -> None:
        settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
        inside = mounts("prometheus")
        assert [f"/etc/prometheus/{name}" in inside for name in settings["rule_files"]] == [True]
        [target] = settings["scrape_configs"][0]["static_configs"][0]["targets"]
        service, _, port = target.partition(":")
        command = compose()["services"][service]["command"]
        assert command[:3] == ["ml-assets", "metrics", "--serve"]
        assert command[command.index("--port") + 1] == port == str(PORT)

    def test_grafana_finds_the_dashboards_and_their_source(self) -> None:
        inside = mounts("grafana")
        provider = yaml.safe_load((FOLDER / "grafana" / "dashboards" / "ml_assets.yml").read_text(encoding="utf-8"))
        assert inside[provider["providers"][0]["options"]["path"]] == "./monitoring/dashboards"
        source = yaml.safe_load((FOLDER / "grafana" / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))
        service = re.fullmatch(r"http://(\w+):9090", source["datasources"][0]["url"])
        assert service is not None
        assert service[1] in compose()["services"]

    def test_nothing_is_reachable_from_other_machines(self) -> None:
        for service in compose()["services"].values():
            assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))

    def test_no_password_has_a_default_and_every_variable_is_documented(self) -> None:
        asked = dict(re.findall(r"\$\{(\w+)(?::?([-?])[^}]*)?\}", COMPOSE.read_text(encoding="utf-8")))
        assert asked["GRAFANA_PASSWORD"] == "?"
        text = (ROOT / "docs" / "monitoring" / "telemetry.md").read_text(encoding="utf-8")
        example = (DEPLOY / "env.example").read_text(encoding="utf-8")
        assert [name for name in asked if f"{name}=" not in example and f"`{name}`" not in text] == []

    def test_the_image_has_what_it_runs(self) -> None:
        dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
        assert re.search(r"'\.\[[^]]*\bmetrics\b[^]]*\]'", dockerfile)
        assert "COPY deploy/monitoring/rules.yml deploy/monitoring/rules.yml" in dockerfile
