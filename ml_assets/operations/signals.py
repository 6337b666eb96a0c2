"""What is wrong now: failed checks, failed steps, trouble with what serves, a full disk, each as one signal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ml_assets.graph.origin import place_of_check
from ml_assets.operations.causes import Cause, cause_of_check, cause_of_code, column_of_numbers
from ml_assets.operations.hindsight import scored_in_hindsight
from ml_assets.operations.watch import Watch, subject_of
from ml_assets.specs.base import Severity
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.store import Workbench

Kind = Literal["check", "step", "champion", "request", "disk", "lock", "stale", "package", "dagster"]
# What costs milliseconds and is looked at after every run; the rest belongs to a round of its own.
QUICK: frozenset[Kind] = frozenset({"check", "step", "champion", "request", "disk", "lock"})
THOROUGH: frozenset[Kind] = QUICK | {"stale", "package"}


@dataclass(frozen=True)
class Signal:
    """One thing that is wrong. `asset` is where it was seen, `subject` the table it is about, both empty for the machine.

    `began_at` is by data time where the figures give it, else by the clock when it was first seen; `last_at` is the last
    moment of which it is known to hold. `evidence` are bad rows, personal data masked.
    """

    kind: Kind
    name: str
    cause: Cause
    severity: Severity
    began_at: datetime
    summary: str
    asset: str = ""
    subject: str = ""
    column: str = ""
    last_at: datetime | None = None
    partition: str = ""
    code: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    evidence: Sequence[Mapping[str, Any]] = ()
    place: str = ""
    blocking: bool = False

    @property
    def key(self) -> str:
        """What tells it from other signals, whichever run finds it."""
        return f"{self.kind}:{self.asset}:{self.name}:{self.column}"

    @property
    def fingerprint(self) -> str:
        """What an incident of this cause is known by."""
        return f"{self.cause}:{self.subject}:{self.column}"

    def to_json(self) -> dict[str, Any]:
        """As kept in the book of incidents."""
        plain = {name: value for name, value in vars(self).items() if name not in ("began_at", "last_at")}
        last = self.last_at or self.began_at
        return plain | {
            "began_at": self.began_at.isoformat(),
            "last_at": last.isoformat(),
            "evidence": list(self.evidence),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Signal:
        moments = {name: datetime.fromisoformat(data[name]) for name in ("began_at", "last_at")}
        return cls(**{**data, **moments, "evidence": tuple(data["evidence"])})


def gather(bench: Workbench, watch: Watch, kinds: frozenset[Kind] = QUICK) -> list[Signal]:
    """Inside a reading block: every signal of these kinds; nothing is written.

    Signals of the kinds `lock` and `dagster` are not to be found in the warehouse: whoever knows of them adds them.
    """
    from ml_assets.operations import serving, surroundings

    sources: dict[Kind, Callable[[Workbench, Watch], Iterable[Signal]]] = {
        "check": _failed_checks, "step": _failed_steps, "champion": serving.champion_signals, "request": serving.unserved_requests,
        "package": serving.package_signals, "stale": serving.overdue_tables, "disk": surroundings.disk_signals,
    }  # fmt: skip
    return [signal for kind, source in sources.items() if kind in kinds for signal in source(bench, watch)]


# A monitor judges each snapshot as it comes, and the newest one tells how things are; any other table holds what it holds.
_FAILED = """
with judged as (
    select c.* from wh.ops.checks c join wh.ops.manifest m on m.asset = c.asset and m.partition = c.partition and m.content = c.content
    where c.status in ('passed', 'failed')
        and not exists (from (select unnest(?::varchar[]) as a, unnest(?::varchar[]) as p) h where h.a = c.asset and h.p = c.partition)
), good as (
    select asset, check_name, max(partition) filter (where status = 'passed') as newest from judged
    where starts_with(asset, 'monitoring.') group by all
)
select asset, check_name, any_value(code), any_value(severity), count(*), min(partition), max(partition),
    arg_max(summary, partition), arg_max(numbers, partition), arg_max(evidence, partition), min(evaluated_at)
from judged left join good using (asset, check_name)
where status = 'failed' and (good.newest is null or partition > good.newest)
    and not (severity = 'warn' and (starts_with(code, 'MC') or code in ('GT002', 'GT004', 'LB003')))
