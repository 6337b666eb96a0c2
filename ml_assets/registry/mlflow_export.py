"""Copies of training runs for an MLflow server (extra `mlflow`). The warehouse stays the only truth: nothing is read back.

Each version is one MLflow run with parameters, metrics, tags and artefacts and, where the server keeps models, one
registered version with the aliases. A run is known again by a tag, so that no version is there twice.
"""

from __future__ import annotations

import math
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ml_assets.errors import MlAssetsError, RegistryError
from ml_assets.registry.card import render_card
from ml_assets.registry.tracking import TrainingRun, runs_of
from ml_assets.specs.models import ModelSpec
from ml_assets.training.versions import export_version
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.names import TableName

if TYPE_CHECKING:
    from mlflow.entities import Run

# What a server accepts: characters of a name, length of a name, length of a value, things in one request.
_ODD, _MOST_NAME, _MOST_VALUE, _MOST_TAG, _A_REQUEST = re.compile(r"[^\w\-. /]"), 250, 6000, 5000, 100
_KEY, _WHOLE = "ml_assets.key", "ml_assets.whole"
# A server that is not there is told within seconds, not minutes; what a person has set holds.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"}
_QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}


State = Literal["exported", "already there"]


class ExportedRun(NamedTuple):
    """One version on the server. `registered`: its number there, None with `reason` where the server keeps no models."""

    version: int
    run_id: str
    state: State
    registered: str | None
    reason: str


@dataclass(frozen=True)
class Export:
    """What is on the server now, oldest version first."""

    model: str
    tracking_uri: str
    experiment: str
    runs: tuple[ExportedRun, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"runs": [run._asdict() for run in self.runs]}


def export_runs(context: RunContext, spec: ModelSpec, uri: str | None, experiment: str | None = None) -> Export:
    """Export every version of a model that is not there yet; aliases and verdicts of those that are there follow.

    `uri` defaults to MLFLOW_TRACKING_URI, `experiment` to the model's name. A run that an earlier export left unfinished is
    removed and made again. Raises MlAssetsError without the extra, RegistryError where the server is not to be had.
    """
    target = uri or os.environ.get("MLFLOW_TRACKING_URI")
    if not target:
        raise RegistryError(
            "no MLflow server is named", expected="--tracking-uri or MLFLOW_TRACKING_URI", got="neither",
            remedy="such as --tracking-uri http://127.0.0.1:5000, or sqlite:///mlflow.db for a file",
        )  # fmt: skip
    with context.warehouse.reading() as bench:
        runs = runs_of(bench, spec.name)
    name = experiment or spec.name
    _require_client()
    with _told_in_our_words(target):
        exporter = _Exporter(context, spec, target, name)
        done = tuple(exporter.export(run) for run in reversed(runs))
    return Export(spec.name, _without_credentials(target), name, done)


def _require_client() -> None:
    """MLflow's client reads its settings when it is imported."""
    os.environ.update(_QUIET)
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    try:
        import mlflow.tracking  # noqa: F401
    except ModuleNotFoundError as problem:
        raise MlAssetsError(
            "exporting needs MLflow's client", expected="the extra `mlflow`", got=f"{problem.name} is not installed",
            remedy="pip install 'ml-assets[mlflow]'; `ml-assets registry runs` shows the same runs without it",
        ) from problem  # fmt: skip


@contextmanager
def _told_in_our_words(uri: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as problem:
        raise RegistryError(
            "MLflow refused, or was not to be reached", place=_without_credentials(uri), expected="a server that takes runs", got=problem.message,
            remedy="see that it runs at this address; exporting again adds what is missing",
        ) from problem  # fmt: skip


def _without_credentials(uri: str) -> str:
    """An address that may be shown: whatever stands before an `@` of its host is left out."""
    scheme, slashes, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}"


def _artefacts_beside(uri: str) -> str | None:
    """Where artefacts of a new experiment lie: a server decides itself; those of a file lie beside it, not in the current folder."""
    if not uri.startswith("sqlite:///"):
        return None
    path = Path(uri.removeprefix("sqlite:///")).resolve()
    return (path.parent / f"{path.stem}-artifacts").as_uri()


