"""A version made again: equal to the last byte, or different with the cause named; and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import NotMaterializedError, PackageError, RegistryError
from ml_assets.registry.replay import ReplayReport, first_difference, repeatable, replay_version
from ml_assets.training.archive import archive_path
from ml_assets_tests.training.world import World

MISSING = "training rows of again are not there"
TRIALS = {"num_leaves": {"low": 2, "high": 8, "whole": True}}


def changed(world: World, change: Callable[[dict[str, Any]], object]) -> None:
    """Store version 1's manifest with a change made to it."""
    with world.lab.warehouse.committing() as bench:
        manifest = json.loads(bench.value("select manifest from wh.models.again where version = 1"))
        change(manifest)
        bench.execute("update wh.models.again set manifest = ? where version = 1", [json.dumps(manifest)])


def replayed(world: World) -> ReplayReport:
    return replay_version(world.lab.context(), world.spec, 1)


def archive_of(world: World) -> Path:
    ((text,),) = world.lab.rows("select manifest from wh.models.again where version = 1")
    return archive_path(world.lab.context().home, "again", json.loads(text)["training_set"]["archive"])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World.trained(tmp_path)


class TestEqual:
    def test_every_file_and_answer_is_the_same_and_nothing_is_written(self, world: World) -> None:
        before = {path: path.stat().st_mtime_ns for path in world.lab.context().home.root.rglob("*.parquet")}
        stored = world.lab.rows("select * from wh.models.again")
        report = replayed(world)

        assert report.equal
        assert {file.name: file.state for file in report.files} == dict.fromkeys(
            ("candidate.json", "constant.json", "encoder.json", "linear.json", "one_rule.json", "signature.json"), "equal"
        )  # fmt: skip
        assert [(one.estimator, one.rows, one.differing, one.largest) for one in report.predictions] == [
            (name, 360, 0, 0.0) for name in ("candidate", "constant", "linear", "one_rule")
        ]
        assert report.golden is not None
        assert report.golden.exact
        assert report.causes == ()
        assert report.sentence == "again@1 was made again from 360 archived rows, equal to the last byte"
        assert world.lab.rows("select * from wh.models.again") == stored
        assert {path: path.stat().st_mtime_ns for path in world.lab.context().home.root.rglob("*.parquet")} == before

    def test_another_declaration_or_machine_of_today_is_told_and_changes_nothing(self, tmp_path: Path) -> None:
        world = World(tmp_path, estimator={"max_rounds": 5, "early_stopping_rounds": None})
        World.trained(tmp_path)
        changed(world, lambda manifest: manifest["machine"].update(cores=999))
        report = replayed(world)

        assert report.equal
        told = {(cause.kind, cause.name): (cause.then, cause.explains) for cause in report.causes}
        assert told["declaration", "estimator.max_rounds"] == ("12", False)
        assert told["machine", "cores"] == ("999", True)

    def test_changed_sql_of_a_source_is_told_as_what_a_replay_does_not_read(self, world: World) -> None:
        changed(world, lambda manifest: manifest["data"]["features.habits"].update(logic=["before"]))
        report = replayed(world)

        assert report.equal
        assert [(cause.kind, cause.name, cause.then, cause.explains) for cause in report.causes] == [
            ("sql", "features.habits", "before", False)
        ]

    def test_version_that_was_never_judged_has_no_golden_rows_to_compare(self, world: World) -> None:
        with world.lab.warehouse.committing() as bench:
            bench.execute("delete from wh.ops.golden_rows")
        report = replayed(world)

        assert report.equal
        assert report.golden is None
        assert report.golden_reason == "not applicable: again@1 has no golden rows"

    def test_tuned_and_calibrated_version_is_made_again(self, tmp_path: Path) -> None:
        pytest.importorskip("optuna", reason="the extra `tune` is not installed")
        tuning = {"trials": 3, "space": TRIALS}
        world = World(tmp_path, tuning=tuning, calibration="platt")
        world.train()

        assert replayed(world).equal

    def test_search_that_the_clock_ended_is_repeated_by_its_number_of_trials(self, tmp_path: Path) -> None:
        world = World(tmp_path, tuning={"trials": 50, "minutes": 1, "space": TRIALS})
        again = repeatable(world.spec, {"facts": {"tuning": {"trials": 4}}})

        assert again.tuning is not None
        assert (again.tuning.trials, again.tuning.minutes) == (4, None)
        assert repeatable(World(tmp_path).spec, {}) == World(tmp_path).spec


