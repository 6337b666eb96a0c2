"""Events of a run as structured log lines: flat JSON objects, without values of the data and without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import singledispatch
from typing import Any

from ml_assets.graph.events import RunBegan, RunEnded, RunEvent, StepBegan, StepEnded

_LEVEL_OF_OUTCOME = {"failed": "error", "blocked": "error", "skipped": "warning"}


def lines_of(event: RunEvent) -> Iterator[str]:
    """One line for the event, and one more for each check that did not hold, each ending in a line break.

    Keys: time (UTC), level, event, run, command and, where they are known, asset, partitions, model, model_version,
    seconds, rows, status, error, check, code, message. What is not known is left out.
    """
    for record in _records(event):
        known = {name: value for name, value in record.items() if value not in (None, "")}
        yield json.dumps(known, ensure_ascii=False) + "\n"


@singledispatch
def _records(event: Any) -> Iterator[dict[str, Any]]:
    raise TypeError(f"no log line for {type(event).__name__}")


@_records.register
def _(event: RunBegan) -> Iterator[dict[str, Any]]:
    yield _head(event.at, "info", "run_began", event) | {"assets": event.assets}


@_records.register
def _(event: RunEnded) -> Iterator[dict[str, Any]]:
    status = "failed" if event.failed else "done"
    yield _head(event.ended_at, "error" if event.failed else "info", "run_ended", event) | {
        "seconds": _seconds(event.began_at, event.ended_at), "status": status, "made": event.made, "failed": event.failed,
        "skipped": event.skipped,
    }  # fmt: skip


@_records.register
def _(event: StepBegan) -> Iterator[dict[str, Any]]:
    yield _head(event.at, "info", "step_began", event) | _place(event)


@_records.register
def _(event: StepEnded) -> Iterator[dict[str, Any]]:
    level = _LEVEL_OF_OUTCOME.get(event.outcome, "info")
    yield _head(event.ended_at, level, "step_ended", event) | _place(event) | {
        "model": event.model, "model_version": event.model_version, "seconds": _seconds(event.began_at, event.ended_at),
        "rows": event.rows, "status": event.outcome, "error": event.error, "message": event.message,
    }  # fmt: skip
    for failed in event.failed_checks:
        level = "error" if failed.severity == "error" else "warning"
        yield _head(event.ended_at, level, "check_failed", event) | {
            "asset": str(event.asset), "partitions": failed.partition, "model": event.model,
            "model_version": event.model_version, "status": "failed", "check": failed.check, "code": failed.code,
            "message": failed.summary,
        }  # fmt: skip


def _head(at: datetime, level: str, name: str, event: RunEvent) -> dict[str, Any]:
    time = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": time, "level": level, "event": name, "run": event.run_id, "command": event.command}


def _place(event: StepBegan | StepEnded) -> dict[str, Any]:
    return {"asset": str(event.asset), "partitions": span_of(event.partitions)}


def _seconds(began: datetime, ended: datetime) -> float:
    return round((ended - began).total_seconds(), 3)


def span_of(partitions: Sequence[str]) -> str:
    """The partitions of a step as the command line takes them: one key, or FIRST..LAST; empty for an unpartitioned one."""
    keys = sorted(key for key in partitions if key)
    return "" if not keys else keys[0] if len(keys) == 1 else f"{keys[0]}..{keys[-1]}"
