"""Structured logs: what a run did, as lines for machines, without values of the data, in files that stay bounded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_assets.operations.telemetry.daily_files import DailyFiles, FileLimits
from ml_assets_tests.cli.invoke import invoke
from ml_assets_tests.components.world import opened
from ml_assets_tests.e2e.state import ROOT, query
from ml_assets_tests.tiny import FIRST_DAY, TinyProject

SECRET = "maria.k@example.org"


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ML_ASSETS_HOME", "ML_ASSETS_LOG", "ML_ASSETS_OTEL", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


def logged(project: TinyProject) -> list[dict[str, Any]]:
    """Every line of the project's log files, oldest first."""
    return [
        json.loads(line)
        for path in DailyFiles(project.home.logs, "run").paths()
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def of(lines: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == event]


class TestARun:
    def test_every_step_is_told_with_what_came_of_it(self, tiny: TinyProject) -> None:
        first = logged(tiny)[0]["run"]
        # Others may have run what is up to date since; each run is told on its own.
        lines = [line for line in logged(tiny) if line["run"] == first]
        [began], [ended] = of(lines, "run_began"), of(lines, "run_ended")
        every = len(tiny.graph().assets)
        assert (began["assets"], ended["made"], ended["failed"], ended["status"]) == (every, every, 0, "done")
        assert [(began["run"],)] == query(tiny.home.root, "select distinct run_id from ops.steps where command = 'run'")
        steps = {line["asset"]: line for line in of(lines, "step_ended")}
        assert (
            {line["asset"] for line in of(lines, "step_began")} == set(steps) == {str(n) for n in tiny.graph().assets}
        )
        scores = steps["scores.again"]
        assert (scores["model"], scores["model_version"], scores["status"]) == ("again", 1, "made")
        assert scores["partitions"] == "2024-03-11..2024-04-01"
        rows = query(tiny.home.root, "select sum(rows)::int from ops.manifest where asset = 'scores.again'")
        assert [(scores["rows"],)] == rows
        assert "partitions" not in steps["raw.orders"]
        for line in lines:
            assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)
            assert line["level"] in ("info", "warning", "error")

    def test_with_nothing_to_do_says_so(self, tiny_copy: TinyProject) -> None:
        before = len(logged(tiny_copy))
        assert invoke(tiny_copy, "run").exit_code == 0
        assert [line["event"] for line in logged(tiny_copy)[before:]] == ["run_began", "run_ended"]

    def test_that_breaks_a_contract_is_told_with_check_and_code(self, tiny_copy: TinyProject) -> None:
        before = len(logged(tiny_copy))
        tiny_copy.land(FIRST_DAY, "".join(f"{n},7,no time,1.50\n" for n in range(60)))
        assert invoke(tiny_copy, "run", "raw.orders").exit_code == 1
        failed = {line["code"]: line for line in of(logged(tiny_copy)[before:], "check_failed")}
        assert failed["DQ008"]["level"] == "error"
        assert failed["DQ008"]["check"] == "few_rows_break_the_contract"
        assert failed["DQ008"]["asset"] == "raw.orders"

    def test_that_fails_names_what_was_not_tried(self, tiny_copy: TinyProject) -> None:
        before = len(logged(tiny_copy))
        tiny_copy.state(
            "sales", "select order_id, customer_id, ordered_at, no_such_column as amount\nfrom raw.orders\n"
        )
        assert invoke(tiny_copy, "run").exit_code == 1
        lines = logged(tiny_copy)[before:]
        ended = {line["asset"]: line for line in of(lines, "step_ended")}
        assert (ended["staging.sales"]["status"], ended["staging.sales"]["level"]) == ("failed", "error")
        assert ended["staging.sales"]["error"] == "MLA110"
        assert ended["features.habits"]["status"] == "skipped"
        assert ended["features.habits"]["message"] == "staging.sales was not made well"
        assert of(lines, "run_ended")[0]["failed"] == 1

    @pytest.mark.parametrize("contract", ["type: string, pii: true, pattern: '[0-9.]+'", "type: string, pii: true"])
    def test_values_of_the_data_never_reach_the_log(self, tmp_path: Path, contract: str) -> None:
        """Neither from rows that break a contract nor from a statement that stumbles over them."""
        project = TinyProject.create(tmp_path / "project")
        project.edit("orders", "amount: {type: float, min: 0}", f"amount: {{{contract}}}")
        cast = "cast(amount as double) as amount"
        project.state("sales", f"select order_id, customer_id, ordered_at, {cast}\nfrom raw.orders\n")
        project.land(FIRST_DAY, f"1,7,2023-12-25 10:00:00,{SECRET}\n2,{SECRET},2023-12-25 10:00:00,1.5\n")
        said = invoke(project, "run", "raw.orders staging.sales")
        assert said.exit_code == 1
        # A person at the terminal is told what the engine stumbled over.
        assert (SECRET in said.output) == ("pattern" not in contract)
        assert {line["asset"] for line in of(logged(project), "step_ended")} == {"raw.orders", "staging.sales"}
        assert SECRET not in json.dumps(logged(project))


