"""What every node of the graph is: a table (or a partition of one) that knows its inputs, logic and checks.

Subclasses live in the rooms that make the data; Dagster meets all of them through one adapter in `components`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ml_assets.specs.base import Described
from ml_assets.specs.times import SnapshotSpec
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.manifest import UNPARTITIONED
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Warehouse, Workbench

SNAPSHOT_COLUMN = "snapshot"
Progress = Callable[[str, int, int], None]


def _silent(_label: str, _done: int, _total: int) -> None:
    """Progress nobody looks at."""


@dataclass(frozen=True)
class RunContext:
    """What a step may use of the world: the warehouse, a clock that was read once, and two ways to speak.

    `retrain` makes training sets due whatever their schedule says.
    """

    warehouse: Warehouse
    home: Home
    sql_root: Path
    now: datetime
    package_version: str
    run_id: str = ""
    log: Callable[[str], object] = print
    progress: Progress = _silent
    retrain: bool = False


@dataclass(frozen=True)
class Made:
    """What became of one asked partition. Unchanged ones were not written; `note` says why."""

    partition: str
    rows: int
    content: str
    changed: bool
    note: str


@dataclass(frozen=True)
class AssetReport:
    """What a materialisation did, and facts worth showing beside it."""

    made: tuple[Made, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return any(made.changed for made in self.made)


class TableAsset(ABC):
    """One node of the graph.

    `deps` are the tables it reads. `snapshots` is its partition grid, None for an unpartitioned table. `place` is the
    file and line of its declaration.
    """

    kinds: tuple[str, ...] = ("duckdb",)
    # What its steps will import: loaded ahead, while the engine works on something else.
    imports: tuple[str, ...] = ()
    # Made although something that it follows failed: it reads nothing of that.
    undeterred = False
    # Columns that some raw table of the use case declares personal: never shown, whatever table they have come to.
    personal: frozenset[str] = frozenset()

    def __init__(self, name: TableName, spec: Described, place: str, *, use_case: str) -> None:
        self.name = name
        self.spec = spec
        self.place = place
        self.use_case = use_case

    @property
    def snapshots(self) -> SnapshotSpec | None:
        return None

    @property
    @abstractmethod
    def deps(self) -> tuple[TableName, ...]:
        """Tables this one reads, in order of their names."""

    @property
    @abstractmethod
    def logic(self) -> str:
        """Fingerprint of what is done; equal logic on equal inputs makes equal rows."""

    @property
    @abstractmethod
    def checks(self) -> tuple[Check, ...]:
        """The rules about this table."""

    @property
    def description(self) -> str:
        return self.spec.description

    @property
    def max_age(self) -> str | None:
        """Declared span after which the newest materialisation counts as old; None takes the graph's default."""
        return None

    def partitions(self, now: datetime) -> list[str]:
        """Every partition key that exists at `now`; one empty key for an unpartitioned table."""
        return [UNPARTITIONED] if self.snapshots is None else self.snapshots.keys(now)

    @abstractmethod
    def stale(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, str]:
        """Inside a reading block: partition → why it has to be made; partitions that are current are left out."""

    @abstractmethod
    def materialize(self, context: RunContext, partitions: Sequence[str]) -> AssetReport:
        """Make what is stale of `partitions`; leave alone, and say so, what is current. Killed, it left old or new."""
