"""`ml-assets registry runs` and `registry export-mlflow`: training runs as a table, and as copies on a server."""

from __future__ import annotations

from pathlib import Path

from ml_assets.cli.registering import model_named, opened_versions, print_found


def runs_command(project: Path | None, name: str, *, as_json: bool) -> int:
    """Print every training run of a model."""
    from ml_assets.registry.tracking import parameters_divided, runs_of

    opened = opened_versions(project)
    model = model_named(opened, name).spec.name
    with opened.context().warehouse.reading() as bench:
        runs = runs_of(bench, model)
    common, differing = parameters_divided(runs)
    found = {
        "model": model, "runs": [run.to_json() for run in runs], "parameters_in_common": common, "parameters_that_differ": differing,
    }  # fmt: skip
    return print_found(found, as_json, "print_runs")


def export_command(
    project: Path | None, name: str, tracking_uri: str | None, experiment: str | None, *, as_json: bool
) -> int:
    """Copy every training run that is not there yet to an MLflow server."""
    from ml_assets.registry.mlflow_export import export_runs

    opened = opened_versions(project)
    found = export_runs(opened.context(), model_named(opened, name).spec, tracking_uri, experiment)
    return print_found(found.to_json(), as_json, "print_export")
