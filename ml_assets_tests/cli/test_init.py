"""`ml-assets init`: from files to scores without an edit; run again it proposes and never writes over anybody's work."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner, Result

from ml_assets.cli import main
from ml_assets_tests.e2e.state import ROOT, query
from ml_assets_tests.onboarding import data
from ml_assets_tests.tiny import TinyProject


def ml(root: Path, *words: str) -> Result:
    """A command on a project whose state lies in its own folder."""
    return CliRunner().invoke(main, ["--project", str(root), *words], catch_exceptions=False)


def facts(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


@dataclass(frozen=True)
class Made:
    """A project that `init` wrote, and what it said."""

    root: Path
    name: str
    words: tuple[str, ...]
    told: dict[str, Any]

    @property
    def home(self) -> Path:
        return self.root / ".ml_assets"

    def path(self, end: str) -> Path:
        return self.root / next(path for path in self.told["files"] if path.endswith(end))

    def attributes(self, end: str = "/model/defs.yaml") -> dict[str, Any]:
        return dict(yaml.safe_load(self.path(end).read_text(encoding="utf-8"))["attributes"])

    def again(self, *words: str) -> Result:
        return ml(self.root, "init", self.name, *self.words, *words)

    def copied_to(self, root: Path) -> Made:
        shutil.copytree(self.root, root)
        return Made(root, self.name, self.words, self.told)


def initialised(root: Path, name: str, *words: str) -> Made:
    root.mkdir(exist_ok=True)
    return Made(root, name, words, facts(ml(root, "init", name, *words, "--json")))


def hurried(made: Made) -> None:
    """Fewer rounds and draws, for a test's sake."""
    model = made.path("/model/defs.yaml")
    declared = yaml.safe_load(model.read_text(encoding="utf-8"))
    declared["attributes"]["estimator"] = {"kind": "lightgbm", "max_rounds": 25}
    declared["attributes"].setdefault("evaluation", {})["draws"] = 100
    model.write_text(yaml.safe_dump(declared), encoding="utf-8")


