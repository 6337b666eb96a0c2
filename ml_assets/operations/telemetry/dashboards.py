"""Grafana dashboards that follow from the graph: overview, data, models, operations."""

from __future__ import annotations

from collections.abc import Iterator

from ml_assets.graph.compile import Graph
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.operations.coverage import production_assets
from ml_assets.operations.telemetry.catalogue import CATALOGUE
from ml_assets.operations.telemetry.panels import Dashboard, Panel, Query, row
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.training.model import ModelAsset
from ml_assets.warehouse.asset import TableAsset

_FINE = {"0": ("fine", "green"), "1": ("failed", "red")}
_CURRENT = {"0": ("current", "green"), "1": ("out of date", "yellow")}


def dashboards(graph: Graph) -> list[Dashboard]:
    """Every dashboard; their queries name the assets and models of the graph."""
    return [
        Dashboard("ml-assets-overview", "ml_assets: overview", "What is wrong now, in production and elsewhere.", list(_overview(graph))),
        Dashboard("ml-assets-data", "ml_assets: data", "What came in, how fresh it is, what was put aside.", list(_data(graph))),
        Dashboard("ml-assets-models", "ml_assets: models", "What serves, how old it is, what monitors measured.", list(_models(graph)), "now-90d"),
        Dashboard("ml-assets-operations", "ml_assets: operations", "Runs, steps, the lock, incidents, the disk, the exporter.", list(_operations())),
    ]  # fmt: skip


def _overview(graph: Graph) -> Iterator[Panel]:
    failed, out = _s("check_failed"), _s("asset_out_of_date")
    yield Panel(
        "ERROR checks that fail", "stat", (Query(f'sum({failed}{{severity="error"}})'),), width=4, height=4, limits=(1,)
    )
    yield Panel(
        "WARN checks that fail",
        "stat",
        (Query(f'sum({failed}{{severity="warn"}})'),),
        width=4,
        height=4,
        limits=(1, 10),
    )
    yield Panel(
        "Steps that failed last", "stat", (Query(f"sum({_s('step_last_failed')})"),), width=4, height=4, limits=(1,)
    )
    yield Panel("Assets out of date", "stat", (Query(f"sum({out})"),), width=4, height=4, limits=(1,))
    yield Panel(
        "Incidents open", "stat", (Query(_s("incidents_open"), "{{severity}}"),), width=4, height=4, limits=(1,)
    )
    yield Panel("Books readable", "stat", (Query(_s("exporter_warehouse_readable")),), width=4, height=4,
                words={"1": ("yes", "green"), "0": ("no", "red")})  # fmt: skip
    yield Panel("Alerts that fire", "table", (Query('ALERTS{alertstate="firing",alertname=~"MlAssets.*"}'),), width=24)
    yield row("In production")
    names = "|".join(str(one.name) for one in production_assets(graph)) or "none"
    yield Panel("Failed checks (ERROR)", "bargauge",
                (Query(f'sum by (asset) ({failed}{{severity="error",asset=~"{names}"}})', "{{asset}}"),), limits=(1,))  # fmt: skip
    yield Panel(
        "Last step", "stat", (Query(f'{_s("step_last_failed")}{{asset=~"{names}"}}', "{{asset}}"),), words=_FINE
    )
    yield Panel("Age of the newest partition against its limit", "bargauge",
                (Query(f'{_s("asset_age_seconds")}{{asset=~"{names}"}} / on (asset) {_s("asset_age_limit_seconds")}', "{{asset}}"),),
                unit="percentunit", limits=(0.8, 1))  # fmt: skip
    yield Panel("Out of date", "stat", (Query(f'{out}{{asset=~"{names}"}}', "{{asset}}"),), words=_CURRENT)
    yield row("Everything")
    yield Panel("Checks that fail", "table", (Query(f"{failed} == 1"),), width=24, height=10)


def _data(graph: Graph) -> Iterator[Panel]:
    yield Panel("Age of the newest event against its limit", "bargauge",
                (Query(f"{_s('data_age_seconds')} / {_s('data_age_limit_seconds')}", "{{asset}}"),), unit="percentunit",
                limits=(0.8, 1), width=24)  # fmt: skip
    for asset in graph:
        if isinstance(asset, RawTableAsset):
            yield row(str(asset.name))
            yield Panel(
                "Rows", "timeseries", (Query(_of("asset_rows", asset), "rows"),), width=8, description=asset.description
            )
            yield Panel("Rows in quarantine", "timeseries", (Query(_of("quarantined_rows", asset), "rows"),), width=8)
            yield Panel("Age of the newest event", "timeseries",
                        (Query(_of("data_age_seconds", asset), "age"), Query(_of("data_age_limit_seconds", asset), "limit")), unit="s",
                        width=8)  # fmt: skip
    yield row("Tables and features")
    known = [asset for asset in graph if asset.name.schema in ("raw", "staging", "features", "labels")]
    names = "|".join(str(asset.name) for asset in known) or "none"
    yield Panel(
        "Rows of the newest partition", "timeseries", (Query(f'{_s("asset_rows")}{{asset=~"{names}"}}', "{{asset}}"),)
    )
    yield Panel("Rows written an hour", "timeseries",
                (Query(f'rate({_s("asset_rows_written")}{{asset=~"{names}"}}[1h]) * 3600', "{{asset}}"),))  # fmt: skip
    yield Panel("Checks that fail", "table", (Query(f'{_s("check_failed")}{{asset=~"{names}"}} == 1'),), width=24)
    yield row("Days")
    yield Panel("What monitors of tables measured", "timeseries",
                (Query(f'{_s("monitor_value")}{{code=~"DD.*"}}', "{{asset}} {{check}}: {{number}}"),), width=24)  # fmt: skip


