"""Scores held against what happened: which rows there are, what they say, and when a snapshot is made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ml_assets.evaluation.catalogue import TASK_METRICS
from ml_assets.evaluation.metrics import measure
from ml_assets_tests.monitoring.watched import Watched

PERFORMANCE = "monitoring.watch__performance"
TABLE = f"wh.{PERFORMANCE}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Not to be changed: take a copy."""
    return Watched.create(tmp_path_factory.mktemp("watched") / "project")


def test_every_snapshot_of_the_scores_has_every_metric_of_every_slice(made: Watched) -> None:
    names = {info.name for info in TASK_METRICS["binary"]} | {"positive_rate"}
    rows = made.query(
        f"select strftime(snapshot, '%Y-%m-%d'), slice, list(metric order by metric), max(rows) from {TABLE} group by all order by all"
    )

    assert {row[0] for row in rows} == {"2024-03-11", "2024-03-18", "2024-03-25", "2024-04-01"}
    assert {"all", "orders_28d < 2", "orders_28d >= 2"} < {row[1] for row in rows}
    assert all(set(row[2]) == names for row in rows)
    by_slice = {(row[0], row[1]): row[3] for row in rows}
    for key in {row[0] for row in rows}:
        assert by_slice[key, "orders_28d < 2"] + by_slice[key, "orders_28d >= 2"] == by_slice[key, "all"]


def test_observed_value_is_the_metric_of_scores_joined_with_outcomes(made: Watched) -> None:
    joined = made.query(
        "select s.score, l.label from wh.scores.again s join wh.labels.again l on l.snapshot = s.snapshot and l.customer_id = s.customer_id "
        "where s.snapshot = timestamp '2024-03-18'"
    )
    score, label = (np.array(column, dtype=np.float64) for column in zip(*joined, strict=True))
    truth = measure("binary", label, score)
    stored = dict(
        made.query(f"select metric, observed from {TABLE} where slice = 'all' and snapshot = timestamp '2024-03-18'")
    )

    assert stored["positive_rate"] == pytest.approx(label.mean())
    for name, value in truth.items():
        assert stored[name] == (pytest.approx(value) if np.isfinite(value) else None), name


def test_promise_is_what_the_evaluation_of_the_scoring_version_says(made: Watched) -> None:
    promised = made.query(
        "select metric, value, low, high from wh.evaluation.again where estimator = 'candidate' and part = 'test' and snapshot is null and version = 1 order by 1"
    )
    stored = made.query(
        f"select distinct metric, promised, promised_low, promised_high from {TABLE} where slice = 'all' and metric <> 'positive_rate' and model_version = 1 order by 1"
    )

    assert stored == promised


def test_equally_filled_bins_stay_where_the_evaluation_cut_them(made: Watched) -> None:
    promised = {
        row[0] for row in made.query("select distinct slice from wh.evaluation.again__slices where kind = 'declared'")
    }
    by_snapshot = made.query(
        f"select list(distinct slice order by slice) from {TABLE} where slice like 'spend%' group by snapshot"
    )

    assert len(promised) == 2
    assert [set(row[0]) for row in by_snapshot] == [promised] * 4


def test_slice_without_a_promise_says_so(made: Watched) -> None:
    rows = made.query(
        f"select distinct promised, reason from {TABLE} where slice = 'orders_28d < 2' and metric = 'roc_auc' and observed is not null"
    )

    assert {row[0] for row in rows} == {None}
    assert "the evaluation of version 1 has no roc_auc of this slice orders_28d < 2" in rows[0][1]


def test_open_snapshot_has_an_estimate_and_the_day_on_which_outcomes_are_known(made: Watched) -> None:
    rows = made.query(
        f"select matured, observed, estimated is not null, reason from {TABLE} where slice = 'all' and metric = 'log_loss' and snapshot = timestamp '2024-04-01'"
    )

    assert rows[0][:3] == (0, None, True)
    assert "observed: outcomes are known on 2024-04-08" in rows[0][3]
    found = made.findings(PERFORMANCE, "performance_is_as_promised")["2024-04-01"]
    assert found[0] == "not_applicable"
    assert "2024-04-08" in found[1]


def test_second_run_finds_nothing_to_do(made: Watched) -> None:
    assert made.run().written == {}


def test_maturing_changes_exactly_the_matured_snapshot(made: Watched, tmp_path: Path) -> None:
    watched = made.copied_to(tmp_path / "project")
    estimate = (
        f"select metric, estimated from {TABLE} where slice = 'all' and snapshot = timestamp '2024-04-01' order by 1"
    )
    before, told = watched.project.batches(), watched.query(estimate)

    watched.weeks_later(1)

    after = watched.project.batches()
    changed = {
        key for (asset, key), batch in after.items() if asset == PERFORMANCE and before.get((asset, key)) != batch
    }
    assert changed == {"2024-04-01", "2024-04-08"}
    assert watched.query(f"select distinct matured = rows from {TABLE} where snapshot = timestamp '2024-04-01'") == [
        (True,)
    ]
    # What was estimated stands beside what came.
    assert watched.query(estimate) == told
    assert watched.findings(PERFORMANCE, "estimate_agrees_with_outcomes")["2024-04-01"][0] in ("passed", "failed")


def test_scores_that_mean_nothing_any_more_are_found(made: Watched, tmp_path: Path) -> None:
    """Everybody comes back, whatever the score says: base rate, promise and estimate all fail, and say by how much."""
    watched = made.copied_to(tmp_path / "project")
    watched.project.declare(
        "watch",
        watched.project.declaration("watch")
        .read_text(encoding="utf-8")
        .replace("  retrain", "  false_alarms: {at_most: 6, per: month}\n  retrain"),
    )
    orders = "".join(f"{90_000 + customer},{customer},2024-04-02 12:00:00,5.0\n" for customer in range(1, 41))

    watched.weeks_later(1, orders)

    for check in ("base_rate_is_as_scored", "performance_is_as_promised", "estimate_agrees_with_outcomes"):
        status, said = watched.findings(PERFORMANCE, check)["2024-04-01"]
        assert status == "failed", (check, said)
    assert watched.query("select met, declared from wh.monitoring.watch__retraining where trigger = 'decay'") == [
        (True, False)
    ]
    assert "observed 1.000" in watched.findings(PERFORMANCE, "base_rate_is_as_scored")["2024-04-01"][1]


def test_facts_say_the_decision_and_show_it(made: Watched) -> None:
    facts = made.query(
        "select facts from wh.ops.steps where asset = 'monitoring.watch__performance' and status = 'made' order by started_at limit 1"
    )[0][0]

    assert '"roc_auc_newest": "2024-04-01, version 1, 38 rows: promised' in facts
    assert '"roc_auc_newest_with_outcomes": "2024-03-25' in facts
    assert "data:image/svg+xml;base64," in facts


def test_page_of_the_monitor_shows_observed_and_open_snapshots(made: Watched) -> None:
    page = (made.project.home.reports / "monitoring" / "watch.html").read_text(encoding="utf-8")

    assert "<h2>Performance</h2>" in page
    assert "<h2>Base rate</h2>" in page
    assert "2024-04-01" in page.partition("<h2>Base rate</h2>")[2]
    assert 'href="http' not in page
