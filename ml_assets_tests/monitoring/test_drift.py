"""The reference that is kept with each version, drift against it snapshot by snapshot, and the checks that name it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

from ml_assets.graph.judge import judge_asset
from ml_assets.monitoring.drift import DriftAsset
from ml_assets.monitoring.effects import mean_by_bin, movement
from ml_assets.monitoring.reference import ReferenceAsset
from ml_assets.monitoring.sketch import Sketch
from ml_assets.specs import MonitorSpec
from ml_assets.training.matrix import arrow_rows
from ml_assets.training.versions import load_version
from ml_assets.warehouse.names import TableName
from ml_assets_tests.builders import instant
from ml_assets_tests.docs.reader import DOCS, texts
from ml_assets_tests.training.world import World

CUSTOMERS = 300


JUDGED = {"draws": 100, "seeds": 0, "search": False}


class WatchedWorld(World):
    """A world with reference and drift assets and a quick evaluation."""

    def __init__(self, root: Path, customers: int = CUSTOMERS, **model: Any) -> None:
        super().__init__(root, customers=customers, evaluation=JUDGED, **model)

    @property
    def reference(self) -> ReferenceAsset:
        return ReferenceAsset(self.spec, self.sets, "model.yaml:1", "test")

    def drift(self, **changes: Any) -> DriftAsset:
        spec = MonitorSpec.model_validate({"name": "watch", "scores": "again", **changes})
        return DriftAsset(spec, self.scores(), TableName("labels", "again"), "watch.yaml:1", "test")

    def scores(self, **changes: Any) -> Any:
        return super().scores(**{"snapshots": {"every": "week", "last": 6}, **changes})

    def watch(self) -> None:
        """From the given tables to drift, nothing trained anew."""
        self.give()
        for asset in (self.scores(), self.reference, self.drift()):
            self.lab.run(asset)

    def rows(self, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        return self.lab.rows(f"select {columns} from wh.monitoring.watch__drift where {where} order by all")


@cache
def _watched_home() -> Path:
    folder = TemporaryDirectory(prefix="watched_world_")
    _KEPT.append(folder)
    world = WatchedWorld(Path(folder.name))
    world.train()
    world.watch()
    return Path(folder.name)


_KEPT: list[TemporaryDirectory[str]] = []


@pytest.fixture
def world(tmp_path: Path) -> WatchedWorld:
    """Drift of the last six snapshots of an undisturbed world."""
    shutil.copytree(_watched_home(), tmp_path, dirs_exist_ok=True)
    return WatchedWorld(tmp_path)


def changed(world: WatchedWorld, key: str, change: Callable[[list[Any]], list[Any]]) -> None:
    """Change every feature row of one snapshot, and score and judge again."""
    world.kept[key] = [(tuple(change(list(row))), label) for row, label in world.kept[key]]
    world.watch()


def test_the_reference_holds_the_test_rows_of_each_version(world: WatchedWorld) -> None:
    [(test_rows, missing)] = world.lab.rows(
        "select count(*), count(*) filter (where spend is null) from wh.training.again where part = 'test'"
    )
    found = world.lab.rows(
        "select role, column_name, kind, rows, missing, reference_snapshots, len(history_snapshots) from wh.models.again__reference order by all"
    )
    assert found == [
        ("feature", "channel", "category", test_rows, 0, 2, 12),
        ("feature", "loyal", "category", test_rows, 0, 2, 12),
        ("feature", "orders", "number", test_rows, 0, 2, 12),
        ("feature", "spend", "number", test_rows, missing, 2, 12),
        ("label", "label", "category", test_rows, 0, 2, 12),
        ("score", "score", "number", test_rows, 0, 2, 12),
    ]


def test_the_score_of_the_reference_is_what_the_version_says_of_its_test_rows(world: WatchedWorld) -> None:
    with world.lab.warehouse.reading() as bench:
        package = load_version(bench, "again", 1).package
        rows = arrow_rows(bench, "select * from wh.training.again where part = 'test'")
    said = package.predict(package.encode(rows)[0])
    [found] = world.lab.rows("select mean, std, low, high from wh.models.again__reference where role = 'score'")

    np.testing.assert_allclose(found, [said.mean(), said.std(), said.min(), said.max()])


def test_an_older_versions_reference_is_kept(world: WatchedWorld) -> None:
    before = world.lab.rows("select * from wh.models.again__reference order by all")
    world.lab.now = instant("2011-04-19")
    world.train()
    world.watch()

    assert world.lab.rows("select * from wh.models.again__reference where version = 1 order by all") == before
    assert world.lab.rows("select distinct version from wh.models.again__reference order by 1") == [(1,), (2,)]


def test_what_has_not_changed_is_not_made_again(world: WatchedWorld) -> None:
    assert not any(world.lab.run(asset).changed for asset in (world.reference, world.drift()))


def test_an_undisturbed_world_has_no_drift(world: WatchedWorld) -> None:
    assert world.rows("column_name, flags", "flagged") == []
    found = world.judge(world.drift())
    assert {name: finding.status for name, finding in found.items()} == {
        "features_have_not_drifted": "passed", "scores_have_not_drifted": "passed", "labels_have_not_drifted": "not_applicable",
        "missing_shares_have_not_moved": "passed", "categories_are_known": "passed",
    }  # fmt: skip
    assert found["labels_have_not_drifted"].summary == "outcomes are not known yet"
    features = found["features_have_not_drifted"]
    assert features.summary.startswith("all 4 within their thresholds, ")
    assert 0 < float(features.numbers["largest_in_thresholds"] or 0) < 1


def test_a_shifted_feature_is_named_with_what_it_does_to_the_score(world: WatchedWorld) -> None:
    changed(world, "2011-04-04", lambda row: [row[0], row[1] + 2, *row[2:]])

    assert world.rows("snapshot::date::varchar, column_name", "flagged and role = 'feature'") == [
        ("2011-04-04", "orders")
    ]
    [(effect, unit, rank, now, before)] = world.rows(
        "effect, effect_unit, rank, mean, reference_mean",
        "snapshot = timestamp '2011-04-04' and column_name = 'orders'",
    )
    assert (effect > 0.3, unit, rank) == (True, "log odds", 1)
    assert now - before == pytest.approx(2, abs=0.3)
    finding = world.judge(world.drift())["features_have_not_drifted"]
    assert finding.status == "failed"
    assert finding.summary.startswith("1 of 4, by effect on the score: orders: ")
    assert "moves the score by +" in finding.summary
    assert finding.numbers["drifted"] == 1
    assert {row["measure"] for row in finding.evidence} <= {"psi", "ks", "js", "wasserstein"}
    assert world.judge(world.drift())["scores_have_not_drifted"].status == "failed"


def test_earlier_snapshots_keep_their_own_findings(world: WatchedWorld) -> None:
    changed(world, "2011-03-28", lambda row: [row[0], row[1] + 3, *row[2:]])
    judged = judge_asset(world.lab.context(), world.drift(), world.drift().partitions(world.lab.now))
    features = [one for one in judged.findings if one.check == "features_have_not_drifted"]
    assert {one.partition: one.status for one in features} == {
        "2011-02-28": "passed", "2011-03-07": "passed", "2011-03-14": "passed", "2011-03-21": "passed",
        "2011-03-28": "failed", "2011-04-04": "passed",
    }  # fmt: skip


def test_missing_values_are_a_finding_of_their_own(world: WatchedWorld) -> None:
    changed(world, "2011-04-04", lambda row: [*row[:2], None if row[0] % 2 else row[2], *row[3:]])
    found = world.judge(world.drift())

    assert found["missing_shares_have_not_moved"].status == "failed"
    assert found["missing_shares_have_not_moved"].summary.startswith(
        "1 of 4, by effect on the score: spend: missing share moved by 0.4"
    )
    assert found["features_have_not_drifted"].status == "passed"


def test_new_categories_are_named(world: WatchedWorld) -> None:
    changed(world, "2011-04-04", lambda row: [*row[:4], "kiosk" if row[0] % 5 == 0 else row[4]])
    found = world.judge(world.drift())

    assert found["categories_are_known"].status == "failed"
    assert "channel: share of new categories 0.2" in found["categories_are_known"].summary
    assert "(kiosk)" in found["categories_are_known"].summary


def test_labels_are_judged_once_they_are_known(world: WatchedWorld) -> None:
    known = world.rows("snapshot::date::varchar, rows", "role = 'label'")
    assert known == [(key, CUSTOMERS) for key in ("2011-02-28", "2011-03-07", "2011-03-14", "2011-03-21")]
    world.kept["2011-03-28"] = [(row, 1) for row, _ in world.kept["2011-03-28"]]
    world.lab.now = instant("2011-04-12")
    world.watch()

    assert world.rows("snapshot::date::varchar, flags", "role = 'label' and flagged") == [
        ("2011-03-28", ["js", "chi2"])
    ]


def test_scores_are_held_against_the_version_that_made_them(world: WatchedWorld) -> None:
    world.lab.now = instant("2011-04-19")
    world.train(retrain=True)
    world.watch()

    assert world.rows("distinct snapshot::date::varchar, model_version", "snapshot >= timestamp '2011-03-14'") == [
        ("2011-03-14", 1), ("2011-03-21", 1), ("2011-03-28", 1), ("2011-04-04", 1), ("2011-04-11", 2), ("2011-04-18", 2),
    ]  # fmt: skip


def test_scores_of_a_version_without_reference_are_left_out(world: WatchedWorld) -> None:
    world.lab.alter("delete from wh.models.again__reference")
    with world.lab.warehouse.reading() as bench:
        assert world.drift().inputs(bench, world.lab.context(), ["2011-04-04"]) == {}


def test_personal_features_are_not_sketched(tmp_path: Path) -> None:
    world = WatchedWorld(tmp_path, customers=40)
    world.columns = {**world.columns, "channel": {"type": "string", "pii": True}}
    world.train()
    reference = world.reference
    reference.personal = frozenset({"spend"})
    world.lab.run(reference)

    assert world.lab.rows("select column_name from wh.models.again__reference where role = 'feature' order by 1") == [
        ("loyal",),
        ("orders",),
    ]


def test_a_model_without_trees_ranks_by_importance_and_distance(tmp_path: Path) -> None:
    estimator = {"kind": "sklearn", "path": "sklearn.linear_model.LogisticRegression"}
    world = WatchedWorld(tmp_path, customers=40, estimator=estimator, exclude=("channel",))
    world.train()
    world.watch()

    rows = world.lab.rows(
        "select column_name, importance >= 0, len(bin_effects) from wh.models.again__reference where role = 'feature' order by 1"
    )
    assert rows == [("loyal", True, 0), ("orders", True, 0), ("spend", True, 0)]
    assert world.rows("distinct effect_unit", "role = 'feature'") == [("importance x distance",)]


def test_what_is_new_is_on_the_monitors_page(world: WatchedWorld) -> None:
    page = world.lab.home.reports / "monitoring" / "watch.html"
    page.unlink(missing_ok=True)
    assert not world.lab.run(world.drift()).changed
    assert not page.exists()
    changed(world, "2011-04-04", lambda row: [row[0], row[1] + 2, *row[2:]])

    assert "columns have drifted: <code>orders</code> (moves the mean score by +" in page.read_text(encoding="utf-8")


def test_the_queries_of_the_page_run(world: WatchedWorld) -> None:
    queries = texts(DOCS / "monitoring" / "drift.md", "sql")
    here = [
        query.rstrip().rstrip(";").replace("monitoring.repeat_purchase__drift", "wh.monitoring.watch__drift")
        .replace("models.repeat_purchase__reference", "wh.models.again__reference")
        for query in queries
    ]  # fmt: skip
    assert [len(world.lab.rows(query)) for query in here] == [0, 4, 4]


def test_movement_is_the_change_of_the_mean_contribution() -> None:
    place = np.array([0, 0, 1, 2, 2, 3])
    contributions = np.array([1.0, 3.0, 0.0, -1.0, -3.0, 5.0])
    effects = mean_by_bin(place, contributions, 3)
    before = Sketch(6, 1, np.array([2, 1, 2]))
    now = Sketch(6, 2, np.array([0, 4, 0]))

    assert effects == (2.0, 0.0, -2.0, 5.0)
    assert movement(before, before, effects) == 0
    assert movement(before, now, effects) == pytest.approx(5 / 6)


def test_a_bin_without_rows_takes_its_neighbours_contribution() -> None:
    assert mean_by_bin(np.array([1, 1, 3]), np.array([2.0, 4.0, 9.0]), 5) == (3.0, 3.0, 3.0, 9.0, 9.0, 5.0)