def _models(graph: Graph) -> Iterator[Panel]:
    scored = [asset for asset in graph if isinstance(asset, ScoresAsset)]
    for asset in graph:
        if not isinstance(asset, ModelAsset):
            continue
        model = f'{{model="{asset.spec.name}"}}'
        yield row(asset.spec.name)
        yield Panel(
            "Versions",
            "stat",
            (Query(f"{_s('model_version')}{model}", "{{alias}}"),),
            width=6,
            description=asset.description,
        )
        yield Panel("Champion: trained ago, champion since", "stat",
                    (Query(f"{_s('model_champion_trained_age_seconds')}{model}", "trained"),
                     Query(f"{_s('model_champion_age_seconds')}{model}", "champion")), unit="s", width=6)  # fmt: skip
        yield Panel("Gate and evaluation: checks that fail", "table",
                    (Query(f'{_s("check_failed")}{{asset=~"(models|evaluation|training).{asset.spec.name}(__champion|__reference)?"}} == 1'),),
                    width=12)  # fmt: skip
        yield from _of_scores([one for one in scored if one.model.name == asset.spec.name])
    yield row("Monitors")
    for letters, title in (
        ("DR", "Drift"),
        ("PF", "Performance, observed and estimated"),
        ("RT", "Reasons to retrain"),
    ):
        yield Panel(title, "timeseries",
                    (Query(f'{_s("monitor_value")}{{code=~"{letters}.*"}}', "{{asset}} {{check}}: {{number}}"),), width=24)  # fmt: skip
    yield Panel("Challengers asked for", "timeseries", (Query(_s("retrain_requests"), "{{model}}"),))


def _of_scores(scored: list[ScoresAsset]) -> Iterator[Panel]:
    for asset in scored:
        yield Panel(f"{asset.name}: rows scored", "timeseries", (Query(_of("scoring_rows", asset), "rows"),), width=8)
        yield Panel(
            f"{asset.name}: seconds",
            "timeseries",
            (Query(_of("scoring_duration_seconds", asset), "seconds"),),
            unit="s",
            width=8,
        )
        yield Panel(
            f"{asset.name}: version that scored",
            "timeseries",
            (Query(_of("scoring_model_version", asset), "version"),),
            width=8,
        )


def _operations() -> Iterator[Panel]:
    yield Panel("Indicators", "table", (Query(_s("indicator")),), width=24)
    yield Panel("Runs a day", "timeseries", (Query(f"increase({_s('runs')}[1d])", "{{command}} {{status}}"),))
    yield Panel("Steps a day", "timeseries", (Query(f"sum by (status) (increase({_s('steps')}[1d]))", "{{status}}"),))
    yield Panel("Last step took", "timeseries", (Query(_s("step_last_duration_seconds"), "{{asset}}"),), unit="s")
    yield Panel("Steps, 95th percentile of a week", "timeseries",
                (Query(f"histogram_quantile(0.95, sum by (asset, le) (rate({_s('step_duration_seconds')}_bucket[7d])))", "{{asset}}"),),
                unit="s")  # fmt: skip
    yield Panel(
        "CPU seconds a day", "timeseries", (Query(f"increase({_s('step_cpu_seconds')}[1d])", "{{asset}}"),), unit="s"
    )
    yield Panel("Waiting for the lock, 95th percentile of an hour", "timeseries",
                (Query(f"histogram_quantile(0.95, sum by (le) (rate({_s('lock_wait_seconds')}_bucket[1h])))", "wait"),), unit="s",
                limits=(30,))  # fmt: skip
    yield Panel("Incidents open", "timeseries", (Query(_s("incidents_open"), "{{severity}}"),))
    yield Panel("Incidents opened a week", "timeseries", (Query(f"increase({_s('incidents')}[7d])", "incidents"),))
    yield Panel("Alerts sent a day", "timeseries", (Query(f"increase({_s('alerts')}[1d])", "{{route}} {{status}}"),))
    yield Panel("Alerts that wait to be sent", "timeseries", (Query(_s("alerts_waiting"), "{{route}}"),))
    yield Panel("Disk", "timeseries",
                (Query(_s("disk_free_bytes"), "free"), Query(_s("warehouse_size_bytes"), "warehouse")), unit="bytes")  # fmt: skip
    yield Panel("Exporter", "timeseries",
                (Query(_s("exporter_read_duration_seconds"), "reading the books"),
                 Query(f"time() - {_s('exporter_last_read_timestamp_seconds')}", "age of what it says")), unit="s")  # fmt: skip
    yield Panel(
        "The project's clock behind the real one",
        "stat",
        (Query(f"time() - {_s('clock_timestamp_seconds')}"),),
        unit="s",
        width=6,
        height=4,
    )
    yield Panel("Version", "stat", (Query(_s("build"), "{{version}}"),), width=6, height=4, text="name")


def _s(name: str) -> str:
    return CATALOGUE[name].series


def _of(name: str, asset: TableAsset) -> str:
    return f'{_s(name)}{{asset="{asset.name}"}}'
