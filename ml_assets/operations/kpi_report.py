"""The indicators as they are now, beside those of the window before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from ml_assets.graph.compile import Graph
from ml_assets.graph.production import declared
from ml_assets.monitoring.kpi_catalogue import CATALOGUE, NOW, KpiDefinition
from ml_assets.monitoring.kpi_facts import own_table, read_facts, window_of
from ml_assets.monitoring.kpi_page import StoredKpi, stored_kpis
from ml_assets.monitoring.kpi_words import change_in_words
from ml_assets.monitoring.kpis import NOTHING_ASKED, Kpi, Window, computed_kpis
from ml_assets.specs.monitors import OperationsSpec
from ml_assets.warehouse.asset import RunContext


@dataclass(frozen=True)
class KpiLine:
    """One indicator: what it means, its value, and its value before (None where that is not known)."""

    definition: KpiDefinition
    now: Kpi
    before: float | None

    @property
    def change(self) -> str:
        return change_in_words(self.now.value, self.before, self.now.unit)

    @property
    def is_better(self) -> bool | None:
        """Whether the change is a good one; None where nothing changed, or neither way is good."""
        if self.now.value is None or self.before is None or self.now.value == self.before:
            return None
        rose = self.now.value > self.before
        return None if self.definition.better is None else rose == (self.definition.better == "higher")

    def to_json(self) -> dict[str, Any]:
        return self.now._asdict() | {
            "before": self.before,
            **{k: v for k, v in asdict(self.definition).items() if k != "unit"},
        }


@dataclass(frozen=True)
class KpiReport:
    """Every indicator of the catalogue, in its order, over a window that ends now."""

    span: str
    window: Window
    now: datetime
    lines: tuple[KpiLine, ...]
    history: tuple[StoredKpi, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "now": self.now, "window": self.span, "since": self.window.since, "indicators": [line.to_json() for line in self.lines],
            "history": [row._asdict() for row in self.history],
        }  # fmt: skip


def kpi_report(context: RunContext, graph: Graph, span: str | None = None) -> KpiReport:
    """The indicators computed from the books as they are now; writes nothing.

    `span` is the length of the window; default is the declared one, else that of a declaration without fields. Those that are
    about now are compared with the newest stored row that is at least one window old.
    """
    spec = graph.operations or OperationsSpec(name="operations")
    if span is not None:
        spec = spec.model_copy(update={"window": span})
    window = window_of(spec, context.now)
    known = declared(graph.assets, graph.project)
    past = replace(known, production=(), documented=NOTHING_ASKED)
    with context.warehouse.reading() as bench:
        now = computed_kpis(read_facts(bench, spec, known, window, context.now))
        before = computed_kpis(read_facts(bench, spec, past, window.before, context.now))
        history = stored_kpis(bench, own_table(spec))
    kept = _kept_before(history, window)
    lines = [
        KpiLine(
            definition,
            kpi,
            kept.get(kpi.name) if definition.over == NOW else old.value if old.unit == kpi.unit else None,
        )
        for definition, kpi, old in zip(CATALOGUE, now, before, strict=True)
    ]
    return KpiReport(spec.window, window, context.now, tuple(lines), tuple(history))


def _kept_before(history: list[StoredKpi], window: Window) -> Mapping[str, float | None]:
    """Indicator → its value on the newest stored day before the window."""
    return {row.indicator: row.value for row in history if row.day <= window.since.date()}
