"""The rehearsal of a rollback: in the real warehouse, and without leaving a trace."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from ml_assets.errors import RegistryError
from ml_assets.registry.actions import rollback_target
from ml_assets.registry.golden import Answer, answer_golden
from ml_assets.registry.resolve import refused, resolve, standing
from ml_assets.training.versions import load_version
from ml_assets.warehouse.aliases import CHAMPION, move, version_at
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.store import Workbench


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
        champion, target = version_at(bench, model, CHAMPION), rollback_target(bench, model, to)
        assert champion is not None
        found = standing(bench, model, target, context.now)
        if found.refusal:
            raise refused(found)
        golden = answer_golden(bench, load_version(bench, model, target))
    if not golden.exact:
        raise RegistryError(
            f"{model}@{target} does not answer as it did when it was judged", expected=f"{golden.rows} equal scores",
            got=f"{golden.differing} of {golden.rows} differ, by at most {golden.largest:g}",
            remedy="compare the package versions in its manifest with those installed; roll back to another version",
        )  # fmt: skip
    loaded = time.monotonic()
    with context.warehouse.workbench() as bench:
        begun = time.monotonic()
        with suppress(_RehearsedError), bench.committing():
            begun = time.monotonic()
            _rehearse(bench, context, model, champion, target)
        moved, waited = time.monotonic() - begun, bench.lock_wait_seconds
    return DrillReport(model, champion, target, golden, loaded - started, moved, waited)


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
