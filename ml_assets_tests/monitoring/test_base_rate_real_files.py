"""Autumn 2011 in the real files, lived through week by week by a champion of 1 October: more customers come back than it says."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_assets.graph.compile import Graph, compile_graph
from ml_assets.graph.judge import judge_asset
from ml_assets.graph.project import load_project
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import EngineSettings, Warehouse
from ml_assets_tests.e2e.state import REAL_FILES, ROOT

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REAL_FILES.is_dir(), reason=f"the real files are not at {REAL_FILES}"),
]
TRAINED, LAST = datetime(2011, 10, 1, tzinfo=UTC), datetime(2011, 12, 10, tzinfo=UTC)
WEEKS = [datetime(2011, 10, 31, tzinfo=UTC) + timedelta(weeks=week) for week in range(4)]
HORIZON = timedelta(days=30)
PERFORMANCE = TableName.parse("monitoring.repeat_purchase__performance")
# A smaller model than the shop's, that nobody trains again, on the snapshots that its test and the projections need.
SMALLER = {
    "max_rounds: 320": "max_rounds: 60",
    "learning_rate: 0.03": "learning_rate: 0.15",
    "last: 41": "last: 22",
    "retrain: weekly": "retrain: manual",
    "test_snapshots: 6, validation_snapshots: 4": "test_snapshots: 4, validation_snapshots: 2",
    "sensitive: [country]": "draws: 100\n    search: false",
    "      - {columns: [country], values: [United Kingdom]}\n": "",
    "      - {columns: [tenure_days]}\n": "",
    "when: [drift, decay, age, labels]": "when: []",
}


@dataclass(frozen=True)
class Autumn:
    """What was said on each day: (day, snapshot, check) → status; and where it is written."""

    context: RunContext
    said: dict[tuple[str, str, str], str]

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.context.warehouse.reading() as bench:
            return bench.rows(sql)


def smaller_project(root: Path) -> Graph:
    shutil.copytree(ROOT / "ml_assets" / "defs" / "retail", root / "defs" / "retail")
    shutil.copytree(ROOT / "sql", root / "sql")
    documents = {path: path.read_text(encoding="utf-8") for path in (root / "defs").rglob("defs.yaml")}
    for old, new in SMALLER.items():
        assert sum(text.count(old) for text in documents.values()) >= 1, old
        documents = {path: text.replace(old, new) for path, text in documents.items()}
    for path, text in documents.items():
        path.write_text(text, encoding="utf-8")
    return compile_graph(load_project(root / "defs", root / "sql", root))


def make(graph: Graph, context: RunContext) -> None:
    """Everything up to performance, without judging it."""
    wanted = graph.upstream({PERFORMANCE})
    for asset in graph:
        if asset.name in wanted:
            asset.materialize(context, asset.partitions(context.now))


@pytest.fixture(scope="module")
def autumn(tmp_path_factory: pytest.TempPathFactory) -> Autumn:
    root = tmp_path_factory.mktemp("autumn")
    graph, home = smaller_project(root), Home(root / "state")
    landing = home.landing("retail")
    landing.mkdir(parents=True)
    for path in REAL_FILES.glob("*.csv"):
        (landing / path.name).symlink_to(path)
    warehouse = Warehouse(home.warehouse, home.scratch, EngineSettings(threads=2))
    context = RunContext(warehouse, home, root / "sql", TRAINED, "test", log=lambda _text: None)
    said: dict[tuple[str, str, str], str] = {}
    for now in (TRAINED, *WEEKS, LAST):
        at = replace(context, now=now)
        make(graph, at)
        asset = graph[PERFORMANCE]
        for finding in judge_asset(at, asset, asset.partitions(now)).findings:
            said[f"{now:%Y-%m-%d}", finding.partition, finding.check] = finding.status
    return Autumn(replace(context, now=LAST), said)


def in_hand(snapshot: str) -> str:
    """The day on which the labels of a snapshot are known."""
    return f"{datetime.fromisoformat(snapshot) + HORIZON:%Y-%m-%d}"


def test_base_rate_warning_fires_before_the_labels_of_these_weeks_are_in_hand(autumn: Autumn) -> None:
    """Weeks before the climb raise none, and the climb is told from the first two to four weeks of each window."""
    told: dict[str, str] = {}
    for (day, snapshot, check), status in sorted(autumn.said.items()):
        if check == "base_rate_is_as_scored" and status == "failed" and day < in_hand(snapshot):
            told.setdefault(snapshot, day)

    assert told == {
        "2011-10-17": "2011-11-14", "2011-10-24": "2011-11-21", "2011-10-31": "2011-11-21", "2011-11-07": "2011-11-21",
        "2011-11-14": "2011-12-10",
    }  # fmt: skip
    assert {snapshot: in_hand(snapshot) for snapshot in told} == {
        "2011-10-17": "2011-11-16", "2011-10-24": "2011-11-23", "2011-10-31": "2011-11-30", "2011-11-07": "2011-12-07",
        "2011-11-14": "2011-12-14",
    }  # fmt: skip


def test_projected_rate_was_near_what_came(autumn: Autumn) -> None:
    rows = autumn.query(
        "select p.snapshot, p.projected_low, o.projected, p.projected_high, o.mean_score from wh.monitoring.repeat_purchase__base_rate p "
        "join wh.monitoring.repeat_purchase__base_rate o on o.snapshot = p.snapshot and o.references is null "
        "where p.age_days = 21 and p.snapshot between timestamp '2011-10-03' and timestamp '2011-11-07' order by 1"
    )
    assert len(rows) == 6
    assert [low <= came <= high for _, low, came, high, _ in rows] == [True] * 6
    # What the scores say does not move.
    assert rows[-1][2] - rows[0][2] > 0.06 > 10 * abs(rows[-1][4] - rows[0][4])


def test_reconciliation_shows_the_error_of_the_estimate(autumn: Autumn) -> None:
    day = f"{LAST:%Y-%m-%d}"
    assert [autumn.said[day, key, "estimate_agrees_with_outcomes"] for key in ("2011-10-31", "2011-11-07")] == [
        "failed"
    ] * 2
    rows = autumn.query(
        "select observed - estimated, observed - adjusted from wh.monitoring.repeat_purchase__performance "
        "where slice = 'all' and metric = 'log_loss' and snapshot >= timestamp '2011-10-24' and observed is not null order by snapshot"
    )
    assert len(rows) == 3
    for plain, adjusted in rows:
        assert plain > 0.05
        assert abs(adjusted) < plain / 3


def test_loss_is_found_worse_than_promised_and_the_estimates_stay_on_record(autumn: Autumn) -> None:
    assert autumn.said[f"{LAST:%Y-%m-%d}", "2011-11-07", "performance_is_as_promised"] == "failed"
    rows = autumn.query(
        "select count(*), count(observed), count(estimated), count(promised), count(distinct model_version) "
        "from wh.monitoring.repeat_purchase__performance where slice = 'all' and metric = 'log_loss' and snapshot >= timestamp '2011-10-03'"
    )
    assert rows == [(10, 6, 10, 10, 1)]