class TestOtherCommands:
    def test_check_tells_what_it_judged(self, tiny_copy: TinyProject) -> None:
        before = len(logged(tiny_copy))
        assert invoke(tiny_copy, "check", "evaluation.again").exit_code == 0
        lines = logged(tiny_copy)[before:]
        assert [line["command"] for line in lines] == ["check"] * len(lines)
        [step] = of(lines, "step_ended")
        assert (step["asset"], step["status"]) == ("evaluation.again", "judged")
        assert {line["code"] for line in of(lines, "check_failed")} >= {"MC002"}

    def test_steps_that_dagster_runs_are_told_too(self, tiny_copy: TinyProject) -> None:
        before = len(logged(tiny_copy))
        tiny_copy.land(FIRST_DAY, "1,7,2023-12-25 10:00:00,3.5\n")
        broken = "select order_id, customer_id, ordered_at, no_such_column as amount\nfrom raw.orders\n"
        with opened(tiny_copy) as world:
            good = world.run("raw.orders", "staging.sales").run_id
            tiny_copy.state("sales", broken)
            world.reload()
            bad = world.run("staging.sales").run_id
        told = of(logged(tiny_copy)[before:], "step_ended")
        steps = [(line["asset"], line["status"]) for line in told if line["run"] == good]
        assert [step for step in steps if step[1] != "judged"] == [("raw.orders", "made"), ("staging.sales", "made")]
        failed = [(line["asset"], line["status"], line["error"]) for line in told if line["run"] == bad]
        assert failed == [("staging.sales", "failed", "MLA110")]
        assert {line["command"] for line in told} == {"dagster"}


class TestStandardError:
    @pytest.mark.parametrize("way", ["option", "variable"])
    def test_gets_the_same_lines(self, tiny_copy: TinyProject, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
        before = len(logged(tiny_copy))
        tiny_copy.land(FIRST_DAY, "1,7,2023-12-25 10:00:00,3.5\n")
        if way == "variable":
            monkeypatch.setenv("ML_ASSETS_LOG", "json")
        options = ("--log-format", "json") if way == "option" else ()
        result = invoke(tiny_copy, *options, "run", "raw.orders")
        assert [json.loads(line) for line in result.stderr.splitlines()] == logged(tiny_copy)[before:]

    def test_gets_none_of_them_unless_asked(self, tiny_copy: TinyProject) -> None:
        assert invoke(tiny_copy, "run", "raw.orders").stderr == ""

    def test_another_format_is_refused(self, tiny: TinyProject) -> None:
        assert invoke(tiny, "--log-format", "xml", "status").exit_code == 2


class TestFiles:
    def test_a_log_that_cannot_be_written_stops_no_run(self, tiny_copy: TinyProject) -> None:
        for path in tiny_copy.home.logs.iterdir():
            path.unlink()
        tiny_copy.home.logs.rmdir()
        tiny_copy.home.logs.write_text("in the way", encoding="utf-8")
        tiny_copy.land(FIRST_DAY, "1,7,2023-12-25 10:00:00,3.5\n")
        result = invoke(tiny_copy, "run", "raw.orders")
        assert result.exit_code == 0
        assert result.stderr.count("structured logs are not written") == 1

    def test_a_full_file_is_put_aside_and_nothing_is_lost(self, tmp_path: Path) -> None:
        files = DailyFiles(tmp_path, "run", FileLimits(file_bytes=50))
        for number in range(12):
            files.append(f"line {number} of the log\n")
        text = "".join(path.read_text(encoding="utf-8") for path in files.paths())
        assert text == "".join(f"line {number} of the log\n" for number in range(12))
        assert all(path.stat().st_size < 50 + 25 for path in files.paths())

    def test_old_days_go_and_then_the_oldest_until_all_fit(self, tmp_path: Path) -> None:
        files = DailyFiles(tmp_path, "run", FileLimits(days=30, total_bytes=250))
        today = datetime.now(UTC).date()
        for age in (40, 31, 3, 2, 1):
            (tmp_path / f"run-{today - timedelta(days=age)}.jsonl").write_text("x" * 100, encoding="utf-8")
        (tmp_path / f"traces-{today - timedelta(days=40)}.jsonl").write_text("kept", encoding="utf-8")
        files.append("y" * 50, tidy=True)
        assert [path.name for path in files.paths()] == [
            f"run-{today - timedelta(days=age)}.jsonl" for age in (2, 1, 0)
        ]
        assert len(list(tmp_path.glob("traces-*"))) == 1

    def test_processes_that_write_at_once_leave_whole_lines(self, tmp_path: Path) -> None:
        code = (
            "import sys; from pathlib import Path\n"
            "from ml_assets.operations.telemetry.daily_files import DailyFiles, FileLimits\n"
            "files = DailyFiles(Path(sys.argv[1]), 'run', FileLimits(file_bytes=3000))\n"
            "for number in range(100): files.append(f'{sys.argv[2]}-{number}-' + 'x' * 50 + chr(10))\n"
        )
        running = [
            subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], cwd=ROOT) for name in ("a", "b", "c")
        ]
        assert [process.wait(timeout=60) for process in running] == [0, 0, 0]
        assert sorted(self.lines(tmp_path)) == sorted(
            f"{name}-{number}-{'x' * 50}" for name in "abc" for number in range(100)
        )

    @staticmethod
    def lines(folder: Path) -> Iterator[str]:
        for path in DailyFiles(folder, "run").paths():
            yield from path.read_text(encoding="utf-8").splitlines()
