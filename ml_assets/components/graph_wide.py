"""What holds for every asset of the graph, whoever declared it."""

from __future__ import annotations

import dagster as dg

from ml_assets.components.previews import known_previews

_SECONDS = 30


def graph_wide_definitions() -> dg.Definitions:
    """In-process execution (one machine, one warehouse) and the sensor that makes what is out of date."""
    with known_previews():
        return dg.Definitions(
            executor=dg.in_process_executor,
            sensors=[
                dg.AutomationConditionSensorDefinition(
                    "make_what_is_out_of_date", target=dg.AssetSelection.all(), minimum_interval_seconds=_SECONDS,
                    default_status=dg.DefaultSensorStatus.RUNNING, use_user_code_server=True,
                    description="Compares the manifest with inputs and logic, and makes what differs.",
                )
            ],
        )  # fmt: skip
