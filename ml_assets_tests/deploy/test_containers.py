"""The Dockerfile and the compose file: judged by their linters, and held to rules of our own, since no engine runs here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.tiny import TinyProject

DEPLOY = ROOT / "deploy"
DOCKERFILE, COMPOSE, EXAMPLE = DEPLOY / "Dockerfile", DEPLOY / "compose.yaml", DEPLOY / "env.example"
REFERENCE = re.compile(r"\$\{([A-Z_]+)(?::?([-?])([^}]*))?\}")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|_URL$")


def program(name: str) -> str:
    """A linter beside this Python; skips with the reason where it is not installed."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        pytest.skip(f"{name} is not installed: pip install 'ml-assets[deploy]'")
    return str(path)


def instructions() -> list[tuple[str, str]]:
    """Keyword and rest of every instruction, continued lines joined, comments left out."""
    lines = [line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())
    ]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    start = max(position for position, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


def compose() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")))


def environment_of(service: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in (service.get("environment") or {}).items()}


class TestLinters:
    def test_hadolint_finds_nothing_in_the_dockerfile(self) -> None:
        result = subprocess.run(
            [program("hadolint"), "--no-color", str(DOCKERFILE)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (result.returncode, result.stdout) == (0, "")

    def test_hadolint_would_find_something(self, tmp_path: Path) -> None:
        bad = tmp_path / "Dockerfile"
        bad.write_text("FROM debian:latest\nRUN apt-get install curl\nUSER root\n", encoding="utf-8")
        result = subprocess.run(
            [program("hadolint"), "--no-color", str(bad)], capture_output=True, text=True, check=False, timeout=60
        )
        assert result.returncode == 1
        assert "DL3007" in result.stdout

    def test_the_compose_file_keeps_to_the_compose_specification(self, tmp_path: Path) -> None:
        check = [program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
        result = subprocess.run([*check, str(COMPOSE)], capture_output=True, text=True, check=False, timeout=60)
        assert result.returncode == 0, result.stdout
        bad = tmp_path / "compose.yaml"
        bad.write_text(COMPOSE.read_text(encoding="utf-8").replace("restart:", "restarts:"), encoding="utf-8")
        assert subprocess.run([*check, str(bad)], capture_output=True, check=False, timeout=60).returncode == 1

    def test_the_entrypoint_is_a_script_that_the_shell_can_read(self) -> None:
        assert os.access(DEPLOY / "entrypoint.sh", os.X_OK)
        assert subprocess.run(["sh", "-n", str(DEPLOY / "entrypoint.sh")], check=False, timeout=10).returncode == 0


class TestImage:
    def test_nothing_runs_as_root(self) -> None:
        users = [rest for word, rest in last_stage() if word == "USER"]
        assert users
        assert all(int(part) > 0 for user in users for part in user.split(":"))
        words = [word for word, _ in last_stage()]
        assert words.index("USER") < min(words.index(word) for word in ("ENTRYPOINT", "CMD", "HEALTHCHECK"))
        assert "RUN" not in words[words.index("USER") :]

    def test_its_health_is_asked_of_the_server_that_it_starts(self) -> None:
        [health] = [rest for word, rest in last_stage() if word == "HEALTHCHECK"]
        [command] = [rest for word, rest in last_stage() if word == "CMD"]
        port = re.search(r'"--port", "(\d+)"', command)
        assert port is not None
        assert f"127.0.0.1:{port[1]}/server_info" in health
        assert ("EXPOSE", port[1]) in last_stage()

    def test_every_source_that_is_copied_is_there_and_reaches_the_build(self) -> None:
        lines = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
        let_in = {line[1:] for line in lines if line.startswith("!")}
        assert "*" in lines
        for word, rest in instructions():
            parts = [part for part in rest.split() if not part.startswith("--")]
            if word in ("COPY", "ADD") and "--from=" not in rest:
                for source in parts[:-1]:
                    assert (ROOT / source).exists(), source
                    assert source in let_in, source
        assert not [name for name in let_in if not (ROOT / name).exists()]

    def test_the_tested_versions_are_installed_and_the_base_is_named(self) -> None:
        installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
        assert installs
        assert all("--constraint constraints.txt" in install for install in installs)
        bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
        assert len(bases) == 2
        assert all(re.fullmatch(r"python:3\.\d+-slim-\w+", base) for base in bases)

    def test_no_secret_is_written_into_it(self) -> None:
        for word, rest in instructions():
            if word in ("ENV", "ARG"):
                assert not [name for name in re.findall(r"(\w+)=", rest) if SECRET.search(name)]
        assert "ARG" not in {word for word, _ in instructions()}


class TestCompose:
    def test_there_are_postgres_webserver_and_daemon_that_wait_for_each_other(self) -> None:
        services = compose()["services"]
        assert set(services) == {"postgres", "webserver", "daemon"}
        assert services["webserver"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
        assert services["daemon"]["depends_on"] == {"webserver": {"condition": "service_healthy"}}
        assert all("healthcheck" in services[name] for name in ("postgres", "daemon"))
        assert services["postgres"]["volumes"] == ["postgres:/var/lib/postgresql/data"]
        assert set(compose()["volumes"]) == {"state", "postgres"}

    def test_state_lies_on_the_volume(self) -> None:
        for name in ("webserver", "daemon"):
            service = compose()["services"][name]
            environment = environment_of(service)
            assert service["volumes"] == [f"state:{environment['ML_ASSETS_HOME']}"]
            assert environment["DAGSTER_HOME"] == f"{environment['ML_ASSETS_HOME']}/dagster"

    def test_the_ui_is_reachable_from_this_machine_alone(self) -> None:
        [port] = compose()["services"]["webserver"]["ports"]
        assert port.startswith("127.0.0.1:")
        assert "ports" not in compose()["services"]["postgres"]

    def test_every_variable_is_documented_and_every_documented_one_is_used(self) -> None:
        asked = {found[1] for found in REFERENCE.finditer(COMPOSE.read_text(encoding="utf-8"))}
        documented = set()
        for block in EXAMPLE.read_text(encoding="utf-8").strip().split("\n\n"):
            lines = block.splitlines()
            names = {line.partition("=")[0] for line in lines if not line.startswith("#")}
            assert not names or lines[0].startswith("# "), names
            documented |= names
        assert asked == documented

    def test_no_secret_stands_in_it_and_none_has_a_default(self) -> None:
        for service in compose()["services"].values():
            for name, value in environment_of(service).items():
                if SECRET.search(name):
                    found = REFERENCE.fullmatch(value)
                    assert found is not None, name
                    assert found[2] == "?" or (found[2], found[3]) == ("-", ""), name
        example = dict(
            line.split("=", 1)
            for line in EXAMPLE.read_text(encoding="utf-8").splitlines()
            if "=" in line and line[0] != "#"
        )
        assert not [name for name, value in example.items() if SECRET.search(name) and value]

    def test_it_sets_what_dagsters_instance_file_and_the_profiles_ask_for(self) -> None:
        asked = set(re.findall(r"env: (\w+)", (DEPLOY / "dagster" / "postgres.yaml").read_text(encoding="utf-8")))
        for profile in ("staging", "production"):
            routes = yaml.safe_load((DEPLOY / "profiles" / f"{profile}.yaml").read_text(encoding="utf-8"))[
                "alert_routes"
            ]
            asked |= {route["env"] for route in routes.values()}
        for name in ("webserver", "daemon"):
            assert asked <= set(environment_of(compose()["services"][name]))


def test_the_entrypoint_prepares_the_instance_and_becomes_the_command(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path / "project")
    (project.root / "deploy" / "profiles").mkdir(parents=True)
    (project.root / "deploy" / "profiles" / "production.yaml").write_text(
        "dagster: deploy/own.yaml\n", encoding="utf-8"
    )
    (project.root / "deploy" / "own.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ml-assets").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ml_assets.cli "$@"\n', encoding="utf-8")
    (programs / "ml-assets").chmod(0o755)
    environment = {
        **os.environ, "PATH": f"{programs}:/usr/bin:/bin", "PYTHONPATH": str(ROOT), "ML_ASSETS_PROFILE": "production",
        "ML_ASSETS_HOME": str(tmp_path / "state"), "DO_NOT_TRACK": "1",
    }  # fmt: skip
    result = subprocess.run(
        [str(DEPLOY / "entrypoint.sh"), "sh", "-c", "echo begun; exit 3"], cwd=project.root, env=environment, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (3, "begun\n"), result.stderr
    assert (tmp_path / "state" / "dagster" / "dagster.yaml").read_text(
        encoding="utf-8"
    ) == "telemetry: {enabled: false}\n"
