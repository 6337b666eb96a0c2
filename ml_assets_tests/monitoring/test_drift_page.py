"""The page and the pictures of drift: what drifted stands first, with its numbers; nothing is fetched."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from ml_assets.monitoring.drift_page import DriftFacts, drift_sections
from ml_assets.monitoring.drift_pictures import histogram_picture
from ml_assets.monitoring.drift_rows import judged_rows
from ml_assets.monitoring.monitor_page import render_page
from ml_assets.monitoring.performance_page import performance_sections
from ml_assets.monitoring.sketch import CategoryBins, NumberBins, Sketch
from ml_assets.monitoring.thresholds import ColumnJudge
from ml_assets.specs import MonitorSpec
from ml_assets_tests.monitoring.simulated_columns import Population

WEEKS = [datetime(2021, 1, day) for day in (4, 11, 18)]


def facts(shift: float) -> DriftFacts:
    """Three weeks of two columns, of which one has moved in the last."""
    population = Population(rows=3000)
    still, still_counts = population.column(1, 3)
    moved, moved_counts = population.column(2, 3, shift)
    judges = {column.watched.key: ColumnJudge(column, 1e-4) for column in (still, moved)}
    rows: list[dict[str, Any]] = []
    for place, moment in enumerate(WEEKS):
        current = {
            column.watched.key: Sketch(3000, 0, counts[place], 3000).with_moments(0.0, 1.0, -3.0, 3.0)
            for column, counts in ((still, still_counts), (moved, moved_counts))
        }
        rows += [row._asdict() for row in judged_rows(moment, 1, 5, judges, current)]
    spec = MonitorSpec(name="watch", scores="again", description="Whether <scores> hold.")
    return DriftFacts(spec, "scores.again", rows, [still, moved])


def test_the_page_names_what_drifted_and_draws_it() -> None:
    told = facts(0.5)
    html = render_page(told.spec, drift_sections(told))

    assert "1 of 2 columns have drifted: <code>c2</code>." in html
    assert [title.split(":")[0] for _, title in told.pictures()] == ["c2"]
    assert html.count("<svg") == 2
    assert html.count("2021-01-18") >= 2
    assert "Whether &lt;scores&gt; hold." in html
    assert "at most 1 false alarms a year" in html


def test_the_page_stands_alone_in_light_and_dark() -> None:
    told = facts(0.5)
    html = render_page(told.spec, drift_sections(told))

    assert not re.findall(r"(?:src|href)\s*=|<script|@import|url\(", html)
    assert "prefers-color-scheme:dark" in html
    assert html == render_page(told.spec, drift_sections(facts(0.5)))


def test_a_page_without_drift_says_so() -> None:
    html = render_page(facts(0).spec, drift_sections(facts(0)))
    assert "None of 2 columns has drifted." in html
    assert "Nothing, in any snapshot that is kept." in html


def test_a_page_without_rows_says_so() -> None:
    empty = DriftFacts(MonitorSpec(name="watch", scores="again"), "scores.again", [], [])
    assert "There are no rows to judge yet." in render_page(empty.spec, drift_sections(empty))


@pytest.mark.parametrize(
    ("bins", "counts", "now", "words"),
    [
        (NumberBins((0.0, 1.0)), [0, 10, 0], [1, 5, 4], ["up to 0: 9.09% now", "above 1: 36.36% now", "missing: 9.09% now"]),
        (CategoryBins(("a", "<b>")), [6, 4, 0], [2, 7, 1], ["&lt;b&gt;: 63.64% now", "other: 9.09% now"]),
        (CategoryBins(tuple(f"k{n}" for n in range(30))), [2] * 31, [3] * 31, ["k0: 3.17% reference"]),
        (NumberBins(()), [0], [0], ["missing: 100.00% now"]),
    ],
    ids=["number", "category", "many categories", "nothing but missing"],
)  # fmt: skip
def test_a_histogram_shows_both_sides_of_each_bin(
    bins: Any, counts: list[int], now: list[int], words: list[str]
) -> None:
    reference = Sketch(sum(counts) + 1, 1, np.array(counts))
    svg = histogram_picture("c", bins, reference, now, 1).svg()
    assert [word for word in words if word not in svg] == []


def measured(week: int, observed: float | None) -> dict[str, Any]:
    """One metric of one week as the table of performance holds it."""
    values = {"observed": observed, "promised": 0.75, "estimated": 0.76, "adjusted": None}
    bounds = {
        f"{kind}_{end}": None if value is None else value + move
        for kind, value in values.items()
        for end, move in (("low", -0.01), ("high", 0.01))
    }
    return {"snapshot": WEEKS[week], "slice": "all", "metric": "roc_auc", "rows": 3000, "matured": 0 if observed is None else 3000, **values, **bounds}  # fmt: skip


def test_performance_stands_beside_what_was_promised() -> None:
    [title, section] = performance_sections([measured(0, 0.7), measured(1, 0.71), measured(2, None)], "binary")

    assert title == "<h2>Performance</h2>"
    assert section.count("<svg") == 1
    assert "2021-01-11 observed: 0.71" in section
    assert "2021-01-18 observed" not in section
    assert '0.7<span class="range">0.69 to 0.71</span>' in section


def test_without_measured_performance_there_is_no_such_section() -> None:
    assert performance_sections([], "binary") == []
    assert performance_sections([{**measured(0, 0.7), "slice": "city = Ulm"}], "binary") == []
