"""Understandings made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_assets.onboarding.understanding import ColumnFacts, TableFacts, Understanding
from ml_assets.specs.tables import CsvFormat

ROWS = 5_000


def column(name: str, kind: str = "float", **more: Any) -> ColumnFacts:
    """A column of the usual kind: never missing, from 0 to 95, all values different."""
    header = more.pop("header", name)
    bounds = {"low": 0.0, "high": 95.0} if kind in ("float", "integer", "decimal") else {}
    usual: dict[str, Any] = {"rows": ROWS, "missing": 0, "distinct": ROWS} | bounds
    return ColumnFacts(header, name, kind, **(usual | more))  # type: ignore[arg-type]


def table(name: str, *columns: ColumnFacts, **more: Any) -> TableFacts:
    """A table of one CSV file."""
    return TableFacts(name, (Path(f"/data/{name}.csv"),), CsvFormat(), columns, ROWS, **more)


def flat(*columns: ColumnFacts, name: str = "churn", **more: Any) -> Understanding:
    """One table of examples with the outcome `target`."""
    target = more.pop("target_column", column("target", "string", values=("no", "yes"), distinct=2))
    usual: dict[str, Any] = {"positive": "yes"} if more.get("task", "binary") == "binary" else {}
    given = {"task": "binary", "target": "target", **usual, **more}
    main = table("customers", *columns, target, event_time=more.get("time"))
    return Understanding(name, "flat", tables=(main,), main="customers", **given)


def event_log(first: str, last: str, *columns: ColumnFacts, **more: Any) -> Understanding:
    """A log of events between two days."""
    who, when = (
        column("who", "integer", distinct=400),
        column("at", "timestamp", low=f"{first} 00:00:00", high=f"{last} 23:00:00"),
    )
    main = table("events", who, when, *columns, event_time="at")
    given = {"task": "binary", "target": None, "entity": "who", "time": "at", **more}
    return Understanding("again", "event_log", tables=(main,), main="events", **given)
