"""The report: one self-contained page a version."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from ml_assets.specs.models import ModelSpec
from ml_assets.training.versions import ModelVersion


@dataclass(frozen=True)
class ReportFacts:
    """Everything the page says. `values` are rows of the evaluation table."""

    spec: ModelSpec
    version: ModelVersion
    scored: pa.Table
    values: Sequence[Sequence[Any]]
    made_at: datetime

    @classmethod
    def of(cls, spec: ModelSpec, version: ModelVersion, scored: pa.Table, values: Sequence[Sequence[Any]], made_at: datetime) -> ReportFacts:
        return cls(spec, version, scored, values, made_at)


def write_report(folder: Path, version: ModelVersion, page: str) -> Path:
    """`<folder>/<model>/<version>.html`, written whole or not at all."""
    path = folder / version.model / f"{version.version}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)
    return path


def render_report(facts: ReportFacts) -> str:
    """The page as HTML."""
    rows = "".join(
        f"<tr><td>{html.escape(str(e))}</td><td>{m}</td><td>{v}</td></tr>"
        for _, e, part, snapshot, m, v, _, _ in facts.values if part == "test" and snapshot is None
    )  # fmt: skip
    return f"<!doctype html><title>{facts.version}</title><h1>{facts.version}</h1><table>{rows}</table>"