class _Exporter:
    def __init__(self, context: RunContext, spec: ModelSpec, uri: str, experiment: str) -> None:
        from mlflow.tracking import MlflowClient

        self._context, self._spec = context, spec
        self._client = client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        found = client.get_experiment_by_name(experiment)
        if found is not None and found.lifecycle_stage != "active":
            raise RegistryError(
                f"the experiment {experiment} was deleted on the server", expected="an active one, or none of this name", got="deleted",
                remedy="restore it there, or name another one with --experiment",
            )  # fmt: skip
        self._experiment = (
            found.experiment_id if found is not None else client.create_experiment(experiment, _artefacts_beside(uri))
        )

    def export(self, run: TrainingRun) -> ExportedRun:
        known = self._there(run)
        there = known or self._made(run)
        self._follow(run, there)
        state: State = "exported" if known is None else "already there"
        return ExportedRun(run.version, there.info.run_id, state, *self._registered(run, there))

    def _there(self, run: TrainingRun) -> Run | None:
        """The whole run of this very package; one that was left unfinished is removed."""
        whole = None
        for found in self._client.search_runs([self._experiment], f"tags.`{_KEY}` = '{_key(run)}'"):
            if _WHOLE in found.data.tags:
                whole = found
            else:
                self._client.delete_run(found.info.run_id)
        return whole

    def _made(self, run: TrainingRun) -> Run:
        from mlflow.entities import Metric, Param

        client, begun = self._client, int(run.trained_at.timestamp() * 1000)
        made = client.create_run(
            self._experiment,
            start_time=begun,
            tags={_KEY: _key(run), **_tags(run)},
            run_name=f"{run.model}@{run.version}",
        )
        run_id = made.info.run_id
        parameters = [Param(_name(name), _cut(value, _MOST_VALUE)) for name, value in run.parameters.items()]
        metrics = [Metric(_name(name), value, begun, 0) for name, value in _numbers(run).items()]
        for start in range(0, max(len(parameters), len(metrics)), _A_REQUEST):
            part = slice(start, start + _A_REQUEST)
            client.log_batch(run_id, metrics=metrics[part], params=parameters[part])
        with tempfile.TemporaryDirectory() as folder:
            self._write_artefacts(run.version, Path(folder))
            client.log_artifacts(run_id, folder)
        client.set_tag(run_id, _WHOLE, "true")
        client.set_terminated(run_id, "FINISHED", end_time=begun + int(run.timings.get("whole", 0) * 1000))
        return client.get_run(run_id)

    def _write_artefacts(self, version: int, folder: Path) -> None:
        """`package/` is what `Predictor.load` reads; beside it the card and, where there is one, the report."""
        pages = TableName("evaluation", self._spec.name).sibling("reports")
        with self._context.warehouse.reading() as bench:
            export_version(bench, self._spec.name, version, folder / "package")
            (folder / "card.md").write_text(render_card(bench, self._spec, version), encoding="utf-8")
            if bench.has_table(pages):
                for (html,) in bench.rows(f"select html from {pages.quoted} where version = ?", [version]):
                    (folder / "report.html").write_text(html, encoding="utf-8")

    def _follow(self, run: TrainingRun, there: Run) -> None:
        """Verdict and aliases may be others than when the run was exported."""
        for name, value in _tags(run).items():
            if there.data.tags.get(name) != value:
                self._client.set_tag(there.info.run_id, name, value)

    def _registered(self, run: TrainingRun, there: Run) -> tuple[str | None, str]:
        """The run's registered version, made where it is missing, with its aliases; or why there is none."""
        from mlflow.exceptions import MlflowException

        client, model, run_id = self._client, run.model, there.info.run_id
        try:
            if not client.search_registered_models(f"name = '{model}'"):
                client.create_registered_model(model, description=self._spec.description)
            known = client.search_model_versions(f"name = '{model}' and run_id = '{run_id}'")
            made = known[0] if known else client.create_model_version(
                model, source=f"{there.info.artifact_uri}/package", run_id=run_id, tags={_KEY: _key(run)}, await_creation_for=0,
            )  # fmt: skip
            for alias in run.aliases:
                client.set_registered_model_alias(model, alias, str(made.version))
        except MlflowException as problem:
            if problem.error_code not in ("FEATURE_DISABLED", "ENDPOINT_NOT_FOUND", "NOT_IMPLEMENTED"):
                raise
            return None, f"the server keeps no registered models: {problem.message}"
        return str(made.version), ""


def _key(run: TrainingRun) -> str:
    return f"{run.model}@{run.version}/{run.package_sha256}"


def _tags(run: TrainingRun) -> dict[str, str]:
    found = {
        "model": run.model, "version": str(run.version), "package_sha256": run.package_sha256, "archive": run.archive or "",
        "training_content": run.training_content or "", "gate": run.gate, "gate_reasons": run.gate_reasons,
        "aliases": ", ".join(run.aliases), "trained_by": run.trained_by or "",
    }  # fmt: skip
    return {f"ml_assets.{name}": _cut(value, _MOST_TAG) for name, value in found.items()}


def _numbers(run: TrainingRun) -> Mapping[str, float]:
    """`test.<metric>` with `.low` and `.high`, `seconds.<step>`. What is not defined is left out, never 0."""
    found = {f"test.{name}": metric.value for name, metric in run.metrics.items()}
    for name, metric in run.metrics.items():
        found |= {f"test.{name}.low": metric.low, f"test.{name}.high": metric.high}
    found |= {f"seconds.{name}": value for name, value in run.timings.items()}
    return {name: value for name, value in found.items() if value is not None and math.isfinite(value)}


def _name(text: str) -> str:
    return _ODD.sub("_", text)[:_MOST_NAME]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