group by asset, check_name order by asset, check_name
"""


def _failed_checks(bench: Workbench, watch: Watch) -> Iterator[Signal]:
    """Failed checks of content that is in the warehouse. What only warns of a candidate is told by its report; what a
    monitor says of scores that were made in hindsight is history."""
    history = list(scored_in_hindsight(bench, watch))
    values = [[asset for asset, _ in history], [key for _, key in history]]
    for asset, name, code, severity, count, first, last, summary, numbers, evidence, judged in bench.rows(
        _FAILED, values
    ):
        node = watch.asset(asset)
        check = next((check for check in node.checks if check.name == name), None) if node is not None else None
        if node is None or check is None:
            continue
        figures, rows = json.loads(numbers), json.loads(evidence)
        finding = CheckFinding(name, "failed", summary, last, figures, rows)
        told = told_moment(figures, first) or _first_seen(bench, asset, last, name)
        last_told = told_moment({}, last) or told_moment(figures, "")
        also = f" ({count} snapshots since {first})" if count > 1 else ""
        yield Signal(
            "check", name, cause_of_check(code, figures, rows), severity, told or judged.replace(tzinfo=UTC),
            f"{summary}{also}", asset, str(subject_of(node)), _column(figures, rows), last_told, last, code, figures, rows,
            place_of_check(watch.graph.declared_by[node.name], node, check, finding), check.blocking and severity == "error",
        )  # fmt: skip


def _first_seen(bench: Workbench, asset: str, partition: str, check: str) -> datetime | None:
    """Since when a check has failed without holding in between, by the history of checks."""
    since = bench.value(
        "select min(evaluated_at) from wh.ops.check_history h where asset = ? and partition = ? and check_name = ? and status = 'failed' "
        "and not exists (from wh.ops.check_history o where o.asset = h.asset and o.partition = h.partition and o.check_name = h.check_name "
        "and o.status <> 'failed' and (o.evaluated_at > h.evaluated_at or o.last_evaluated_at > h.last_evaluated_at))",
        [asset, partition, check],
    )
    return since.replace(tzinfo=UTC) if since is not None else None


_MOMENTS = ("began_at", "since", "first_day", "day", "snapshot", "period")


def told_moment(numbers: Mapping[str, Any], partition: str) -> datetime | None:
    """When it began, by data time: what the figures say, else the partition; None where neither tells.

    Data is late from the moment at which its newest event was as old as it may be.
    """
    if isinstance(numbers.get("newest"), str) and isinstance(numbers.get("limit_hours"), int | float):
        newest = datetime.fromisoformat(numbers["newest"]).replace(tzinfo=UTC)
        return newest + timedelta(hours=float(numbers["limit_hours"]))
    for text in (*(numbers.get(name) for name in _MOMENTS), partition):
        if isinstance(text, str) and text:
            try:
                moment = datetime.fromisoformat(text)
            except ValueError:
                continue
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None


def _column(numbers: Mapping[str, Any], evidence: Sequence[Mapping[str, Any]]) -> str:
    named = numbers.get("column")
    if isinstance(named, str):
        return named
    columns = [str(row["column"]) for row in evidence if row.get("column")]
    return columns[0] if columns else column_of_numbers(numbers)


_STEPS = """
with made as (
    from wh.ops.steps where status in ('made', 'failed')
    qualify row_number() over (partition by asset order by started_at desc, run_id, step desc) = 1
), judged as (
    from wh.ops.steps where status in ('made', 'judged')
    qualify row_number() over (partition by asset order by ended_at desc, run_id, step desc) = 1
), wrong as (
    select * from made where status = 'failed' and not exists (from wh.ops.batches b where b.asset = made.asset and b.wall_time > made.ended_at)
    union all
    select * from judged where contains(message, 'could not be judged')
)
select w.asset, w.status, w.run_id, w.message, w.facts ->> '$.error', c.clock_time
from wrong w left join wh.ops.step_costs c on c.run_id = w.run_id and c.step = w.step order by w.asset, w.status
"""


def _failed_steps(bench: Workbench, watch: Watch) -> Iterator[Signal]:
    """Assets whose newest step failed, and which have not been made since nor come to need nothing; checks that raised."""
    now = watch.context.now
    for asset, status, run_id, message, code, clock in bench.rows(_STEPS):
        node = watch.asset(asset)
        if node is None or (status == "failed" and not node.stale(bench, watch.context, node.partitions(now))):
            continue
        lines = str(message).splitlines()
        got = next((line.strip() for line in lines[1:] if line.strip().startswith("got:")), "")
        yield Signal(
            "step", "making_it_succeeds" if status == "failed" else "checks_can_be_judged", cause_of_message(code, message), "error",
            clock.replace(tzinfo=UTC) if clock is not None else now, f"{lines[0] if lines else 'failed'}{f'; {got}' if got else ''}",
            asset, asset, code=code or "", numbers={"run": run_id}, place=node.place,
        )  # fmt: skip


def cause_of_message(code: str | None, message: str) -> Cause:
    """What a failed step speaks for: a full disk and a held lock say so, else the code of its error does."""
    lowered = message.lower()
    if (
        "no space left" in lowered
        or "disk full" in lowered
        or "errno 28" in lowered
        or "max_temp_directory_size" in lowered
    ):
        return "disk"
    if "is held by" in lowered:
        return "lock"
    return cause_of_code(code or "") or "failed_run"


def with_known_beginnings(signals: Sequence[Signal], known: Mapping[str, datetime]) -> list[Signal]:
    """What was seen before began when it was first seen, or earlier."""
    return [
        replace(signal, began_at=min(signal.began_at, known.get(signal.key, signal.began_at))) for signal in signals
    ]
