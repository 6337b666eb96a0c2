"""Traces: a run is a trace, its steps are spans; nothing is loaded or sent unless the environment asks for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from uuid import UUID

import pytest

from ml_assets.operations.telemetry.daily_files import DailyFiles
from ml_assets_tests.cli.invoke import invoke
from ml_assets_tests.components.world import opened
from ml_assets_tests.e2e.state import ROOT, query
from ml_assets_tests.tiny import FIRST_DAY, TinyProject

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="pip install 'ml-assets[otel]'")

from ml_assets_tests.operations.telemetry.receiver import receiving

OK, ERROR = 1, 2
NEW_ORDER = "1,7,2023-12-25 10:00:00,3.5\n"


def ran(project: TinyProject, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`ml-assets` in a process of its own, with these variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ML_ASSETS", "OTEL"))}
    return subprocess.run(
        [sys.executable, "-m", "ml_assets.cli", "--project", str(project.root), *words],
        env=environment | variables, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_a_run_is_a_trace_whose_steps_are_spans(tiny_copy: TinyProject) -> None:
    tiny_copy.land(FIRST_DAY, NEW_ORDER)
    with receiving() as received:
        result = ran(tiny_copy, "run", "--retrain", OTEL_EXPORTER_OTLP_ENDPOINT=received.url)
    assert result.returncode == 0, result.stderr
    assert set(received.paths) == {"/v1/traces"}
    assert received.resources[0]["service.name"] == "ml-assets"
    spans = received.named()
    root = spans.pop("ml_assets run")
    run_id = query(tiny_copy.home.root, "select run_id from ops.steps order by started_at desc limit 1")[0][0]
    assert UUID(root.trace_id) == UUID(run_id)
    assert (root.parent_id, root.status, root.facts["ml_assets.made"]) == ("", OK, len(spans))
    assert set(spans) == {
        row[0] for row in query(tiny_copy.home.root, f"select asset from ops.steps where run_id = '{run_id}'")
    }
    for span in spans.values():
        assert (span.trace_id, span.parent_id, span.status) == (root.trace_id, root.span_id, OK)
        assert root.began <= span.began <= span.ended <= root.ended
    scores = spans["scores.again"].facts
    assert scores["ml_assets.model"] == "again"
    assert scores["ml_assets.model_version"] == 2
    assert scores["ml_assets.rows"] > 0
    assert scores["ml_assets.partitions"].endswith("2024-04-01")


def test_what_failed_is_an_error_and_names_its_checks(tiny_copy: TinyProject) -> None:
    tiny_copy.land(FIRST_DAY, "".join(f"{n},7,no time,1.50\n" for n in range(60)))
    tiny_copy.state("sales", "select order_id, customer_id, ordered_at, no_such_column as amount\nfrom raw.orders\n")
    with receiving() as received:
        result = ran(tiny_copy, "run", OTEL_EXPORTER_OTLP_ENDPOINT=received.url, OTEL_SERVICE_NAME="our-shop")
    assert result.returncode == 1
    spans = received.named()
    assert received.resources[0]["service.name"] == "our-shop"
    assert spans["ml_assets run"].status == ERROR
    assert spans["staging.sales"].status == ERROR
    assert spans["staging.sales"].facts["ml_assets.error"] == "MLA110"
    assert spans["features.habits"].facts["ml_assets.status"] == "skipped"
    failed = {event["code"] for event in spans["raw.orders"].events if event["event"] == "check_failed"}
    assert "DQ008" in failed


def test_a_receiver_that_is_gone_stops_no_run(tiny_copy: TinyProject) -> None:
    tiny_copy.land(FIRST_DAY, NEW_ORDER)
    result = ran(
        tiny_copy,
        "run",
        "raw.orders",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://user:s3cret@127.0.0.1:9",
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
    )
    assert result.returncode == 0
    assert "This run made: raw.orders" in result.stdout
    assert result.stderr == "127.0.0.1:9 (OTEL_EXPORTER_OTLP_ENDPOINT): traces of this run were not received\n"
    assert "Traceback" not in result.stderr


def test_spans_go_to_a_file_where_that_is_asked_for(tiny_copy: TinyProject) -> None:
    tiny_copy.land(FIRST_DAY, NEW_ORDER)
    assert ran(tiny_copy, "run", "raw.orders", ML_ASSETS_OTEL="file").returncode == 0
    [path] = DailyFiles(tiny_copy.home.logs, "traces").paths()
    spans = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [span["name"] for span in spans] == ["raw.orders", "ml_assets run"]


def test_spans_go_to_standard_error_where_that_is_asked_for(tiny_copy: TinyProject) -> None:
    tiny_copy.land(FIRST_DAY, NEW_ORDER)
    result = ran(tiny_copy, "run", "raw.orders", ML_ASSETS_OTEL="console")
    assert '"name": "ml_assets run"' in result.stderr
    assert '"name"' not in result.stdout


def test_another_destination_is_refused_before_anything_runs(tiny_copy: TinyProject) -> None:
    tiny_copy.land(FIRST_DAY, NEW_ORDER)
    result = ran(tiny_copy, "run", ML_ASSETS_OTEL="jaeger")
    assert result.returncode == 2
    assert "console or file" in result.stderr
    assert "Traceback" not in result.stderr


def test_steps_of_a_dagster_run_share_a_trace(tiny_copy: TinyProject, monkeypatch: pytest.MonkeyPatch) -> None:
    from ml_assets.operations.telemetry.listening import process_listener

    monkeypatch.setenv("ML_ASSETS_OTEL", "file")
    tiny_copy.land(FIRST_DAY, NEW_ORDER)
    with opened(tiny_copy) as world:
        result = world.run("raw.orders", "staging.sales")
    process_listener(tiny_copy.home.root).close()
    [path] = DailyFiles(tiny_copy.home.logs, "traces").paths()
    spans = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {"raw.orders", "staging.sales"} == {span["name"] for span in spans}
    assert {UUID(span["context"]["trace_id"].removeprefix("0x")) for span in spans} == {UUID(result.run_id)}


_LOADED = """\
import sys
from click.testing import CliRunner
from ml_assets.cli import main
result = CliRunner().invoke(main, ["--project", sys.argv[1], "run", "raw.orders"], catch_exceptions=False)
assert result.exit_code == 0, result.output
print(sorted({name.partition(".")[0] for name in sys.modules} & {"opentelemetry", "prometheus_client", "requests"}))
"""
_WITHOUT = """\
import sys
sys.modules["opentelemetry"] = None
from ml_assets.cli import main
sys.argv = ["ml-assets", "--project", sys.argv[1], "run", "raw.orders"]
main()
"""


def python(code: str, project: TinyProject, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ML_ASSETS", "OTEL"))}
    return subprocess.run(
        [sys.executable, "-c", code, str(project.root)], env=environment | variables, cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


def test_nothing_of_it_is_loaded_unless_asked_for(tiny_copy: TinyProject) -> None:
    tiny_copy.land(FIRST_DAY, NEW_ORDER)
    result = python(_LOADED, tiny_copy)
    assert result.stdout.strip() == "[]", result.stderr


def test_asked_for_without_the_extra_says_what_to_install(tiny_copy: TinyProject) -> None:
    result = python(_WITHOUT, tiny_copy, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert result.returncode == 2
    assert "pip install 'ml-assets[otel]'" in result.stderr


def test_switched_off_by_the_variable_of_the_sdk(tiny_copy: TinyProject) -> None:
    with receiving() as received:
        assert invoke(tiny_copy, "run", "raw.orders").exit_code == 0
        result = ran(tiny_copy, "run", OTEL_EXPORTER_OTLP_ENDPOINT=received.url, OTEL_SDK_DISABLED="true")
    assert result.returncode == 0
    assert received.spans == []