class TestDifferent:
    def test_changed_parameter_in_the_manifest_is_named_with_the_files_and_answers_it_moves(self, world: World) -> None:
        changed(world, lambda manifest: manifest["spec"]["estimator"]["parameters"].update(learning_rate=0.3))
        report = replayed(world)

        assert not report.equal
        [file] = [file for file in report.files if file.state != "equal"]
        assert (file.name, file.state) == ("candidate.json", "different")
        assert file.then != file.now
        assert file.where is not None
        candidate, *baselines = report.predictions
        assert candidate.differing > 300
        assert candidate.largest is not None
        assert 0.001 < candidate.largest < 1
        assert not any(one.differing for one in baselines)
        assert report.golden is not None
        assert report.golden.differing > 0
        assert report.causes[0][:4] == ("parameters", "parameters.learning_rate", "0.2", "0.3")
        assert "candidate.json differ. Likely cause: parameters parameters.learning_rate: 0.2 then, 0.3 now" in (
            report.sentence
        )

    def test_parameter_that_was_changed_everywhere_is_betrayed_by_the_fingerprint(self, world: World) -> None:
        def change(manifest: dict[str, Any]) -> None:
            for estimator in (manifest["spec"]["estimator"], manifest["estimator"]):
                estimator["max_rounds"] = 13

        changed(world, change)
        report = replayed(world)

        assert not report.equal
        kinds = {(cause.kind, cause.name): (cause.then, cause.now) for cause in report.causes}
        assert report.causes[0][:2] == ("code", "logic of training")
        assert kinds["fitting", "rounds"] == ("12", "13")

    def test_other_package_versions_are_a_likely_cause(self, world: World) -> None:
        def change(manifest: dict[str, Any]) -> None:
            manifest["spec"]["estimator"]["seed"] = manifest["estimator"]["seed"] = 8
            manifest["spec"]["estimator"]["parameters"]["learning_rate"] = 0.3
            manifest["packages"]["lightgbm"] = "4.0.0"
            manifest["packages"]["left-pad"] = "1.0"

        changed(world, change)
        report = replayed(world)

        likely = {cause.name: (cause.then, cause.now) for cause in report.causes if cause.kind == "packages"}
        assert likely["left-pad"] == ("1.0", "not installed")
        assert likely["lightgbm"][0] == "4.0.0"
        assert "packages lightgbm: 4.0.0 then" in report.sentence

    def test_first_difference_shows_the_place(self) -> None:
        assert first_difference('{"a":1,"b":[1,2]}', '{"a":1,"b":[1,3]}') == "b.1: 2 → 3"
        assert first_difference('{"text":"x\\ny\\nz"}', '{"text":"x\\nq\\nz"}') == "text: y → q"
        assert first_difference('{"text":"x"}', '{"text":"x\\ny"}') == "text: (ends here) → y"
        assert first_difference('{"a":1}', '{"a":1,"b":2}') == "b: (none) → 2"
        assert first_difference('{"a":1}', '{"a":1}') is None


class TestRefused:
    def test_tampered_archive_is_refused(self, world: World) -> None:
        path = archive_of(world)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        with pytest.raises(PackageError, match="training rows of again are not what they were"):
            replayed(world)

    def test_missing_archive_says_so(self, world: World) -> None:
        archive_of(world).unlink()
        with pytest.raises(NotMaterializedError, match=MISSING) as caught:
            replayed(world)
        assert "restore the folder `training`" in str(caught.value)

    def test_tampered_package_is_refused(self, world: World) -> None:
        changed(world, lambda manifest: manifest["files"].update({"candidate.json": "0" * 64}))
        with pytest.raises(PackageError, match=r"differing: candidate\.json"):
            replayed(world)

    def test_unknown_version_is_refused(self, world: World) -> None:
        with pytest.raises(NotMaterializedError, match="there is no again@7"):
            replay_version(world.lab.context(), world.spec, 7)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda manifest: manifest.pop("spec"), "without spec"),
            (lambda manifest: manifest["training_set"].pop("archive"), r"without training_set\.archive"),
            (lambda manifest: manifest["spec"].update(tusk=1), "cannot be read by this ml_assets"),
        ],
    )  # fmt: skip
    def test_manifest_that_says_too_little_or_cannot_be_read_is_refused(
        self, world: World, change: Callable[[dict[str, Any]], object], said: str
    ) -> None:
        changed(world, change)
        with pytest.raises(RegistryError, match=said):
            replayed(world)
