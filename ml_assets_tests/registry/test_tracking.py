"""Every training run as one row of parameters, metrics, timings, hashes and standing."""

from __future__ import annotations

from pathlib import Path

from ml_assets.registry.facts import Metric
from ml_assets.registry.tracking import TrainingRun, parameters_divided, runs_of
from ml_assets_tests.registry.people import SMALLER, person, refused_successor, two_champions
from ml_assets_tests.training.world import World


def runs(world: World) -> list[TrainingRun]:
    with world.lab.warehouse.reading() as bench:
        return runs_of(bench, "again")


def test_runs_are_newest_first_with_their_standing(tmp_path: Path) -> None:
    world = two_champions(tmp_path)
    person(world).pin(1)

    assert [(run.version, run.gate, run.aliases) for run in runs(world)] == [
        (2, "passed", ("champion",)), (1, "passed", ("pinned",)),
    ]  # fmt: skip


def test_refused_run_says_why(tmp_path: Path) -> None:
    newest, first = runs(refused_successor(tmp_path))

    assert (newest.gate, newest.aliases, first.aliases) == ("refused", (), ("champion",))
    assert newest.gate_reasons


def test_run_holds_what_its_manifest_and_evaluation_hold(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    [run] = runs(world)
    stored = dict(
        world.lab.rows(
            "select metric, value from wh.evaluation.again where estimator = 'candidate' and part = 'test' and snapshot is null"
        )
    )
    assert {name: found.value for name, found in run.metrics.items()} == stored
    assert "roc_auc" in run.metrics
    assert [(run.version, run.package_sha256)] == world.versions()
    assert run.parameters["max_rounds"] == run.parameters["found.rounds"] == "12"
    assert run.parameters["parameters.learning_rate"] == "0.2"
    assert run.parameters["split.test_snapshots"] == "2"
    assert run.parameters["found.rows_trained_on"] == "360"
    assert {"whole", "cpu", "candidate", "baselines"} == set(run.timings)
    assert set(run.data) == {"features.habits", "labels.again", "training.again"}
    assert set(run.files) > {"candidate.json", "linear.json"}
    assert len(run.archive or "") == 64
    assert run.trained_at == world.lab.now


def test_metrics_have_intervals_where_stored_and_none_where_not_defined(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    with world.lab.warehouse.committing() as bench:
        for name in {"low", "high"} - set(bench.columns("wh.evaluation.again")):
            bench.execute(f"alter table wh.evaluation.again add column {name} double")
        bench.execute("update wh.evaluation.again set value = 'nan', low = null, high = null where metric = 'log_loss'")
        bench.execute("update wh.evaluation.again set value = 0.7, low = 0.6, high = 0.8 where metric = 'roc_auc'")
    [run] = runs(world)

    assert run.metrics["roc_auc"] == Metric(0.7, 0.6, 0.8)
    assert run.metrics["log_loss"] == Metric(None, None, None)


def test_run_that_is_not_evaluated_has_no_metrics_and_no_verdict(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    later = World(tmp_path, estimator=SMALLER)
    for asset in (later.training, later.model):
        later.lab.run(asset)
    newest, first = runs(world)

    assert (newest.version, dict(newest.metrics), newest.gate) == (2, {}, "not judged")
    assert first.metrics


def test_model_that_was_never_trained_has_no_runs(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.give()
    assert runs(world) == []
    assert parameters_divided([]) == ({}, [])


def test_parameters_that_differ_are_told_from_those_in_common(tmp_path: Path) -> None:
    found = runs(two_champions(tmp_path))
    common, differing = parameters_divided(found)

    assert {"max_rounds", "found.rounds", "parameters.num_leaves"} <= set(differing)
    assert common["seed"] == "7"
    assert not set(common) & set(differing)
    assert parameters_divided(found[:1])[1] == []
