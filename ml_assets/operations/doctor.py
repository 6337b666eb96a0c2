"""The likely causes of what is wrong, ranked, with the numbers that speak for and against each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ml_assets.graph.overlooked import overlooked
from ml_assets.operations.causes import WORDS, cause_of_code, rank
from ml_assets.operations.describing import runbook_for
from ml_assets.operations.environment import Look, LookCause, environment, quick
from ml_assets.operations.freshness import changed_by_the_clock
from ml_assets.operations.grouping import Group, grouped
from ml_assets.operations.incident_book import incidents_where
from ml_assets.operations.logic_changes import LogicChange, logic_changes, package_changes
from ml_assets.operations.next_steps import commands_for, model_of
from ml_assets.operations.runbooks import how_to_read
from ml_assets.operations.signals import THOROUGH, Signal, gather, with_known_beginnings
from ml_assets.operations.watch import Watch
from ml_assets.specs.models import ModelSpec
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

_MOST_SAID = 6
_CONSIDERED: tuple[LookCause, ...] = (
    "schema", "quarantine", "nulls", "volume", "duplicates", "values", "late_upstream", "code", "parameters", "drift", "performance",
    "lock", "disk", "clock", "environment",
)  # fmt: skip


_WORDS: Mapping[str, str] = {
    **{str(cause): words for cause, words in WORDS.items()},
    "clock": "the clock is wrong", "environment": "the environment has changed",
}  # fmt: skip


@dataclass(frozen=True)
class Suspect:
    """One cause that may be it. `weight` grows with the signals that it explains; 0 where nothing speaks for it."""

    cause: LookCause
    subject: str
    title: str
    weight: float
    speaks_for: tuple[str, ...]
    speaks_against: tuple[str, ...]
    next: tuple[str, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Diagnosis:
    """Suspects, the likeliest first; causes that nothing speaks for; everything that was looked at."""

    now: datetime
    asset: str
    suspects: tuple[Suspect, ...]
    cleared: tuple[Suspect, ...]
    looks: tuple[Look, ...]

    @property
    def is_well(self) -> bool:
        return not self.suspects

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"is_well": self.is_well}


@dataclass(frozen=True)
class _Facts:
    """What the warehouse says: verdicts by cause, signals by cause, what was changed by people."""

    groups: Sequence[Group] = ()
    held: Mapping[str, int] = field(default_factory=dict)
    changes: Sequence[LogicChange] = ()
    looks: Sequence[Look] = ()


def diagnose(watch: Watch, asset: str = "", more: Iterable[Look] = ()) -> Diagnosis:
    """What is wrong with `asset` and what it is made from, or with anything; `more` are looks from elsewhere.

    Writes nothing. A warehouse that does not open is a finding, no error.
    """
    looks = [*more, *environment(watch)]
    opens = any(look.name == "warehouse" and look.held for look in looks)
    facts = _facts(quick(watch), asset) if opens else _Facts()
    looks += facts.looks
    suspects = [
        *(_of_group(watch, group, facts) for group in facts.groups),
        *_of_looks(looks),
        *_of_changes(watch, facts),
    ]
    accused = {suspect.cause for suspect in suspects}
    cleared = tuple(_cleared(cause, facts, looks, opens) for cause in _CONSIDERED if cause not in accused)
    ranked = sorted(suspects, key=lambda one: (-one.weight, one.cause, one.subject))
    return Diagnosis(watch.context.now, asset, tuple(ranked), cleared, tuple(looks))


def _facts(watch: Watch, asset: str) -> _Facts:
    names = _around(watch, asset)
    with watch.context.warehouse.reading() as bench:
        lasting = incidents_where(bench, "status <> 'closed'")
        began = {signal.key: signal.began_at for one in lasting for signal in one.signals}
        found = with_known_beginnings(gather(bench, watch, THOROUGH), began)
        # What only the daemon can see is taken from the book.
        found += [s for one in lasting for s in one.signals if s.kind == "dagster"]
        relevant = [signal for signal in found if not signal.subject or signal.subject in names]
        return _Facts(
            grouped(relevant, watch.graph), _held(bench, names),
            [change for change in logic_changes(bench, watch) if change.asset in names], list(_warehouse_looks(bench, watch, names)),
        )  # fmt: skip


def _around(watch: Watch, asset: str) -> set[str]:
    """The asset with everything that it is made from and the monitors of it; everything without one."""
    if not asset:
        return {str(name) for name in watch.graph.assets}
    return {str(name) for name in watch.graph.upstream({TableName.parse(asset)})}


def _held(bench: Workbench, names: set[str]) -> dict[str, int]:
    """How many checks of each cause hold on what is there."""
    found: dict[str, int] = {}
    for code, count in bench.rows(
        "select c.code, count(*) from wh.ops.checks c join wh.ops.manifest m on m.asset = c.asset and m.partition = c.partition "
        "and m.content = c.content where c.status = 'passed' and list_contains(?, c.asset) group by 1", [sorted(names)],
    ):  # fmt: skip
        cause = cause_of_code(code)
        if cause is not None:
            found[cause] = found.get(cause, 0) + count
    return found


def _warehouse_looks(bench: Workbench, watch: Watch, names: set[str]) -> Iterator[Look]:
    later = [
        said for said in overlooked(bench, watch.context, watch.graph, list(watch.graph)) if "after the clock" in said
    ]
    for said in later:
        yield Look(
            "rows after the clock",
            "clock",
            False,
            said,
            remedy="correct the clock, or the files with dates in the future",
        )
    for asset, finding in changed_by_the_clock(bench, watch):
        if str(asset.name) in names and finding.status == "failed":
            remedy = f"look into {asset.place}, then ml-assets incidents update"
            yield Look(f"age of {asset.name}", "late_upstream", False, finding.summary, dict(finding.numbers), remedy)
    waited = (
        bench.value("select max(lock_wait_seconds) from (from wh.ops.batches order by batch desc limit 200)") or 0.0
    )
    limit = watch.context.warehouse.settings.deadline_seconds
    yield Look(
        "waits for the lock",
        "lock",
        None if waited > limit else True,
        f"at most {waited:.1f} s in the last 200 commits",
        {"seconds": waited},
    )
    models = {
        asset.spec.name for asset in watch.graph if isinstance(asset.spec, ModelSpec) and str(asset.name) in names
    }
    for model in sorted(models):
        changed = package_changes(bench, watch, model)
        said = ", ".join(changed[:_MOST_SAID]) or f"those that {model}'s champion was trained with"
        remedy = f"ml-assets replay {model}@champion" if changed else ""
        yield Look(f"packages of {model}", "environment", not changed, said, {"changed": len(changed)}, remedy)


def _of_group(watch: Watch, group: Group, facts: _Facts) -> Suspect:
    root = group.root
    symptoms = [f"explains {_said(signal)}" for signal in group.symptoms[:_MOST_SAID]]
    changed = [
        f"{c.asset} is made otherwise since {c.made_since:%Y-%m-%d %H:%M}: {c.what}"
        for c in _changes_behind(watch, root, facts)
    ]
    held = facts.held.get(root.cause, 0)
    against = [f"{held} checks of this kind hold"] if held else []
    tier = rank(root.cause)[0]
    weight = (3.0 if root.severity == "error" else 1.0) + len(group.symptoms) - tier / 10
    model = model_of(root.subject, watch)
    return Suspect(
        root.cause, root.subject, f"{WORDS[root.cause]}{f' in {root.subject}' if root.subject else ''}{f', {root.column}' if root.column else ''}",
        round(weight, 2), (_said(root), *symptoms, *changed), tuple(against),
        (how_to_read(runbook_for(root, watch)), *commands_for(root.cause, root.subject, model)), dict(root.numbers),
    )  # fmt: skip


def _changes_behind(watch: Watch, root: Signal, facts: _Facts) -> list[LogicChange]:
    """Changes of the table or of what it is made from, made no later than the trouble began and at most a day before."""
    asset = watch.asset(root.subject)
    if asset is None:
        return []
    above = {str(name) for name in watch.graph.upstream({asset.name})}
    return [
        change
        for change in facts.changes
        if change.asset in above and abs(change.made_since - root.began_at) <= timedelta(days=1)
    ]


def _said(signal: Signal) -> str:
    where = f"{signal.asset} {signal.partition}".strip()
    return f"{where + ': ' if where else ''}{signal.name}{f' ({signal.code})' if signal.code else ''}: {signal.summary}"


def _of_looks(looks: Sequence[Look]) -> Iterator[Suspect]:
    """The environment's trouble. Other packages alone are no trouble yet, and weigh little."""
    for look in looks:
        if look.held is False:
            weight = 0.5 if look.name.startswith("packages of") else 4.0 if look.cause in ("lock", "disk") else 2.0
            yield Suspect(
                look.cause,
                "",
                f"{look.name}: {look.said}",
                weight,
                (look.said,),
                (),
                (look.remedy,) if look.remedy else (),
                look.numbers,
            )


