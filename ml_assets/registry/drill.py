"""The rehearsal of a rollback: in the real warehouse, and without leaving a trace; and what of it can be told by looking."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ml_assets.errors import MlAssetsError, RegistryError
from ml_assets.registry.actions import rollback_target
from ml_assets.registry.resolve import refused, resolve, standing
from ml_assets.training.versions import load_version
from ml_assets.warehouse.aliases import CHAMPION, champion_before, move, version_at
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.store import Workbench

if TYPE_CHECKING:
    from ml_assets.registry.golden import Answer


@dataclass(frozen=True)
class DrillReport:
    """What was proved. Times in seconds: loading and answering, and moving the alias with what consumers ask then."""

    model: str
    champion: int
    target: int
    golden: Answer
    load_and_answer_seconds: float
    move_seconds: float
    lock_wait_seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"exact": self.golden.exact}


class _RehearsedError(Exception):
    """Ends the transaction, so that nothing of the rehearsal is kept."""


def drill_rollback(context: RunContext, model: str, to: int | None = None) -> DrillReport:
    """Prove that a rollback would work now: the target may serve and answers its golden rows to the last bit, the alias
    moves there, consumers resolve to it, and the alias moves back.

    All moves happen inside one transaction that is rolled back at the end. Raises `RegistryError` where any of it does
    not hold, and `NotMaterializedError` where there are no golden rows.
    """
    started = time.monotonic()
    with context.warehouse.reading() as bench:
        champion, target, golden = _proved(bench, model, to, context.now)
    loaded = time.monotonic()
    with context.warehouse.workbench() as bench:
        begun = time.monotonic()
        with suppress(_RehearsedError), bench.committing():
            begun = time.monotonic()
            _rehearse(bench, context, model, champion, target)
        moved, waited = time.monotonic() - begun, bench.lock_wait_seconds
    return DrillReport(model, champion, target, golden, loaded - started, moved, waited)


@dataclass(frozen=True)
class Readiness:
    """Whether a rollback would work as far as looking can tell; `reason` says why not, `champion` and `target` who is meant."""

    model: str
    champion: int | None
    target: int | None
    reason: str = ""

    @property
    def is_ready(self) -> bool:
        return not self.reason

    @property
    def is_first(self) -> bool:
        """Whether there never was another champion, so that there is nothing that a rollback could lead to."""
        return self.target is None


def rollback_readiness(bench: Workbench, model: str, now: datetime) -> Readiness:
    """Inside a reading block: whether the champion before may serve and answers its golden rows exactly. Moves nothing."""
    champion = version_at(bench, model, CHAMPION)
    target = champion_before(bench, model) if champion is not None else None
    try:
        _proved(bench, model, None, now)
    except MlAssetsError as problem:
        return Readiness(model, champion, None if target == champion else target, problem.subject)
    return Readiness(model, champion, target)


def _proved(bench: Workbench, model: str, to: int | None, now: datetime) -> tuple[int, int, Answer]:
    """Champion, the version that a rollback leads to, and its answer to its golden rows; raises where it would not do."""
    from ml_assets.registry.golden import answer_golden

    champion, target = version_at(bench, model, CHAMPION), rollback_target(bench, model, to)
    assert champion is not None
    found = standing(bench, model, target, now)
    if found.refusal:
        raise refused(found)
    golden = answer_golden(bench, load_version(bench, model, target))
    if not golden.exact:
        raise RegistryError(
            f"{model}@{target} does not answer as it did when it was judged", expected=f"{golden.rows} equal scores",
            got=f"{golden.differing} of {golden.rows} differ, by at most {golden.largest:g}",
            remedy="compare the package versions in its manifest with those installed; roll back to another version",
        )  # fmt: skip
    return champion, target, golden


def _rehearse(bench: Workbench, context: RunContext, model: str, champion: int, target: int) -> None:
    """Move there and back, asking each time what consumers would get; then end the transaction."""
    for version in (target, champion):
        move(bench, model, CHAMPION, version, at=context.now, by="drill", reason="rehearsal")
        if version == target:
            found = resolve(bench, model, CHAMPION, None, context.now).version
        else:
            found = version_at(bench, model, CHAMPION) or 0
        if found != version:
            raise RegistryError(
                f"the alias of {model} did not move", expected=f"version {version}", got=f"version {found}",
                remedy="look at the alias log: ml-assets registry show; moves dated after the clock hide later ones",
            )  # fmt: skip
    raise _RehearsedError
