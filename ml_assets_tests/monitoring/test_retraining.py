"""A challenger is asked for once, trained once, and promoted by the gate alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ml_assets.monitoring.retraining_triggers import (
    LearntFrom,
    StoredFinding,
    age_state,
    decay_state,
    drift_state,
    labels_state,
)
from ml_assets.specs import RetrainSpec
from ml_assets.warehouse.names import TableName
from ml_assets_tests.monitoring.watched import MONITOR, Watched
from ml_assets_tests.tiny import TinyProject

RETRAINING = "monitoring.watch__retraining"
REQUESTS = (
    "select version, reasons, strftime(requested_at, '%Y-%m-%d') from wh.ops.retrain_requests order by requested_at"
)
BY_LABELS = MONITOR.replace("retrain: {when: []}", "retrain: {when: [labels], new_labels: 0.05}")
CHAMPION = "select version from wh.ops.aliases where alias = 'champion' order by moved_at desc, rowid desc limit 1"
SPEC = RetrainSpec()


def strict(project: TinyProject) -> None:
    """A gate that no second version of so few rows passes."""
    project.edit(
        "again",
        "gate: {better_than: []}",
        "gate: {better_than: [], rules: [{kind: beats, other: champion, significant: true}]}",
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Not to be changed: take a copy."""
    return Watched.create(tmp_path_factory.mktemp("asking") / "project", BY_LABELS, strict)


def test_nothing_is_asked_for_while_nothing_is_new(made: Watched) -> None:
    rows = made.query(f"select trigger, value, met, declared from wh.{RETRAINING} order by 1")

    assert [(row[0], row[2], row[3]) for row in rows] == [
        ("age", False, False), ("decay", False, False), ("drift", False, False), ("labels", False, True),
    ]  # fmt: skip
    assert made.query(REQUESTS) == []
    assert made.findings(RETRAINING, "requests_are_served")[""] == (
        "not_applicable",
        "no new version was ever asked for",
    )


def test_request_is_made_once_served_once_and_promoted_by_the_gate_alone(made: Watched, tmp_path: Path) -> None:
    watched = made.copied_to(tmp_path / "project")

    asked = watched.weeks_later(1)
    requests = watched.query(REQUESTS)
    served = watched.run()
    quiet = watched.run()

    # The week's labels make the monitor ask, at the end of the run; the model waits for the next one.
    assert "models.again" not in asked.written
    assert [(row[0], row[2]) for row in requests] == [(1, "2024-04-09")]
    assert requests[0][1].startswith("labels: 38 new outcomes")
    assert served.written["models.again"] == (1, 1)
    assert {"training.again", "evaluation.again", "models.again__champion"} <= served.written.keys()
    assert quiet.written == {}
    assert watched.query(REQUESTS) == requests
    because = json.loads(watched.query("select manifest from wh.models.again where version = 2")[0][0])["because"]
    assert because == f"asked for by monitor watch on 2024-04-09: {requests[0][1]}"
    # The gate was asked and said no, so the champion serves on.
    assert watched.query("select passed from wh.ops.verdicts where version = 2") == [(False,)]
    assert watched.query(CHAMPION) == [(1,)]
    assert watched.findings(RETRAINING, "requests_are_served")[""][0] == "passed"


def test_first_version_says_that_nobody_asked_for_it(made: Watched) -> None:
    manifest = json.loads(made.query("select manifest from wh.models.again where version = 1")[0][0])

    assert manifest["because"] == "training set never made"


def test_next_request_waits_for_its_distance_to_the_last(made: Watched, tmp_path: Path) -> None:
    watched = made.copied_to(tmp_path / "project")
    text = watched.project.declaration("watch").read_text(encoding="utf-8")
    watched.project.declare("watch", text.replace("new_labels: 0.05", "new_labels: 0.05, at_most_every: 10 days"))
    watched.weeks_later(1)
    watched.run()

    watched.weeks_later(2)
    early = len(watched.query(REQUESTS))
    watched.weeks_later(3)

    assert early == 1
    assert [row[2] for row in watched.query(REQUESTS)] == ["2024-04-09", "2024-04-23"]


