"""Traces by OpenTelemetry (extra `otel`): a run is a trace, its steps are spans. Imported only where they are asked for."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from ml_assets import __version__
from ml_assets.graph.events import RunBegan, RunEnded, RunEvent, StepBegan, StepEnded
from ml_assets.operations.telemetry.daily_files import DailyFiles
from ml_assets.operations.telemetry.destinations import ENDPOINTS
from ml_assets.operations.telemetry.log_lines import span_of

_TIMEOUT_SECONDS = 5.0
_BAD = ("failed", "blocked")


class RunTracer:
    """A listener whose spans go to the exporters given. The trace id is the run id, so that logs and traces meet.

    Steps of a run that began elsewhere (a Dagster run) are spans of the same trace without a parent.
    """

    def __init__(self, processors: Sequence[SpanProcessor]) -> None:
        self._ids = _RunIds()
        named = Resource.create({SERVICE_VERSION: __version__})
        if "OTEL_SERVICE_NAME" not in os.environ and "service.name=" not in os.environ.get(
            "OTEL_RESOURCE_ATTRIBUTES", ""
        ):
            named = named.merge(Resource({SERVICE_NAME: "ml-assets"}))
        self._provider = TracerProvider(resource=named, id_generator=self._ids)
        for processor in processors:
            self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("ml_assets", __version__)
        self._roots: dict[str, Span] = {}

    def __call__(self, event: RunEvent) -> None:
        if isinstance(event, RunBegan):
            facts = {
                "ml_assets.run": event.run_id,
                "ml_assets.command": event.command,
                "ml_assets.assets": event.assets,
            }
            self._roots[event.run_id] = self._span(
                event.run_id, f"ml_assets {event.command}", event.at.timestamp(), facts
            )
        elif isinstance(event, StepEnded):
            self._step(event)
        elif isinstance(event, RunEnded):
            root = self._roots.pop(event.run_id)
            root.set_attributes(
                {"ml_assets.made": event.made, "ml_assets.failed": event.failed, "ml_assets.skipped": event.skipped}
            )
            root.set_status(Status(StatusCode.ERROR, f"{event.failed} failed") if event.failed else StatusCode.OK)
            root.end(_nanoseconds(event.ended_at.timestamp()))
        else:
            assert isinstance(event, StepBegan)

    def close(self) -> None:
        """Hand over what is still held; a receiver that does not answer is waited for a few seconds at most."""
        for root in self._roots.values():
            root.set_status(Status(StatusCode.ERROR, "the run was broken off"))
            root.end()
        self._roots.clear()
        self._provider.shutdown()

    def _step(self, event: StepEnded) -> None:
        span = self._span(event.run_id, str(event.asset), event.began_at.timestamp(), _facts(event))
        for failed in event.failed_checks:
            facts = {"check": failed.check, "code": failed.code, "severity": failed.severity, "message": failed.summary}
            span.add_event(
                "check_failed", facts | {"partition": failed.partition}, _nanoseconds(event.ended_at.timestamp())
            )
        if event.outcome in _BAD:
            span.set_status(Status(StatusCode.ERROR, event.message))
        elif event.outcome != "skipped":
            span.set_status(StatusCode.OK)
        span.end(_nanoseconds(event.ended_at.timestamp()))

    def _span(self, run_id: str, name: str, began: float, facts: Mapping[str, Any]) -> Span:
        root = self._roots.get(run_id)
        self._ids.run_id = run_id
        context = None if root is None else set_span_in_context(root)
        return self._tracer.start_span(name, context=context, attributes=dict(facts), start_time=_nanoseconds(began))


class _RunIds(RandomIdGenerator, threading.local):
    """Trace ids that are run ids, as far as those are UUIDs."""

    run_id = ""

    def generate_trace_id(self) -> int:
        try:
            return UUID(self.run_id).int
        except ValueError:
            return super().generate_trace_id()


class _SpokenExporter(SpanExporter):
    """Another exporter, whose failure is said once, with the receiver's place and without what else its address holds."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._place = urlsplit(endpoint).netloc.rpartition("@")[2]
        self._failed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is SpanExportResult.FAILURE and not self._failed:
            self._failed = True
            sys.stderr.write(f"{self._place} ({ENDPOINTS[0]}): traces of this run were not received\n")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _FileExporter(SpanExporter):
    """One JSON line a span."""

    def __init__(self, files: DailyFiles) -> None:
        self._files = files

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            self._files.append("".join(f"{span.to_json(indent=None)}\n" for span in spans), tidy=True)
        except OSError as problem:
            sys.stderr.write(f"{self._files.folder}: traces are not written: {problem.strerror or problem}\n")
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS


def processors_of(environment: Mapping[str, str], files: DailyFiles) -> list[SpanProcessor]:
    """Where spans go: to the OTLP endpoint of OpenTelemetry's own variables, to standard error or to files."""
    found: list[SpanProcessor] = []
    if environment.get("ML_ASSETS_OTEL") == "console":
        found.append(SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr)))
    if environment.get("ML_ASSETS_OTEL") == "file":
        found.append(BatchSpanProcessor(_FileExporter(files)))
    if any(environment.get(name) for name in ENDPOINTS):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        declared = any(
            name in environment for name in ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
        )
        exporter = OTLPSpanExporter(timeout=None if declared else _TIMEOUT_SECONDS)
        # Its own word of a failure names no receiver.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
        endpoint = next(environment[name] for name in reversed(ENDPOINTS) if environment.get(name))
        found.append(BatchSpanProcessor(_SpokenExporter(exporter, endpoint)))
    return found


def _facts(event: StepEnded) -> dict[str, Any]:
    known = {
        "run": event.run_id, "command": event.command, "asset": str(event.asset), "partitions": span_of(event.partitions),
        "model": event.model, "model_version": event.model_version, "rows": event.rows, "status": event.outcome,
        "error": event.error,
    }  # fmt: skip
    return {f"ml_assets.{name}": value for name, value in known.items() if value not in (None, "")}


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
