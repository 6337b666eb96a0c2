"""Copies of training runs in MLflow: in a file, on a real server where one is given, and without the extra."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import MlAssetsError, RegistryError
from ml_assets.registry.mlflow_export import Export, export_runs
from ml_assets.registry.tracking import runs_of
from ml_assets.training.predictor import Predictor
from ml_assets_tests.registry.people import person, pointed, two_champions
from ml_assets_tests.training.world import World

# The server's package cannot stand beside ours (it wants an older pyarrow): it is an executable of another environment.
SERVER = "ML_ASSETS_TEST_MLFLOW"
# MLflow's file store uses a loading strategy that SQLAlchemy 2.1 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


def exported(world: World, uri: str, **options: Any) -> Export:
    return export_runs(world.lab.context(), world.spec, uri, **options)


def client_of(uri: str) -> Any:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def runs_there(uri: str, experiment: str = "again") -> list[Any]:
    client = client_of(uri)
    found = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return sorted(found, key=lambda run: int(run.data.tags["ml_assets.version"]))


@pytest.fixture(scope="module")
def champions(tmp_path_factory: pytest.TempPathFactory) -> World:
    return two_champions(tmp_path_factory.mktemp("champions"))


@pytest.fixture
def uri(tmp_path: Path) -> str:
    pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A real MLflow server on loopback, with its state in the test's folder."""
    pytest.importorskip("mlflow", reason="the extra `mlflow` is not installed")
    if SERVER not in os.environ:
        pytest.skip(f"{SERVER} does not name the `mlflow` of an environment with a server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        os.environ[SERVER], "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{tmp_path}/server.db", "--artifacts-destination", str(tmp_path / "artefacts"),
    ]  # fmt: skip
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (tmp_path / "server.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=quiet, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}", process, tmp_path / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _wait_until_it_answers(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            try:
                process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
        break
    raise AssertionError(log.read_text(encoding="utf-8"))


def test_each_version_is_a_run_with_parameters_metrics_tags_and_artefacts(champions: World, uri: str) -> None:
    found = exported(champions, uri)
    with champions.lab.warehouse.reading() as bench:
        known = {run.version: run for run in runs_of(bench, "again")}

    assert [(run.version, run.state, run.registered) for run in found.runs] == [
        (1, "exported", "1"), (2, "exported", "2"),
    ]  # fmt: skip
    for there in runs_there(uri):
        run = known[int(there.data.tags["ml_assets.version"])]
        assert there.data.params == dict(run.parameters)
        assert there.data.metrics["test.roc_auc"] == run.metrics["roc_auc"].value
        assert there.data.metrics["seconds.whole"] == run.timings["whole"]
        assert there.data.tags["ml_assets.package_sha256"] == run.package_sha256
        assert there.data.tags["ml_assets.training_content"] == run.training_content
        assert there.data.tags["ml_assets.gate"] == "passed"
        assert there.data.tags["ml_assets.aliases"] == ", ".join(run.aliases)
        assert there.info.run_name == f"again@{run.version}"
        assert (there.info.status, there.info.start_time) == ("FINISHED", run.trained_at.timestamp() * 1000)
        assert_artefacts_serve(uri, there.info.run_id, run.version)
    assert client_of(uri).get_model_version_by_alias("again", "champion").run_id == found.runs[1].run_id


def assert_artefacts_serve(uri: str, run_id: str, version: int) -> None:
    """What was copied is a whole package, which loads and answers, beside its card and report."""
    folder = Path(client_of(uri).download_artifacts(run_id, ""))
    predictor = Predictor.load(folder / "package")
    assert (predictor.manifest["model"], predictor.manifest["version"]) == ("again", version)
    assert f"# Model card: again@{version}" in (folder / "card.md").read_text(encoding="utf-8")
    assert "<html" in (folder / "report.html").read_text(encoding="utf-8")


def test_exporting_twice_adds_nothing_and_lets_verdict_and_aliases_follow(uri: str, tmp_path: Path) -> None:
    world = two_champions(tmp_path)
    first = exported(world, uri)
    person(world).rollback(None)
    assert pointed(world) == 1
    second = exported(world, uri)

    assert [run.run_id for run in second.runs] == [run.run_id for run in first.runs]
    assert {run.state for run in second.runs} == {"already there"}
    assert [run.data.tags["ml_assets.aliases"] for run in runs_there(uri)] == ["champion", ""]
    assert client_of(uri).get_model_version_by_alias("again", "champion").run_id == first.runs[0].run_id
    assert len(client_of(uri).search_model_versions("name = 'again'")) == 2


def test_run_that_was_left_unfinished_is_made_again(champions: World, uri: str) -> None:
    first = exported(champions, uri)
    client_of(uri).delete_tag(first.runs[1].run_id, "ml_assets.whole")
    second = exported(champions, uri)

    assert [run.state for run in second.runs] == ["already there", "exported"]
    assert [run.info.run_id for run in runs_there(uri)] == [run.run_id for run in second.runs]
    assert second.runs[1].run_id != first.runs[1].run_id


def test_experiment_has_the_given_name_and_nothing_lands_in_the_current_folder(
    champions: World, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    found = export_runs(champions.lab.context(), champions.spec, None, "shop / again")

    assert (found.tracking_uri, found.experiment) == (uri, "shop / again")
    assert len(runs_there(uri, "shop / again")) == 2
    assert list((tmp_path / "here").iterdir()) == []


def test_deleted_experiment_is_refused(champions: World, uri: str) -> None:
    client_of(uri).delete_experiment(client_of(uri).create_experiment("gone"))
    with pytest.raises(RegistryError, match="the experiment gone was deleted"):
        exported(champions, uri, experiment="gone")


def test_server_that_is_not_there_is_told(champions: World, uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(RegistryError, match="was not to be reached") as caught:
        exported(champions, "http://ann:secret@127.0.0.1:9")
    assert caught.value.place == "http://127.0.0.1:9"


def test_names_and_values_that_a_server_refuses_are_made_fit_and_undefined_metrics_left_out(
    uri: str, tmp_path: Path
) -> None:
    world = World.trained(tmp_path)
    with world.lab.warehouse.committing() as bench:
        columns = "version, estimator, part, snapshot, metric, value"
        for metric, value in (("lift@10%", 2.5), ("undefined", None), ("infinite", float("inf"))):
            bench.execute(
                f"insert into wh.evaluation.again ({columns}) values (1, 'candidate', 'test', null, ?, ?)",
                [metric, value],
            )
        manifest = json.loads(bench.value("select manifest from wh.models.again"))
        manifest["estimator"]["parameters"] = {f"p{number}": number for number in range(150)} | {
            "long: name": "x" * 7000
        }
        bench.execute("update wh.models.again set manifest = ?", [json.dumps(manifest)])
    exported(world, uri)
    [there] = runs_there(uri)

    assert there.data.metrics["test.lift_10_"] == 2.5
    assert not {"test.undefined", "test.infinite", "test.lift_10_.low"} & set(there.data.metrics)
    assert there.data.params["parameters.p149"] == "149"
    assert there.data.params["parameters.long_ name"] == "x" * 5999 + "…"


def test_real_server_takes_every_version_once(champions: World, server: str) -> None:
    first, second = exported(champions, server), exported(champions, server)

    assert [(run.state, run.registered) for run in first.runs] == [("exported", "1"), ("exported", "2")]
    assert [(run.state, run.run_id) for run in second.runs] == [("already there", run.run_id) for run in first.runs]
    assert [run.data.tags["ml_assets.aliases"] for run in runs_there(server)] == ["", "champion"]
    assert client_of(server).get_model_version_by_alias("again", "champion").run_id == first.runs[1].run_id
    assert_artefacts_serve(server, first.runs[1].run_id, 2)


def test_without_the_extra_the_error_says_what_to_install(champions: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*(name for name in sys.modules if name.partition(".")[0] == "mlflow"), "mlflow"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MlAssetsError, match="exporting needs MLflow's client") as caught:
        exported(champions, "http://127.0.0.1:9")
    assert "pip install 'ml-assets[mlflow]'" in str(caught.value)


def test_without_an_address_the_error_says_how_to_name_one(champions: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(RegistryError, match="no MLflow server is named"):
        export_runs(champions.lab.context(), champions.spec, None)
