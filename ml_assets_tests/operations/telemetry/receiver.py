"""A receiver of traces on loopback, as an OpenTelemetry collector would be one: OTLP over HTTP, in protobuf."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Span:
    """One received span."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    facts: dict[str, Any]
    status: int
    message: str
    events: list[dict[str, Any]]
    began: int
    ended: int


@dataclass
class Received:
    """What came in, in order of its coming."""

    url: str
    paths: list[str] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def named(self) -> dict[str, Span]:
        return {span.name: span for span in self.spans}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    received: Received


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        received = self.server.received
        received.paths.append(self.path)
        for resource in request.resource_spans:
            received.resources.append(_facts(resource.resource.attributes))
            received.spans += [_span(span) for scope in resource.scope_spans for span in scope.spans]
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_args: object) -> None:
        pass


def _span(span: Any) -> Span:
    return Span(
        span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(), _facts(span.attributes), span.status.code,
        span.status.message, [_facts(event.attributes) | {"event": event.name} for event in span.events],
        span.start_time_unix_nano, span.end_time_unix_nano,
    )  # fmt: skip


def _facts(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def receiving() -> Iterator[Received]:
    """A receiver that listens while the block runs."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.received = Received(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
