"""What people do about versions: approve, promote, override, roll back, pin. Each is one commit, with who and why."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from ml_assets.errors import RegistryError
from ml_assets.registry.book import Action, ActionKind, Hashes, actions, same_person, store_action, verdicts
from ml_assets.registry.card import write_card
from ml_assets.registry.champion import ChampionAsset
from ml_assets.registry.checks import record_champion_checks
from ml_assets.registry.resolve import Standing, package_of, refused, standing
from ml_assets.training.versions import load_version
from ml_assets.warehouse.aliases import CHAMPION, PINNED, champion_before, move, version_at
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.store import Workbench

LONGEST_OVERRIDE = timedelta(days=90)


@dataclass(frozen=True)
class Outcome:
    """What an action did: the version it was about, what was champion before and is now, and a sentence for people."""

    action: ActionKind
    model: str
    version: int
    champion_before: int | None
    champion: int | None
    sentence: str
    by: str
    reason: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Registrar:
    """Acts on the versions of one model in the name of one person. Every refusal is an error and changes nothing."""

    context: RunContext
    asset: ChampionAsset
    by: str
    reason: str

    def __post_init__(self) -> None:
        for what, text, option in (("a name", self.by, "--by NAME"), ("a reason", self.reason, "--reason TEXT")):
            if not text.strip():
                raise RegistryError(
                    f"the registry's log needs {what}", expected=what, got="nothing", remedy=f"give it with {option}"
                )

    @property
    def model(self) -> str:
        return self.asset.spec.name

    def approve(self, version: int) -> Outcome:
        """Approve exactly what was judged. With enough approvals of different persons the version becomes champion."""
        policy = self.asset.spec.promotion
        if policy.policy != "approval":
            raise RegistryError(
                f"{self.model} needs no approval", place=self.asset.place, expected="promotion: {policy: approval}",
                got="policy automatic", remedy=f"ml-assets registry promote {self.model}@{version}, or declare the policy",
            )  # fmt: skip
        with self.context.warehouse.committing() as bench:
            before = version_at(bench, self.model, CHAMPION)
            hashes = self._judged_hashes(bench, self._servable(bench, version))
            known = valid_approvals(actions(bench, self.model, version, "approve"), hashes)
            if same_person(self.by) in {same_person(action.done_by) for action in known}:
                raise RegistryError(
                    f"{self.by} has approved {self.model}@{version} already", expected=f"{policy.approvals} different persons",
                    got=", ".join(action.done_by for action in known), remedy="ask another person to approve",
                )  # fmt: skip
            self._note(bench, "approve", version, hashes)
            count = len(known) + 1
            if count >= policy.approvals:
                names = ", ".join([*(action.done_by for action in known), self.by])
                self._move(bench, CHAMPION, version, f"approved by {names}: {self.reason}")
                said = f"{self.model}@{version} is approved and champion"
            else:
                said = f"{self.model}@{version} has {count} of {policy.approvals} approvals"
            outcome = self._done(bench, "approve", version, before, said)
        self._write_card(version)
        return outcome

    def promote(self, version: int) -> Outcome:
        """Make a version champion that may serve and, where the policy asks for it, has been approved as it is."""
        with self.context.warehouse.committing() as bench:
            before = version_at(bench, self.model, CHAMPION)
            found = self._servable(bench, version)
            assert found.verdict is not None
            if self.asset.spec.promotion.policy == "approval":
                self._require_approvals(bench, found)
            if before == version:
                return self._done(bench, "promote", version, before, f"{self.model}@{version} is champion already")
            self._note(bench, "promote", version, found.verdict.hashes)
            self._move(bench, CHAMPION, version, self.reason)
            return self._done(bench, "promote", version, before, f"{self.model}@{version} is champion")

    def override(self, version: int, until: datetime) -> Outcome:
        """Answer for a version that the gate refused, for at most 90 days; counts for this very package alone."""
        now = self.context.now
        if not now < until <= now + LONGEST_OVERRIDE:
            raise RegistryError(
                "an override needs an end that is near", got=f"{until:%Y-%m-%d %H:%M} UTC", remedy="correct --until",
                expected=f"after {now:%Y-%m-%d %H:%M} and at most {LONGEST_OVERRIDE.days} days later ({now + LONGEST_OVERRIDE:%Y-%m-%d})",
            )  # fmt: skip
        with self.context.warehouse.committing() as bench:
            before = version_at(bench, self.model, CHAMPION)
            found = standing(bench, self.model, version, now)
            if found.verdict is None or found.verdict.hashes.package_sha256 != found.package_sha256:
                raise RegistryError(
                    f"{self.model}@{version} has no verdict that could be overridden", expected="a failing verdict on this package",
                    got="none", remedy=f"ml-assets run {self.asset.name} judges the newest version",
                )  # fmt: skip
            if found.verdict.passed:
                raise RegistryError(
                    f"{self.model}@{version} needs no override", expected="a failing verdict", got="it passed the gate",
                    remedy=f"ml-assets registry promote {self.model}@{version}",
                )  # fmt: skip
            self._note(bench, "override", version, found.verdict.hashes, expires_at=until)
            said = f"{self.model}@{version} may serve until {until:%Y-%m-%d %H:%M} UTC although {found.verdict.reasons}"
            outcome = self._done(bench, "override", version, before, said)
        self._write_card(version)
        return outcome

    def rollback(self, to: int | None = None) -> Outcome:
        """Make the champion before (or `to`) champion again, at once. Machines do not undo it without a new verdict."""
        with self.context.warehouse.committing() as bench:
            before = version_at(bench, self.model, CHAMPION)
            target = rollback_target(bench, self.model, to)
            self._servable(bench, target)
            load_version(bench, self.model, target)
            assert before is not None
            given = verdicts(bench, self.model, before)
            hashes = given[-1].hashes if given else Hashes(package_of(bench, self.model, before), "", "", "")
            self._note(bench, "rollback", before, hashes, other=target)
            self._move(bench, CHAMPION, target, f"rollback from {before}: {self.reason}")
            return self._done(
                bench, "rollback", target, before, f"{self.model}@{target} is champion again, after {before}"
            )

    def pin(self, version: int) -> Outcome:
        """Let the alias `pinned` point to a version that may serve; it stays there whatever becomes champion."""
        with self.context.warehouse.committing() as bench:
            before = version_at(bench, self.model, CHAMPION)
            found = self._servable(bench, version)
            assert found.verdict is not None
            self._note(bench, "pin", version, found.verdict.hashes)
            self._move(bench, PINNED, version, self.reason)
            return self._done(bench, "pin", version, before, f"{self.model}@pinned is version {version}")

    def _servable(self, bench: Workbench, version: int) -> Standing:
        found = standing(bench, self.model, version, self.context.now)
        if found.refusal:
            raise refused(found)
        return found

    def _judged_hashes(self, bench: Workbench, found: Standing) -> Hashes:
        """What an approval is about: the last verdict's hashes, as far as the gate is still the one that judged."""
        assert found.verdict is not None
        if found.verdict.hashes.gate_logic != self.asset.logic:
            raise RegistryError(
                f"the gate of {self.model} has changed since it judged version {found.version}", place=self.asset.place,
                expected=f"a verdict of gate {self.asset.logic}", got=f"one of gate {found.verdict.hashes.gate_logic}",
                remedy=f"ml-assets run {self.asset.name} judges the newest version anew; then approve again",
            )  # fmt: skip
        return found.verdict.hashes

    def _require_approvals(self, bench: Workbench, found: Standing) -> None:
        hashes = self._judged_hashes(bench, found)
        given = actions(bench, self.model, found.version, "approve")
        valid, needed = valid_approvals(given, hashes), self.asset.spec.promotion.approvals
        if len(valid) >= needed:
            return
        void = [f"that of {action.done_by} is void: {', '.join(action.hashes.differences(hashes))} changed"
                for action in given if action.hashes != hashes]  # fmt: skip
        raise RegistryError(
            f"{self.model}@{found.version} is not approved", place=self.asset.place, expected=f"{needed} approval(s) of what was judged",
            got="; ".join([f"{len(valid)} valid", *void]), remedy=f"ml-assets registry approve {self.model}@{found.version}",
        )  # fmt: skip

    def _note(
        self, bench: Workbench, kind: ActionKind, version: int, hashes: Hashes, *, expires_at: datetime | None = None,
        other: int | None = None,
    ) -> None:  # fmt: skip
        action = Action(
            version, kind, hashes, self.by.strip(), self.reason.strip(), self.context.now, expires_at, other
        )
        store_action(bench, self.model, action)

    def _move(self, bench: Workbench, alias: str, version: int, reason: str) -> None:
        move(bench, self.model, alias, version, at=self.context.now, by=self.by.strip(), reason=reason)

    def _done(self, bench: Workbench, kind: ActionKind, version: int, before: int | None, said: str) -> Outcome:
        record_champion_checks(bench, self.asset.spec, self.asset.name, self.context.now)
        champion = version_at(bench, self.model, CHAMPION)
        return Outcome(kind, self.model, version, before, champion, said, self.by.strip(), self.reason.strip())

    def _write_card(self, version: int) -> None:
        with self.context.warehouse.reading() as bench:
            write_card(bench, self.context.home.reports, self.asset.spec, version)


def valid_approvals(given: list[Action], hashes: Hashes) -> list[Action]:
    """Approvals of exactly these hashes, one a person; with anything changed an approval is void."""
    found: dict[str, Action] = {}
    for action in given:
        if action.action == "approve" and action.hashes == hashes:
            found.setdefault(same_person(action.done_by), action)
    return list(found.values())


def rollback_target(bench: Workbench, model: str, to: int | None) -> int:
    """The version a rollback leads to: `to`, or the champion before the present one."""
    champion = version_at(bench, model, CHAMPION)
    if champion is None:
        raise RegistryError(
            f"{model} has no champion to roll back from", expected="a champion", got="none so far", remedy=f"ml-assets registry list {model}"
        )  # fmt: skip
    target = to if to is not None else champion_before(bench, model)
    if target is None or target == champion:
        raise RegistryError(
            f"there is nothing to roll {model}@{champion} back to", expected="an earlier champion, or another version",
            got="it is the first champion" if target is None else "the present champion",
            remedy=f"ml-assets registry rollback {model}@VERSION with another version that passed the gate",
        )  # fmt: skip
    return target
