"""Requests for a new version: appended by monitors, served by the next version that is trained, never rewritten."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench


@dataclass(frozen=True)
class RetrainRequest:
    """One line of `ops.retrain_requests`. `version`: the newest one when it was asked for; a later one serves it.

    `reasons` in words; `facts`: trigger → value and limit. `requested_at` is by the (possibly replayed) clock, UTC.
    """

    model: str
    monitor: str
    version: int
    reasons: str
    facts: Mapping[str, Any]
    requested_at: datetime

    @property
    def said(self) -> str:
        """Such as `asked for by monitor churn on 2024-03-04: trained 95 days ago (limit 90)`."""
        return f"asked for by monitor {self.monitor} on {self.requested_at:%Y-%m-%d}: {self.reasons}"


def retrain_requests(bench: Workbench, model: str) -> list[RetrainRequest]:
    """Inside a reading block or a commit: every request for a model, oldest first."""
    rows = bench.rows(
        "select model, monitor, version, reasons, facts, requested_at from wh.ops.retrain_requests where model = ? "
        "order by requested_at, rowid",
        [model],
    )
    return [
        RetrainRequest(name, monitor, version, reasons, json.loads(facts), at.replace(tzinfo=UTC))
        for name, monitor, version, reasons, facts, at in rows
    ]


def open_requests(bench: Workbench, model: str) -> list[RetrainRequest]:
    """Inside a reading block or a commit: requests that no version has been trained for, oldest first."""
    newest = newest_version(bench, model)
    return [request for request in retrain_requests(bench, model) if request.version >= newest]


def newest_version(bench: Workbench, model: str) -> int:
    """Number of the version trained last, whether or not it may serve; 0 before the first."""
    table = TableName("models", model)
    return int(bench.value(f"select coalesce(max(version), 0) from {table.quoted}")) if bench.has_table(table) else 0


def request_retraining(bench: Workbench, request: RetrainRequest) -> None:
    """Inside a commit: ask for a new version."""
    bench.execute(
        "insert into wh.ops.retrain_requests values (?, ?, ?, ?, ?, ?)",
        [
            request.model, request.monitor, request.version, request.reasons, json.dumps(dict(request.facts), sort_keys=True),
            naive_utc(request.requested_at),
        ],
    )  # fmt: skip
