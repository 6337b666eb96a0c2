"""What people may do about versions, and what is refused."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import BlockedError, MlAssetsError, NotMaterializedError, RegistryError
from ml_assets.registry.book import Hashes, actions, verdicts
from ml_assets_tests.builders import instant
from ml_assets_tests.registry.evaluated import put_fact
from ml_assets_tests.registry.people import REFUSING, SMALLER, WEAK, person, pointed, refused_successor, two_champions
from ml_assets_tests.training.world import World

ONE: dict[str, Any] = {"policy": "approval", "approvals": 1}
TWO: dict[str, Any] = {"policy": "approval", "approvals": 2}
LOG = "select version, moved_by, reason from wh.ops.aliases where alias = 'champion' order by rowid"


class TestRollback:
    def test_goes_to_the_champion_before_with_who_and_why(self, tmp_path: Path) -> None:
        world = two_champions(tmp_path)
        outcome = person(world, "Ann", "complaints").rollback()

        assert (outcome.champion_before, outcome.champion) == (2, 1)
        assert pointed(world) == 1
        assert world.lab.rows(LOG)[-1] == (1, "Ann", "rollback from 2: complaints")

    def test_scores_follow_at_once_and_automation_does_not_undo_it(self, tmp_path: Path) -> None:
        world = two_champions(tmp_path)
        world.lab.run(world.scores())
        person(world).rollback()
        assert not world.lab.run(world.champion).changed
        world.lab.run(world.scores())

        assert pointed(world) == 1
        newest = "select distinct model_version from wh.scores.again where snapshot = timestamp '2011-04-04'"
        assert world.lab.rows(newest) == [(1,)]

    def test_the_same_verdict_given_again_does_not_promote_what_was_taken_back(self, tmp_path: Path) -> None:
        world = two_champions(tmp_path)
        person(world).rollback()
        world.lab.alter("delete from wh.ops.manifest where asset = 'models.again__champion'")
        assert world.lab.run(world.champion).changed
        assert pointed(world) == 1

        other_gate = World(tmp_path, estimator=SMALLER, gate={"better_than": ()})
        other_gate.lab.run(other_gate.champion)
        assert pointed(world) == 2

    def test_a_clock_that_says_something_else_does_not_undo_it(self, tmp_path: Path) -> None:
        world = two_champions(tmp_path)
        person(world).rollback()
        put_fact(world, 2, "prediction_us", 77.0, "measured again")
        assert world.lab.run(world.champion).changed
        assert pointed(world) == 1

    def test_to_a_named_version_needs_its_passing_verdict(self, tmp_path: Path) -> None:
        world = refused_successor(tmp_path)
        with pytest.raises(RegistryError, match="again@2 may not serve"):
            person(world).rollback(2)
        with pytest.raises(NotMaterializedError, match="there is no again@9"):
            person(world).rollback(9)
        assert pointed(world) == 1

    @pytest.mark.parametrize("to", [None, 1])
    def test_without_anything_to_go_back_to_is_refused(self, tmp_path: Path, to: int | None) -> None:
        with pytest.raises(RegistryError, match="nothing to roll again@1 back to"):
            person(World.trained(tmp_path)).rollback(to)

    def test_without_a_champion_is_refused(self, tmp_path: Path) -> None:
        world = World(tmp_path, promotion=ONE)
        world.train()
        with pytest.raises(RegistryError, match="no champion to roll back from"):
            person(world).rollback()

    def test_to_a_damaged_package_is_refused(self, tmp_path: Path) -> None:
        world = two_champions(tmp_path)
        world.lab.alter(
            "update wh.models.again set files = map_concat(files, map {'encoder.json': '{}'}) where version = 1"
        )
        with pytest.raises(MlAssetsError, match="again@1"):
            person(world).rollback()
        assert pointed(world) == 2


class TestOverride:
    def test_lets_a_refused_version_be_promoted_and_is_shown(self, tmp_path: Path) -> None:
        world = refused_successor(tmp_path)
        with pytest.raises(RegistryError, match="again@2 may not serve") as refusal:
            person(world).promote(2)
        assert "registry override again@2" in str(refusal.value)
        person(world, "Eve", "sale week").override(2, world.lab.now + timedelta(days=30))
        person(world).promote(2)
        report = world.lab.run(world.scores())

        assert pointed(world) == 2
        assert "override by Eve" in report.facts["serves_as"]
        found = world.judge(world.champion)
        assert "by override by Eve on 2011-04-05 until 2011-05-05" in found["there_is_a_champion_that_passed"].summary
        assert found["champion_serves_without_an_override"].status == "failed"
        card = (world.lab.home.reports / "again" / "2.card.md").read_text(encoding="utf-8")
        assert "override by Eve" in card

    def test_counts_no_more_when_it_has_expired(self, tmp_path: Path) -> None:
        world = refused_successor(tmp_path)
        person(world).override(2, world.lab.now + timedelta(days=3))
        person(world).promote(2)
        world.lab.now = instant("2011-04-12")
        world.give()

        with pytest.raises(RegistryError, match="again@2 may not serve"):
            world.lab.run(world.scores())
        assert world.judge(world.champion)["there_is_a_champion_that_passed"].status == "failed"
        with pytest.raises(BlockedError):
            world.lab.run(world.scores())

    @pytest.mark.parametrize("days", [-1, 0, 90.01])
    def test_needs_an_end_within_90_days(self, tmp_path: Path, days: float) -> None:
        world = refused_successor(tmp_path)
        with pytest.raises(RegistryError, match="needs an end that is near"):
            person(world).override(2, world.lab.now + timedelta(days=days))
        person(world).override(2, world.lab.now + timedelta(days=90))

    def test_of_a_passing_version_is_refused(self, tmp_path: Path) -> None:
        world = World.trained(tmp_path)
        with pytest.raises(RegistryError, match="needs no override"):
            person(world).override(1, world.lab.now + timedelta(days=1))

    def test_is_about_one_package_alone(self, tmp_path: Path) -> None:
        world = refused_successor(tmp_path)
        person(world).override(2, world.lab.now + timedelta(days=30))
        world.lab.alter("update wh.models.again set package_sha256 = 'other' where version = 2")
        with pytest.raises(RegistryError, match="not other"):
            person(world).promote(2)


class TestApproval:
    def test_a_passing_version_waits_as_challenger(self, tmp_path: Path) -> None:
        world = World(tmp_path, promotion=ONE)
        world.train()

        assert (pointed(world), pointed(world, "challenger")) == (None, 1)
        found = world.judge(world.champion)["there_is_a_champion_that_passed"]
        assert (found.status, found.summary) == ("not_applicable", "again@1 waits for approval; nothing serves yet")
        with pytest.raises(NotMaterializedError, match="again has no champion") as refusal:
            world.lab.run(world.scores())
        assert "ml-assets registry approve again@1" in str(refusal.value)
        with pytest.raises(RegistryError, match="again@1 is not approved"):
            person(world).promote(1)

    def test_the_first_approval_of_one_makes_it_champion(self, tmp_path: Path) -> None:
        world = World(tmp_path, promotion=ONE)
        world.train()
        assert person(world, "Ann", "looks right").approve(1).champion == 1

        assert world.lab.rows(LOG) == [(1, "Ann", "approved by Ann: looks right")]
        world.lab.run(world.scores())

    def test_two_different_names_are_needed(self, tmp_path: Path) -> None:
        world = World(tmp_path, promotion=TWO)
        world.train()
        assert person(world, "Ann").approve(1).champion is None
        with pytest.raises(RegistryError, match="has approved again@1 already"):
            person(world, " ANN ").approve(1)
        assert person(world, "Bob").approve(1).champion == 1

    def test_who_trained_it_cannot_be_both_of_two_and_is_told(self, tmp_path: Path) -> None:
        world = World(tmp_path, promotion=TWO)
        world.train()
        ((trainer,),) = world.lab.rows("select manifest->>'trained_by' from wh.models.again")
        assert person(world, trainer, "my own work").approve(1).champion is None
        for name in (trainer, f"  {trainer.upper()} "):
            with pytest.raises(RegistryError, match="has approved again@1 already"):
                person(world, name).approve(1)
        with pytest.raises(RegistryError, match="again@1 is not approved"):
            person(world, trainer).promote(1)
        assert pointed(world) is None

        assert person(world, "Somebody Else", "looked at it").approve(1).champion == 1
        card = (world.lab.home.reports / "again" / "1.card.md").read_text(encoding="utf-8")
        assert f"**Trained by:** {trainer} [^1]" in card
        assert re.search(
            rf"^- approve by {re.escape(trainer)} .*my own work.* \(who trained it too\)", card, re.MULTILINE
        )
        assert card.count("(who trained it too)") == 1

    def test_a_changed_gate_voids_what_was_approved(self, tmp_path: Path) -> None:
        world = World(tmp_path, promotion=TWO)
        world.train()
        person(world, "Ann").approve(1)
        changed = World(tmp_path, promotion=TWO, gate={"better_than": ()})
        with pytest.raises(RegistryError, match="gate of again has changed"):
            person(changed, "Bob").approve(1)
        changed.lab.run(changed.champion)

        assert person(changed, "Bob").approve(1).champion is None
        with pytest.raises(RegistryError, match="is not approved") as refusal:
            person(changed, "Bob").promote(1)
        assert "that of Ann is void: gate" in str(refusal.value)

    @pytest.mark.parametrize("changed", Hashes._fields)
    def test_any_changed_hash_voids_an_approval(self, tmp_path: Path, changed: str) -> None:
        world = World(tmp_path, promotion=TWO)
        world.train()
        person(world, "Ann").approve(1)
        world.lab.alter(f"update wh.ops.registry_actions set {changed} = 'other'")
        assert person(world, "Bob").approve(1).champion is None

    def test_under_the_automatic_policy_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(RegistryError, match="needs no approval"):
            person(World.trained(tmp_path)).approve(1)

    def test_of_a_refused_version_is_refused(self, tmp_path: Path) -> None:
        world = World(tmp_path, estimator=WEAK, gate=REFUSING, promotion=ONE)
        world.train()
        assert pointed(world, "challenger") is None
        with pytest.raises(RegistryError, match="again@1 may not serve"):
            person(world).approve(1)


class TestExactPackage:
    def test_a_pinned_version_without_a_passing_verdict_is_not_scored(self, tmp_path: Path) -> None:
        world = refused_successor(tmp_path)
        with pytest.raises(RegistryError, match="again@2 may not serve") as refusal:
            world.lab.run(world.scores(name="pinned", version=2))
        assert "the gate refused it: test log loss below" in str(refusal.value)
        with world.lab.warehouse.reading() as bench:
            stale = world.scores(name="pinned", version=2).stale(
                bench, world.lab.context(), ["2011-03-28", "2011-04-04"]
            )
        assert stale == {"2011-04-04": "refused: again@2 may not serve"}

    def test_a_version_that_was_never_judged_is_not_scored(self, tmp_path: Path) -> None:
        World.trained(tmp_path)
        world = World(tmp_path, estimator=SMALLER)
        world.give()
        for asset in (world.training, world.model):
            world.lab.run(asset)
        with pytest.raises(RegistryError, match="again@2 may not serve") as refusal:
            world.lab.run(world.scores(version=2))
        assert "the gate has not judged it" in str(refusal.value)

    def test_a_verdict_on_another_package_does_not_count(self, tmp_path: Path) -> None:
        world = World.trained(tmp_path)
        world.lab.alter("update wh.models.again set package_sha256 = 'other'")
        with pytest.raises(RegistryError, match="again@1 may not serve") as refusal:
            world.lab.run(world.scores())
        assert "not other" in str(refusal.value)

    def test_the_last_verdict_counts_and_all_are_kept(self, tmp_path: Path) -> None:
        world = World(tmp_path, estimator=WEAK, gate={"better_than": ()})
        world.train()
        strict = World(tmp_path, estimator=WEAK, gate=REFUSING)
        strict.lab.run(strict.champion)
        with strict.lab.warehouse.reading() as bench:
            given = verdicts(bench, "again", 1)

        assert [verdict.passed for verdict in given] == [True, False]
        assert given[0].hashes.differences(given[1].hashes) == ["gate"]
        with pytest.raises(RegistryError, match="again@1 may not serve"):
            strict.lab.run(strict.scores())


def test_pinned_stays_whatever_becomes_champion(tmp_path: Path) -> None:
    World.trained(tmp_path)
    person(World(tmp_path)).pin(1)
    world = World(tmp_path, estimator=SMALLER)
    world.train()
    world.lab.run(world.scores(alias="pinned"))

    assert (pointed(world), pointed(world, "pinned")) == (2, 1)
    assert world.lab.rows("select distinct model_version from wh.scores.again") == [(1,)]


def test_promoting_the_champion_again_writes_nothing_but_an_earlier_version_may_be_promoted(tmp_path: Path) -> None:
    world = two_champions(tmp_path)
    assert person(world).promote(2).sentence == "again@2 is champion already"
    assert person(world).promote(1).champion == 1
    with world.lab.warehouse.reading() as bench:
        assert [(action.action, action.version, action.done_by) for action in actions(bench, "again")] == [
            ("promote", 1, "Ann")
        ]


@pytest.mark.parametrize(("by", "reason", "said"), [(" ", "why", "needs a name"), ("Ann", "", "needs a reason")])
def test_nobody_acts_without_a_name_and_a_reason(tmp_path: Path, by: str, reason: str, said: str) -> None:
    with pytest.raises(RegistryError, match=said):
        person(World(tmp_path), by, reason)


def test_a_warehouse_from_before_the_registrys_books_gets_them(tmp_path: Path) -> None:
    world = World(tmp_path)
    for book in ("verdicts", "registry_actions", "golden_rows"):
        world.lab.alter(f"drop table wh.ops.{book}")
    world.train()
    person(world).pin(1)
    assert pointed(world, "pinned") == 1
