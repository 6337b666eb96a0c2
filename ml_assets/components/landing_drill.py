"""One look of the landing sensor at a state, outside of any daemon: for drills that take Dagster's memory away."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from ml_assets.components.assets import dagster_asset
from ml_assets.components.instance import project_instance
from ml_assets.components.sensors import landing_sensor
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.resources import RESOURCE_KEY, MlAssetsResource
from ml_assets.warehouse.home import Home


def landing_requests(asset: RawTableAsset, project_root: Path, home: Home) -> tuple[int, str]:
    """How many runs the sensor asks for on the state at `home`, and what it says where it asks for none. No run is made."""
    resource = MlAssetsResource(project_root=str(project_root), home=str(home.root))
    sensor = landing_sensor(asset, resource)
    definitions = dg.Definitions(
        assets=[dagster_asset(asset, resource)], sensors=[sensor], resources={RESOURCE_KEY: resource}
    )
    with project_instance(home) as instance, dg.build_sensor_context(
        instance=instance, definitions=definitions
    ) as context:  # fmt: skip
        tick = sensor.evaluate_tick(context)
        return len(tick.run_requests or ()), tick.skip_message or ""
