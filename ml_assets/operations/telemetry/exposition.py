"""Readings in Prometheus's text format (extra `metrics`), printed once or served over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ml_assets.errors import DeclarationError
from ml_assets.operations.telemetry.catalogue import CATALOGUE, PREFIX, Metric
from ml_assets.operations.telemetry.collector import Collector
from ml_assets.operations.telemetry.readings import Reading

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(reading: Reading) -> str:
    """The text of one scrape; equal readings give equal text. Raises DeclarationError without the extra `metrics`."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ModuleNotFoundError as problem:
        raise DeclarationError(
            "prometheus-client is not installed", expected="the extra `metrics`", got=problem,
            remedy="pip install 'ml-assets[metrics]'",
        ) from problem  # fmt: skip

    class Families:
        def collect(self) -> Iterator[Any]:
            yield from _families(reading)

        def describe(self) -> list[Any]:
            return []

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families())
    return generate_latest(registry).decode()


def _families(reading: Reading) -> Iterator[Any]:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        InfoMetricFamily,
    )

    for metric in CATALOGUE.values():
        name, values = PREFIX + metric.name, reading.values.get(metric.name, {})
        if metric.kind == "histogram" and metric.name in reading.histograms:
            yield _with_histograms(HistogramMetricFamily(name, metric.help, labels=metric.labels), metric, reading)
        elif not values:
            continue
        elif metric.kind == "info":
            info = InfoMetricFamily(name, metric.help)
            for labels in sorted(values):
                info.add_metric((), dict(zip(metric.labels, labels, strict=True)))
            yield info
        else:
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = kind(name, metric.help, labels=metric.labels)
            for labels, value in sorted(values.items()):
                family.add_metric(labels, value)
            yield family


def _with_histograms(family: Any, metric: Metric, reading: Reading) -> Any:
    for labels, found in sorted(reading.histograms[metric.name].items(), key=lambda item: item[0]):
        buckets = [(str(float(bound)), float(count)) for bound, count in found.buckets.items()]
        family.add_metric(labels, [*buckets, ("+Inf", float(found.count))], found.sum)
    return family


class MetricsServer(ThreadingHTTPServer):
    """Answers /metrics and /health from a collector; port 0 takes a free one."""

    daemon_threads = True

    def __init__(self, collector: Collector, host: str, port: int) -> None:
        self.collector = collector
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        host, port = str(self.server_address[0]), self.server_address[1]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    # A client that sends nothing is not waited for.
    timeout = 10

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        collector = self.server.collector
        if path == "/metrics":
            self._answer(200, CONTENT_TYPE, exposition(collector.reading()))
        elif path == "/health":
            collector.reading()
            first_line = (collector.problem.splitlines() or [""])[0]
            said = {"status": "degraded" if first_line else "ok", "problem": first_line}
            self._answer(503 if first_line else 200, "application/json", json.dumps(said) + "\n")
        else:
            self._answer(404, "text/plain; charset=utf-8", "there are /metrics and /health\n")

    def _answer(self, status: int, content_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """A line a scrape would drown everything else."""
