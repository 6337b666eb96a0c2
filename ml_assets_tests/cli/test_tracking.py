"""`ml-assets registry runs` and `registry export-mlflow`: what is printed and refused."""

from __future__ import annotations

import pytest

from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.tiny import TinyProject


@pytest.fixture(scope="module")
def retrained(tiny: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> TinyProject:
    """The tiny project with a second version of one round more. Not to be changed."""
    project = tiny.copied_to(tmp_path_factory.mktemp("retrained") / "project")
    project.edit("again", "max_rounds: 8", "max_rounds: 9")
    assert invoke(project, "run", "models.again").exit_code == 0
    return project


def test_runs_are_listed_newest_first_with_what_differs(retrained: TinyProject) -> None:
    found = json_of(result := invoke(retrained, "registry", "runs", "again", "--json"))

    assert result.exit_code == 0
    assert [(run["version"], run["gate"], run["aliases"]) for run in found["runs"]] == [
        (2, "not judged", []), (1, "passed", ["champion"]),
    ]  # fmt: skip
    assert found["parameters_that_differ"] == ["found.rounds", "max_rounds"]
    assert found["parameters_in_common"]["parameters.num_leaves"] == "4"
    assert set(found["runs"][1]["metrics"]["roc_auc"]) == {"value", "low", "high"}
    assert found["runs"][0]["metrics"] == {}


def test_table_shows_differing_parameters_and_folds_those_in_common(retrained: TinyProject) -> None:
    shown = invoke(retrained, "registry", "runs", "again").output
    head, newest, first, common = (line for line in shown.splitlines() if line.strip())

    assert head.split()[-4:] == ["max_rounds", "seconds", "gate", "aliases"]
    assert newest.startswith("again@2")
    assert first.startswith("again@1")
    assert "champion" in first
    assert common.startswith("in common: ")
    assert "parameters.num_leaves=4" in common
    assert "max_rounds" not in common


def test_model_without_runs_says_how_to_train_one(tiny_copy: TinyProject) -> None:
    with tiny_copy.context().warehouse.committing() as bench:
        bench.execute("drop table wh.models.again")

    assert json_of(invoke(tiny_copy, "registry", "runs", "again", "--json"))["runs"] == []
    assert "ml-assets run models.again" in invoke(tiny_copy, "registry", "runs", "again").output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("registry", "runs", "agian"), "did you mean again?"),
        (("registry", "export-mlflow", "agian"), "did you mean again?"),
        (("registry", "export-mlflow", "again"), "no MLflow server is named"),
    ],
)
def test_what_cannot_be_done_says_why_and_exits_2(
    tiny: TinyProject, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    result = invoke(tiny, *words)
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")
def test_export_prints_where_each_version_is(retrained: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
    uri = f"sqlite:///{tmp_path_factory.mktemp('server')}/mlflow.db"
    words = ("registry", "export-mlflow", "again", "--tracking-uri", uri, "--experiment", "mine")
    first, second = json_of(invoke(retrained, *words, "--json")), json_of(invoke(retrained, *words, "--json"))

    assert first["experiment"] == "mine"
    assert [(run["version"], run["state"]) for run in first["runs"]] == [(1, "exported"), (2, "exported")]
    assert {run["state"] for run in second["runs"]} == {"already there"}
    assert first["runs"][0]["run_id"] in invoke(retrained, *words).output
