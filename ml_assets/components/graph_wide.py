"""What holds for every asset of the graph, whoever declared it."""

from __future__ import annotations

import dagster as dg

from ml_assets.components.automation import remembered
from ml_assets.components.previews import known_previews
from ml_assets.components.telling import tell
from ml_assets.components.watching import watching_sensor

_SECONDS = 30


def graph_wide_definitions() -> dg.Definitions:
    """In-process execution (one machine, one warehouse), the sensor that makes what is out of date, the one that shows what
    the command line made, and the one that watches for incidents."""
    with known_previews():
        return dg.Definitions(
            executor=dg.in_process_executor,
            sensors=[
                dg.AutomationConditionSensorDefinition(
                    "make_what_is_out_of_date", target=dg.AssetSelection.all(), minimum_interval_seconds=_SECONDS,
                    default_status=dg.DefaultSensorStatus.RUNNING, use_user_code_server=True,
                    description="Compares the manifest with inputs and logic, and makes what differs.",
                ),
                _telling_sensor(),
                watching_sensor(),
            ],
        )  # fmt: skip


def _telling_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        name="show_what_the_command_line_made", minimum_interval_seconds=_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Records what `ml-assets run` and `ml-assets check` did as runs, materialisations and check results.",
    )  # fmt: skip
    def telling(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        found = remembered()
        told = 0 if found is None else tell(context.instance, found[1].context(), found[0])
        return dg.SkipReason(f"{told} steps of the command line were recorded")

    return telling
