"""Checks as data: a name that states a proposition, a code, and a function that returns findings with evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ml_assets.errors import shortened
from ml_assets.specs.base import Severity
from ml_assets.warehouse.manifest import UNPARTITIONED
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets.warehouse.results import MAX_EVIDENCE_ROWS, CheckFinding
from ml_assets.warehouse.store import Workbench


@dataclass(frozen=True)
class CheckScope:
    """What a check may look at: a workbench that reads the warehouse, the table, the asked partitions, the time."""

    bench: Workbench
    table: TableName
    partitions: Sequence[str]
    now: datetime
    partition_column: str | None = None
    hidden: frozenset[str] = frozenset()

    @property
    def relation(self) -> str:
        """SQL: the table's rows in the asked partitions."""
        if self.partition_column is None:
            return self.table.quoted
        moments = ", ".join(f"timestamp {literal(key)}" for key in self.partitions) or "null"
        return f"(select * from {self.table.quoted} where {quoted(self.partition_column)} in ({moments}))"

    @property
    def key_sql(self) -> str:
        """SQL: the partition key of a row of `relation`."""
        if self.partition_column is None:
            return f"'{UNPARTITIONED}'"
        return f"strftime({quoted(self.partition_column)}, '%Y-%m-%d')"

    def evidence(self, query: str) -> list[dict[str, Any]]:
        """At most `MAX_EVIDENCE_ROWS` rows of `query`, personal data masked, long texts shortened."""
        rows = self.bench.records(f"select * from ({query}) limit {MAX_EVIDENCE_ROWS}")
        return [{name: self._shown(name, value) for name, value in row.items()} for row in rows]

    def _shown(self, name: str, value: object) -> object:
        if name in self.hidden and value is not None:
            return "(personal data)"
        return shortened(value) if isinstance(value, str) else value

    def grouped(self, expressions: Mapping[str, str], relation: str | None = None) -> dict[str, dict[str, Any]]:
        """Aggregates by partition key, in as few scans as memory allows; partitions without rows are left out."""
        found: dict[str, dict[str, Any]] = {}
        asked = list(expressions.items())
        for begin in range(0, max(len(asked), 1), _MOST_AGGREGATES):
            some = asked[begin : begin + _MOST_AGGREGATES]
            listed = "".join(f", {sql} as {quoted(name)}" for name, sql in some)
            query = f"select {self.key_sql} as partition_key, count(*) as rows{listed} from {relation or self.relation} group by 1"
            for row in self.bench.records(query):
                found.setdefault(row.pop("partition_key"), {}).update(row)
        return found


# The engine keeps a vector for every node of every expression of a statement.
_MOST_AGGREGATES = 400


Judge = Callable[[CheckScope], list[CheckFinding]]


@dataclass(frozen=True)
class Check:
    """A rule about a table. `code` is stable for machines; `blocking` keeps consumers from reading a broken table."""

    name: str
    code: str
    description: str
    judge: Judge = field(compare=False, repr=False)
    severity: Severity = "error"
    blocking: bool = False

    def findings(self, scope: CheckScope) -> list[CheckFinding]:
        """One finding for each asked partition, never fewer: what the judge left out is not applicable."""
        found = {finding.partition: finding for finding in self.judge(scope)}
        return [
            found.get(key) or CheckFinding(self.name, "not_applicable", "no rows to judge", key)
            for key in scope.partitions
        ]