@pytest.fixture(scope="module")
def churn(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A flat file's project; nothing is made yet. Tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("churn")
    data.churn(folder / "churn.csv")
    return initialised(
        folder / "project", "churn", "--data", str(folder / "churn.csv"), "--target", "churned", "--sensitive", "sex"
    )


CASES: dict[str, tuple[str, ...]] = {
    "incidents": ("--target", "breached"),
    "flowers": ("--target", "species", "--keep", "petal_length"),
    "numbered": ("--target", "species"),
    "flats": ("--target", "rent"),
    "searches": ("--target", "grade", "--query", "query_id"),
    "hostile": ("--target", "Y/N?", "--keep", "select"),
    "accepted": ("--target", "accepted"),
    "visits": ("--entity", "customer_id", "--time", "visited_at"),
    "spend": ("--entity", "customer_id", "--time", "visited_at", "--target", "amount", "--horizon", "30 days"),
}


def files_of(case: str, folder: Path) -> list[Path]:
    match case:
        case "numbered":
            return [data.flowers(folder / "numbered.csv", numbered=True)]
        case "hostile":
            return [data.hostile_names(folder / "hostile.csv")]
        case "accepted":
            return list(data.customers_and_orders(folder))
        case "visits" | "spend":
            return [data.visits(folder / "visits.csv", customers=80)]
    return [data.KINDS[case](folder / f"{case}.csv")]


@pytest.mark.parametrize("case", ["churn", *CASES])
def test_init_and_run_go_through_to_report_and_scores(case: str, churn: Made, tmp_path: Path) -> None:
    if case == "churn":
        made = churn.copied_to(tmp_path / "project")
    else:
        files = map(str, files_of(case, tmp_path))
        made = initialised(tmp_path / "project", case, "--data", *files, *CASES[case])
    hurried(made)
    summary = facts(ml(made.root, "run", made.name, "--json"))
    assert summary["failures"] == {}
    assert (made.home / "reports" / made.name / "1.html").is_file()
    main_table = f"raw.{next(iter(made.told['tables']))}"
    scored, rows = query(
        made.home, f"select (select count(*) from scores.{made.name}), (select count(*) from {main_table})"
    )[0]
    assert scored == rows if made.told["shape"] != "event_log" else scored > 0
    assert query(made.home, f"select count(*) from {main_table}__quarantine") == [(0,)]
    assert facts(ml(made.root, "run", made.name, "--json"))["made"] == []


def test_a_flat_file_is_declared_in_thirty_lines_with_reasons(churn: Made) -> None:
    texts = [(churn.root / path).read_text(encoding="utf-8") for path in churn.told["files"]]
    lines = [line for text in texts for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert churn.told["tables"]["churn"]["columns"] == 19
    assert len(lines) <= 30
    assert "personal data" in churn.path("/model/defs.yaml").read_text(encoding="utf-8")
    assert churn.attributes()["label"] == {"column": "churned", "positive": "yes"}
    assert churn.told["next"] == "ml-assets run churn"


def test_init_again_changes_nothing(churn: Made) -> None:
    before = {path: (churn.root / path).stat().st_mtime_ns for path in churn.told["files"]}
    result = churn.again()
    assert "Nothing to change" in result.output
    assert {path: (churn.root / path).stat().st_mtime_ns for path in churn.told["files"]} == before


def test_a_changed_proposal_is_shown_as_a_diff_and_applied_on_demand(churn: Made, tmp_path: Path) -> None:
    made = churn.copied_to(tmp_path / "project")
    model = made.path("/model/defs.yaml")
    before = model.read_text(encoding="utf-8")
    result = made.again("--group", "region")
    assert "-  split: {kind: stratified}" in result.output
    assert "+  split: {kind: group, column: region}" in result.output
    assert "Nothing was written" in result.output
    assert model.read_text(encoding="utf-8") == before
    assert "wrote" in made.again("--group", "region", "--apply").output
    assert made.attributes()["split"] == {"kind": "group", "column": "region"}


def test_an_edited_or_removed_file_is_never_written(churn: Made, tmp_path: Path) -> None:
    made = churn.copied_to(tmp_path / "project")
    model, scores = made.path("/model/defs.yaml"), made.path("/scores/defs.yaml")
    edited = model.read_text(encoding="utf-8").replace("# owners: [team:name]", "owners: [team:growth]")
    model.write_text(edited, encoding="utf-8")
    scores.unlink()
    result = made.again("--group", "region", "--apply")
    assert "left alone defs/churn/model/defs.yaml: edited since it was written" in result.output
    assert "left alone defs/churn/scores/defs.yaml: removed since it was written" in result.output
    assert model.read_text(encoding="utf-8") == edited
    assert not scores.exists()


def test_a_use_case_of_ones_own_is_refused(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    result = ml(
        project.root, "init", "shop", "--data", str(data.churn(tmp_path / "x" / "churn.csv")), "--target", "churned"
    )
    assert result.exit_code == 2
    assert "`init` did not write it" in result.stderr
    assert {path: path.read_bytes() for path in before} == before


def test_init_adds_to_a_project_with_its_own_folder_and_clock(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path / "project")
    clock = project.home.replay_file.read_text(encoding="utf-8")
    log = data.visits(tmp_path / "orders.csv", customers=60)
    told = facts(
        ml(
            project.root,
            "init",
            "again2",
            "--data",
            str(log),
            "--entity",
            "customer_id",
            "--time",
            "visited_at",
            "--json",
        )
    )
    assert all(path.startswith(("tiny/defs/again2/", "sql/again2/")) for path in told["files"])
    assert list(told["tables"]) == ["again2_orders"]  # raw.orders is the shop's
    assert project.home.replay_file.read_text(encoding="utf-8") == clock
    assert told["next"].startswith("ML_ASSETS_NOW=2023-01-01 ml-assets run again2")


def test_history_gets_a_clock_that_stands_at_its_end(tmp_path: Path) -> None:
    log = data.visits(tmp_path / "visits.csv", customers=60)
    root = tmp_path / "project"
    root.mkdir()
    words = ("--data", str(log), "--entity", "customer_id", "--time", "visited_at")
    result = ml(root, "init", "again", *words)
    assert "clock now stands at 2023-01-01" in result.output
    assert "delete that file" in result.output
    assert datetime.fromisoformat((root / ".ml_assets" / "now").read_text(encoding="utf-8").strip()) == datetime(
        2023, 1, 1, tzinfo=UTC
    )
    later = data.visits(tmp_path / "later.csv", customers=60, last_day="2023-03-31")
    second = ml(root, "init", "later", "--data", str(later), *words[2:])
    assert "clock stands still before this data ends: with ML_ASSETS_NOW=2023-04-01" in second.output
    other = tmp_path / "other"
    other.mkdir()
    ml(other, "init", "again", *words, "--real-clock")
    assert not (other / ".ml_assets" / "now").exists()


def test_current_data_keeps_the_real_clock(tmp_path: Path) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    log = data.visits(tmp_path / "visits.csv", customers=60, last_day=today)
    made = initialised(
        tmp_path / "project", "again", "--data", str(log), "--entity", "customer_id", "--time", "visited_at"
    )
    assert made.told["clock"] is None
    assert not (made.home / "now").exists()


def test_files_are_copied_or_linked_and_a_newer_one_is_proposed(churn: Made, tmp_path: Path) -> None:
    source = data.churn(tmp_path / "churn.csv", rows=600)
    made = initialised(tmp_path / "project", "churn", "--data", str(source), "--target", "churned", "--link")
    landed = made.home / "landing" / "churn" / "churn" / "churn.csv"
    assert landed.is_symlink()
    assert landed.samefile(source)
    copied = churn.home / "landing" / "churn" / "churn" / "churn.csv"
    assert not copied.is_symlink()


def test_a_table_of_a_database_is_fetched_and_declared_with_its_pull(tmp_path: Path) -> None:
    root = tmp_path / "project"
    root.mkdir()
    source = data.churn(tmp_path / "churn.csv", rows=400)
    with duckdb.connect(str(root / "shop.duckdb")) as connection:
        connection.execute(f"create table customers as from read_csv('{source}')")
    made = initialised(root, "churn", "--data", "duckdb:///shop.duckdb", "--table", "customers", "--target", "churned")
    declared = made.attributes("/customers/defs.yaml")
    assert declared["pull"] == {"database": "duckdb:///shop.duckdb", "table": "customers"}
    hurried(made)
    assert facts(ml(root, "run", "churn", "--json"))["failures"] == {}
    assert query(made.home, "select count(*) from scores.churn") == [(400,)]


def test_a_dry_run_shows_everything_and_writes_nothing(tmp_path: Path) -> None:
    source = data.flats(tmp_path / "flats.csv")
    root = tmp_path / "project"
    root.mkdir()
    result = ml(root, "init", "rents", "--data", str(source), "--target", "rent", "--dry-run")
    assert "+type: ml_assets.Model" in result.output
    assert list(root.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Churn", "--target", "rent"], "is no name for a use case"),
        (["rents", "--target", "rnt"], "did you mean rent?"),
        (["rents", "--target", "rent", "--horizon", "soon"], "is no span"),
        (["rents", "--target", "rent", "--horizon", "36 hours"], "finer than snapshots"),
        (["rents"], "nothing is named that could be predicted"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_written(words: list[str], said: str, tmp_path: Path) -> None:
    source = data.flats(tmp_path / "flats.csv")
    root = tmp_path / "project"
    root.mkdir()
    result = ml(root, "init", *words, "--data", str(source))
    assert result.exit_code == 2
    assert said in result.stderr
    assert list(root.iterdir()) == []


def test_questions_are_asked_on_a_terminal_and_an_empty_folder_becomes_a_project(tmp_path: Path) -> None:
    source = data.flowers(tmp_path / "numbered.csv", numbered=True)
    root = tmp_path / "project"
    root.mkdir()
    words = ("init", "flowers", "--data", str(source), "--target", "species")
    command = [sys.executable, "-m", "ml_assets.cli", *words]
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=root) as process:
        os.close(theirs)
        os.write(ours, b"regression\n\n\n")
        said = b""
        try:
            while chunk := os.read(ours, 65_536):
                said += chunk
        except OSError:  # Linux says so that the other side has closed
            pass
        assert process.wait(timeout=60) == 0, said.decode()
    os.close(ours)
    assert b"another --task" in said
    model = (root / "defs" / "flowers" / "model" / "defs.yaml").read_text(encoding="utf-8")
    assert "task: regression" in model
