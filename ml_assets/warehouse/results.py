"""What a check found, and the durable book of such findings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ml_assets.warehouse.history import append_history
from ml_assets.warehouse.manifest import UNPARTITIONED, insert_rows, naive_utc
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

Status = Literal["passed", "failed", "not_applicable"]
MAX_EVIDENCE_ROWS = 20


@dataclass(frozen=True)
class CheckFinding:
    """The outcome of one check on one partition (the empty text for an unpartitioned table).

    `not_applicable` means that the rule could not be judged; the summary says why. It never counts as passed.
    `evidence` holds at most `MAX_EVIDENCE_ROWS` bad rows.
    """

    check: str
    status: Status
    summary: str
    partition: str = UNPARTITIONED
    numbers: Mapping[str, float | int | str | None] = field(default_factory=dict)
    evidence: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def judged(cls, check: str, held: bool, summary: str, **facts: Any) -> CheckFinding:
        """Passed or failed, by `held`."""
        return cls(check, "passed" if held else "failed", summary, **facts)


def record_findings(
    bench: Workbench, name: TableName, rules: Mapping[str, tuple[str, str, bool]], contents: Mapping[str, str],
    findings: Iterable[CheckFinding], now: datetime,
) -> None:  # fmt: skip
    """Inside a commit: keep findings beside the content they judged, and in the history of checks.

    `rules`: check → (code, severity, blocking).
    """
    values = []
    for finding in findings:
        code, severity, blocking = rules[finding.check]
        values.append(
            [str(name), finding.partition, finding.check, code, finding.status, severity, blocking,
             contents.get(finding.partition, ""), finding.summary, json.dumps(dict(finding.numbers), default=str),
             json.dumps([dict(row) for row in finding.evidence], default=str), naive_utc(now)]
        )  # fmt: skip
    insert_rows(bench, "ops.checks", values)
    append_history(bench, values, now)


def blocking_failures(bench: Workbench, names: Iterable[TableName]) -> list[tuple[str, str, str, str]]:
    """(asset, partition, check, summary) of failed blocking checks that judged the content now in the warehouse."""
    return [
        (str(row[0]), str(row[1]), str(row[2]), str(row[3]))
        for row in bench.rows(
            "select c.asset, c.partition, c.check_name, c.summary from wh.ops.checks c join wh.ops.manifest m "
            "on m.asset = c.asset and (m.partition = c.partition) and m.content = c.content "
            "where c.status = 'failed' and c.severity = 'error' and c.blocking and list_contains(?, c.asset) order by all",
            [[str(name) for name in names]],
        )
    ]


def stored_findings(bench: Workbench, name: TableName, partitions: Sequence[str]) -> list[CheckFinding]:
    """Inside a reading block: what the checks of these partitions said last, in order of partition and check."""
    rows = bench.rows(
        "select check_name, status, summary, partition, numbers, evidence from wh.ops.checks "
        "where asset = ? and list_contains(?, partition) order by partition, check_name",
        [str(name), list(partitions)],
    )
    return [
        CheckFinding(check, status, summary, partition, json.loads(numbers), json.loads(evidence))
        for check, status, summary, partition, numbers, evidence in rows
    ]


def to_be_judged(bench: Workbench, name: TableName, partitions: Sequence[str]) -> dict[str, str]:
    """Inside a reading block: partition → why its content, as it is now, has to be judged (again).

    What no check has judged, because a run was killed in between; and what blocks its consumers, since the check may have
    been corrected or its surroundings repaired.
    """
    rows = bench.rows(
        "select m.partition, count(c.check_name), count(*) filter (where c.status = 'failed' and c.severity = 'error' and c.blocking) "
        "from wh.ops.manifest m left join wh.ops.checks c "
        "on c.asset = m.asset and c.partition = m.partition and c.content = m.content "
        "where m.asset = ? and list_contains(?, m.partition) group by 1 order by 1",
        [str(name), list(partitions)],
    )
    return {
        partition: "a blocking check did not hold" if judged else "not judged yet"
        for partition, judged, failed in rows
        if failed or not judged
    }