def _of_changes(watch: Watch, facts: _Facts) -> Iterator[Suspect]:
    """Changed statements and parameters, where something is wrong below them that began with them."""
    for change in facts.changes:
        behind = [group for group in facts.groups if change in _changes_behind(watch, group.root, facts)]
        if behind:
            explained = sum(len(group.signals) for group in behind)
            yield Suspect(
                change.kind, change.asset, f"{change.asset} is made otherwise since {change.made_since:%Y-%m-%d %H:%M}", 2.0 + explained,
                (change.what, *(f"began with it: {_said(group.root)}" for group in behind[:_MOST_SAID])), (),
                ("ml-assets plan --against HEAD~1", f"ml-assets explain {change.asset}"),
            )  # fmt: skip


def _cleared(cause: LookCause, facts: _Facts, looks: Sequence[Look], opens: bool) -> Suspect:
    against = [f"{look.name}: {look.said}" for look in looks if look.cause == cause and look.held]
    if cause in ("code", "parameters") and opens:
        recent = [change for change in facts.changes if change.kind == cause]
        newest = max((change.made_since for change in recent), default=None)
        against.append(
            f"the last change was on {newest:%Y-%m-%d %H:%M}, and nothing began with it"
            if newest
            else "nothing was changed since it is kept"
        )
    elif cause not in ("clock", "environment"):
        count = facts.held.get(cause, 0)
        against += [f"{count} checks hold"] if count else []
    said = tuple(against) or ("the warehouse could not be read" if not opens else "no check looks at it",)
    return Suspect(cause, "", _WORDS.get(cause, cause), 0.0, (), said)
