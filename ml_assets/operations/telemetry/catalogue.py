"""Every metric there is: name, kind, labels and what it says. Rules, dashboards and the docs take names from here alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PREFIX = "ml_assets_"


@dataclass(frozen=True)
class Metric:
    """One metric family. `name` has no prefix and, of a counter, no `_total`."""

    name: str
    kind: Literal["gauge", "counter", "histogram", "info"]
    labels: tuple[str, ...]
    help: str

    @property
    def series(self) -> str:
        """The name as Prometheus knows it; of a histogram without `_bucket`, `_count`, `_sum`."""
        return PREFIX + self.name + {"counter": "_total", "info": "_info"}.get(self.kind, "")


_A = ("asset",)
CATALOGUE: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("runs", "counter", ("command", "status"), "Runs in the book of steps, done or failed."),
        Metric("run_last_timestamp_seconds", "gauge", ("command",), "When the last run ended, by the real clock."),
        Metric("steps", "counter", ("asset", "status"), "Steps: made, judged, blocked (a blocking check failed), failed."),
        Metric("step_duration_seconds", "histogram", _A, "How long steps that made or failed to make an asset took."),
        Metric("step_cpu_seconds", "counter", _A, "CPU time that steps used."),
        Metric("step_last_duration_seconds", "gauge", _A, "How long the last step took."),
        Metric("step_last_timestamp_seconds", "gauge", _A, "When the last step ended, by the real clock."),
        Metric("step_last_failed", "gauge", _A, "1 if the last step failed or was blocked, 0 if it went well."),
        Metric("check_failed", "gauge", ("asset", "check", "code", "severity"),
               "1 if a check fails on the newest partition to which it applies, 0 if it holds; absent where there is none."),
        Metric("check_failed_partitions", "gauge", ("asset", "check", "code", "severity"),
               "On how many of the partitions now in the warehouse a check fails."),
        Metric("checks_judged_timestamp_seconds", "gauge", _A, "When the checks were last judged, by the project's clock."),
        Metric("monitor_value", "gauge", ("asset", "check", "code", "number"),
               "A number that a monitor's check gave on that partition, such as a drift distance."),
        Metric("data_age_seconds", "gauge", _A, "Age of the newest event, closed days left out, by the project's clock."),
        Metric("data_age_limit_seconds", "gauge", _A, "Declared limit of that age."),
        Metric("asset_age_seconds", "gauge", _A, "Time since the newest partition was made, by the project's clock."),
        Metric("asset_age_limit_seconds", "gauge", _A, "Age at which an asset that has something to do is late."),
        Metric("asset_out_of_date", "gauge", _A, "1 if a run would make or judge it, or what it is made from; 0 if it is current."),
        Metric("asset_rows", "gauge", _A, "Rows of the newest partition, or of the table if it has none."),
        Metric("asset_partitions", "gauge", _A, "Partitions that are materialised."),
        Metric("asset_newest_partition_timestamp_seconds", "gauge", _A, "The newest partition, as the instant of its key."),
        Metric("asset_rows_written", "counter", _A, "Rows written by all commits."),
        Metric("quarantined_rows", "gauge", _A, "Rows of loaded landing files that broke the contract."),
        Metric("lock_wait_seconds", "histogram", (), "How long commits waited for the warehouse's lock."),
        Metric("scoring_rows", "gauge", ("asset", "model"), "Rows scored in the newest partition."),
        Metric("scoring_duration_seconds", "gauge", ("asset", "model"), "How long making the newest scores took."),
        Metric("scoring_model_version", "gauge", ("asset", "model"), "Number of the version that made the newest scores."),
        Metric("model_version", "gauge", ("model", "alias"), "Number of the version that an alias points to."),
        Metric("model_champion", "info", ("model", "version"), "The champion's version as a label."),
        Metric("model_champion_age_seconds", "gauge", ("model",), "Time since the champion became it."),
        Metric("model_champion_trained_age_seconds", "gauge", ("model",), "Time since the champion was trained."),
        Metric("retrain_requests", "counter", ("model",), "Challengers that monitors asked for."),
        Metric("indicator", "gauge", ("indicator", "unit"), "An operational indicator on the last day it was computed; `ml-assets kpi` says more."),
        Metric("incidents_open", "gauge", ("severity",), "Incidents that last: open or acknowledged."),
        Metric("incidents", "counter", (), "Incidents ever opened."),
        Metric("alerts", "counter", ("route", "status"), "Alerts that were sent, or given up after several tries."),
        Metric("alerts_waiting", "gauge", ("route",), "Alerts that are due or are tried again."),
        Metric("disk_free_bytes", "gauge", (), "Free space where the state lies."),
        Metric("disk_size_bytes", "gauge", (), "Size of the disk where the state lies."),
        Metric("warehouse_size_bytes", "gauge", (), "Size of the warehouse file."),
        Metric("clock_timestamp_seconds", "gauge", (), "The project's clock; it stands still while history is replayed."),
        Metric("exporter_warehouse_readable", "gauge", (), "1 if the books could be read, 0 if older values are given."),
        Metric("exporter_last_read_timestamp_seconds", "gauge", (), "When the books were last read, by the real clock."),
        Metric("exporter_read_duration_seconds", "gauge", (), "How long that took, waiting for the lock included."),
        Metric("build", "info", ("version",), "The version of ml_assets that exports."),
    )
}  # fmt: skip