def test_request_that_nobody_serves_is_found_after_a_week(made: Watched, tmp_path: Path) -> None:
    watched = made.copied_to(tmp_path / "project")
    watched.weeks_later(1)
    # Monitors go on, but nobody trains.
    for day, status in (("2024-04-15", "passed"), ("2024-04-17", "failed")):
        watched.project.home.replay_file.write_text(day, encoding="utf-8")
        watched.run(RETRAINING)
        found = watched.findings(RETRAINING, "requests_are_served")[""]
        assert found[0] == status, found
        assert "asked for by monitor watch on 2024-04-09" in found[1]
    assert len(watched.query(REQUESTS)) == 1


def test_monitor_without_triggers_asks_for_nothing(tmp_path: Path, made: Watched) -> None:
    watched = made.copied_to(tmp_path / "project")
    watched.project.declare("watch", MONITOR)

    watched.weeks_later(1)

    assert watched.query(REQUESTS) == []
    assert watched.query(f"select met, declared from wh.{RETRAINING} where trigger = 'labels'") == [(False, False)]


def drift(snapshot: str, check: str, status: str = "failed", effect: float | None = None) -> StoredFinding:
    evidence = [] if effect is None else [{"column": "spend", "effect": effect, "effect_unit": "log odds"}]
    return StoredFinding(snapshot, check, status, "PSI 0.3, threshold 0.1", evidence)


@pytest.mark.parametrize(
    ("findings", "value", "met"),
    [
        ([], None, None),
        ([drift("2024-02-12", "scores_have_not_drifted"), drift("2024-02-05", "scores_have_not_drifted")], 2, True),
        ([drift("2024-02-12", "scores_have_not_drifted"), drift("2024-02-05", "scores_have_not_drifted", "passed")], 1, False),
        ([drift("2024-02-12", "features_have_not_drifted", effect=0.02), drift("2024-02-05", "features_have_not_drifted", effect=0.02)], 0, False),
        ([drift("2024-02-12", "features_have_not_drifted", effect=-0.4), drift("2024-02-05", "features_have_not_drifted", effect=-0.3)], 2, True),
        ([drift("2024-02-12", "scores_have_not_drifted", "passed"), drift("2024-02-05", "scores_have_not_drifted")], 0, False),
    ],
    ids=["unjudged", "scores twice", "scores once", "small effect", "large effect", "over"],
)  # fmt: skip
def test_drift_counts_where_it_matters_and_stays(
    findings: list[StoredFinding], value: float | None, met: bool | None
) -> None:
    found = drift_state(SPEC, findings, snapshots=True)

    assert (found.value, found.met, found.limit) == (value, met, 2)


def test_checks_of_drift_are_read_by_names_that_they_have(made: Watched) -> None:
    drift_checks = {check.name for check in made.project.graph()[TableName("monitoring", "watch__drift")].checks}

    assert {"scores_have_not_drifted", "features_have_not_drifted"} <= drift_checks


def test_decay_counts_of_the_version_that_serves_alone() -> None:
    findings = [StoredFinding("2024-02-12", "x", "failed", "log_loss 0.6, promised 0.5", ())]

    assert decay_state(SPEC, findings, {"2024-02-12": 2}, serving=2).met is True
    other = decay_state(SPEC, findings, {"2024-02-12": 1}, serving=2)
    assert (other.met, other.said) == (None, "no outcomes of version 2 yet")


def test_age_and_labels_are_told_with_their_limits() -> None:
    now = datetime(2024, 6, 1, tzinfo=UTC)
    learnt = LearntFrom(3, now - timedelta(days=90), learnt=1000, new=499)

    age, labels = age_state(SPEC, learnt, now), labels_state(SPEC, learnt)

    assert (age.value, age.limit, age.met, age.said) == (90, 90, True, "version 3 was trained on 2024-03-03")
    assert (labels.value, labels.met) == (0.499, False)
    assert labels_state(SPEC, learnt._replace(new=500)).met is True
