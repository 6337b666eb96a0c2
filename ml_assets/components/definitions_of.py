"""Definitions of some of a graph's assets: assets, checks, the resource, sensors and schedules that go with them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import dagster as dg

from ml_assets.components.assets import dagster_asset
from ml_assets.components.checks import dagster_checks
from ml_assets.components.previews import known_previews
from ml_assets.components.pull_jobs import pull_jobs, pull_schedules
from ml_assets.components.registry_jobs import registry_jobs
from ml_assets.components.schedules import schedules_of
from ml_assets.components.sensors import landing_sensor
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.resources import RESOURCE_KEY, MlAssetsResource
from ml_assets.warehouse.asset import TableAsset


def definitions_of(assets: Sequence[TableAsset], project_root: Path) -> dg.Definitions:
    """Dagster definitions for some assets of the project at `project_root`."""
    resource = resource_of(str(project_root))
    with known_previews():
        return dg.Definitions(
            assets=[dagster_asset(asset, resource) for asset in assets],
            asset_checks=[dagster_checks(asset, resource) for asset in assets],
            sensors=[landing_sensor(asset, resource) for asset in assets if isinstance(asset, RawTableAsset)],
            jobs=[job for asset in assets for job in (*registry_jobs(asset, resource), *pull_jobs(asset, resource))],
            schedules=[
                schedule
                for asset in assets
                for schedule in (*schedules_of(asset, resource), *pull_schedules(asset, resource))
            ],
            resources={RESOURCE_KEY: resource},
        )


@lru_cache(maxsize=8)
def resource_of(project_root: str) -> MlAssetsResource:
    """One resource a project, so that merged definitions hold the same object."""
    return MlAssetsResource(project_root=project_root)
