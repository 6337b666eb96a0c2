"""The registry's append-only books: verdicts, and what people did about versions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from ml_assets.registry.gate import RuleVerdict, Verdict
from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.operations_schema import REGISTRY_TABLES
from ml_assets.warehouse.store import Workbench

ActionKind = Literal["promote", "approve", "override", "rollback", "pin"]
ACTIONS: tuple[ActionKind, ...] = ("promote", "approve", "override", "rollback", "pin")


class Hashes(NamedTuple):
    """What a verdict or an approval is about, exactly: with another value of any of them it says nothing."""

    package_sha256: str
    training_content: str
    gate_logic: str
    evaluation_content: str

    def differences(self, other: Hashes) -> list[str]:
        """What differs, in words."""
        words = {
            "package_sha256": "package", "training_content": "training set", "gate_logic": "gate", "evaluation_content": "evaluation",
        }  # fmt: skip
        return [words[name] for name in self._fields if getattr(self, name) != getattr(other, name)]


@dataclass(frozen=True)
class StoredVerdict:
    """One line of the history of verdicts. `champion` is the version that served when it was given."""

    version: int
    hashes: Hashes
    champion: int | None
    passed: bool
    reasons: str
    rules: tuple[RuleVerdict, ...]
    judged_at: datetime


@dataclass(frozen=True)
class Action:
    """What one person did about one version. `expires_at`: of an override; `other`: where a rollback led to."""

    version: int
    action: ActionKind
    hashes: Hashes
    done_by: str
    reason: str
    done_at: datetime
    expires_at: datetime | None = None
    other: int | None = None

    def covers(self, package_sha256: str, now: datetime) -> bool:
        """Whether it is an override of this very package that still counts at `now`."""
        return (
            self.action == "override" and self.hashes.package_sha256 == package_sha256
            and self.expires_at is not None and now < self.expires_at
        )  # fmt: skip

    def __str__(self) -> str:
        until = f" until {self.expires_at:%Y-%m-%d %H:%M} UTC" if self.expires_at else ""
        return f"{self.action} by {self.done_by} on {self.done_at:%Y-%m-%d}{until}: {self.reason}"


def store_verdict(
    bench: Workbench, model: str, version: int, hashes: Hashes, champion: int | None, verdict: Verdict, now: datetime, run_id: str
) -> None:  # fmt: skip
    """Inside a commit: append a verdict."""
    rules = json.dumps([vars(rule) for rule in verdict.rules])
    _append(bench, "verdicts", [
        model, version, *hashes, champion, verdict.passed, verdict.reasons, rules, naive_utc(now), run_id
    ])  # fmt: skip


def verdicts(bench: Workbench, model: str, version: int | None = None) -> list[StoredVerdict]:
    """Verdicts on a model (or one version of it), oldest first."""
    rows = _read(
        bench, "verdicts",
        "version, package_sha256, training_content, gate_logic, evaluation_content, champion, passed, reasons, rules, judged_at",
        model, version,
    )  # fmt: skip
    return [
        StoredVerdict(
            row[0], Hashes(*row[1:5]), row[5], row[6], row[7],
            tuple(RuleVerdict(**rule) for rule in json.loads(row[8])), row[9].replace(tzinfo=UTC),
        )
        for row in rows
    ]  # fmt: skip


def store_action(bench: Workbench, model: str, action: Action) -> None:
    """Inside a commit: append what somebody did."""
    _append(bench, "registry_actions", [
        model, action.version, action.action, *action.hashes, action.done_by, action.reason, naive_utc(action.done_at),
        naive_utc(action.expires_at) if action.expires_at else None, action.other,
    ])  # fmt: skip


def actions(bench: Workbench, model: str, version: int | None = None, kind: ActionKind | None = None) -> list[Action]:
    """What was done about a model (or one version of it), oldest first."""
    rows = _read(
        bench, "registry_actions",
        "version, action, package_sha256, training_content, gate_logic, evaluation_content, done_by, reason, done_at, expires_at, other",
        model, version,
    )  # fmt: skip
    found = [
        Action(
            row[0], row[1], Hashes(*row[2:6]), row[6], row[7], row[8].replace(tzinfo=UTC),
            row[9].replace(tzinfo=UTC) if row[9] else None, row[10],
        )
        for row in rows
    ]  # fmt: skip
    return [action for action in found if kind is None or action.action == kind]


def override_of(bench: Workbench, model: str, version: int, package_sha256: str, now: datetime) -> Action | None:
    """The override of this very package that counts at `now`; the last one said holds, an expired one does not."""
    found = [
        action
        for action in actions(bench, model, version, "override")
        if action.hashes.package_sha256 == package_sha256
    ]
    return found[-1] if found and found[-1].covers(package_sha256, now) else None


def ensure_book(bench: Workbench, name: str) -> None:
    """Inside a commit: a warehouse that is older than the book gets it."""
    if not bench.has_table(TableName("ops", name)):
        bench.execute(f"create table wh.ops.{name} ({REGISTRY_TABLES[name]})")


def _append(bench: Workbench, name: str, values: Sequence[Any]) -> None:
    ensure_book(bench, name)
    bench.execute(f"insert into wh.ops.{name} values ({', '.join('?' * len(values))})", list(values))


def _read(bench: Workbench, name: str, columns: str, model: str, version: int | None) -> list[tuple[Any, ...]]:
    if not bench.has_table(TableName("ops", name)):
        return []
    which, values = ("", [model]) if version is None else ("and version = ?", [model, version])
    return bench.rows(f"select {columns} from wh.ops.{name} where model = ? {which} order by rowid", values)


def same_person(name: str) -> str:
    """A name as it is compared with others: without regard to case and outer blanks."""
    return " ".join(name.split()).casefold()
