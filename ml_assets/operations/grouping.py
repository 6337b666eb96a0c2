"""Signals → causes: what a signal upstream, at the same time or before, explains is a symptom of it and no cause of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ml_assets.graph.compile import Graph
from ml_assets.operations.causes import CONSEQUENCES, rank
from ml_assets.operations.column_reach import Reached
from ml_assets.operations.signals import Signal
from ml_assets.warehouse.names import TableName

# A snapshot a week later is the first that a day's fault can be seen in.
_REACH = timedelta(days=8)
_MACHINE = ("lock", "disk")
# A file that is refused is why the table's newest row grows old.
_KEEP_DATA_OUT = ("schema", "quarantine")


@dataclass(frozen=True)
class Group:
    """Signals of one cause: the one that explains the others, and those in order of their beginning."""

    root: Signal
    symptoms: tuple[Signal, ...]

    @property
    def signals(self) -> tuple[Signal, ...]:
        return (self.root, *self.symptoms)


def grouped(signals: Sequence[Signal], graph: Graph, reached: Reached | None = None) -> list[Group]:
    """Every signal in exactly one group; groups in order of the graph. `reached` says what a column reaches, where that is
    known: else everything that is made from its table counts."""
    lineage = _Lineage(graph, reached or {})
    order = sorted(signals, key=lambda signal: _order(signal, lineage))
    root_of: dict[str, Signal] = {}
    for position, signal in enumerate(order):
        parent = next((earlier for earlier in order[:position] if _explains(earlier, signal, lineage)), None)
        root_of[signal.key] = root_of[parent.key] if parent is not None else signal
    members: dict[str, list[Signal]] = {}
    for signal in order:
        members.setdefault(root_of[signal.key].key, []).append(signal)
    return [
        Group(found[0], tuple(sorted(found[1:], key=lambda signal: (signal.began_at, *_order(signal, lineage)))))
        for found in members.values()
    ]


class _Lineage:
    """Positions in the graph, and what is made from what."""

    def __init__(self, graph: Graph, reached: Reached) -> None:
        self._graph = graph
        self._reached = reached
        self._positions = {str(name): position for position, name in enumerate(graph.assets)}
        self._made_from: dict[str, frozenset[str]] = {}

    def position(self, name: str) -> int:
        return self._positions.get(name, -1)

    def is_upstream(self, above: str, column: str, below: str) -> bool:
        """Whether `below` is made from `above`, or from one column of it, over however many tables."""
        if (above, column) in self._reached:
            return below in self._reached[above, column]
        if above not in self._positions:
            return False
        if above not in self._made_from:
            found = self._graph.downstream({TableName.parse(above)})
            self._made_from[above] = frozenset(str(name) for name in found) - {above}
        return below in self._made_from[above]


def _order(signal: Signal, lineage: _Lineage) -> tuple[object, ...]:
    """Those that explain come before those that are explained: by kind of cause, by place in the graph, by time."""
    tier, within = rank(signal.cause)
    return (tier, lineage.position(signal.subject), within, _day(signal.began_at), -_weight(signal), signal.key)


def _weight(signal: Signal) -> float:
    """How much a signal stands out among its like: errors before warnings, then by the largest share it names."""
    shares = [
        v
        for k, v in signal.numbers.items()
        if isinstance(v, int | float) and k.rpartition(".")[2] in ("share", "null_share", "value")
    ]
    return (signal.severity == "error") * 2 + max((min(abs(float(share)), 1.0) for share in shares), default=0.0)


def _day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _explains(above: Signal, below: Signal, lineage: _Lineage) -> bool:
    """Whether one signal can be why there is the other: upstream or in the same table, of a cause that comes no later, and
    begun on the same day or before, while it lasted."""
    if above.cause in _MACHINE:
        return below.cause in CONSEQUENCES or below.cause == above.cause
    if _has_no_rows_as(above, below):
        return True
    if rank(above.cause)[0] > rank(below.cause)[0] or not _in_time(above, below) or not _may_stand_behind(above, below):
        return False
    if above.subject == below.subject:
        return _alike_in_table(above, below)
    return lineage.is_upstream(above.subject, above.column, below.subject)


def _has_no_rows_as(above: Signal, below: Signal) -> bool:
    """Days without rows are why a table has grown too old: one trouble, though age is told some days after the first of them."""
    late = above.cause == "late_upstream" and above.severity == "error" and below.cause == "volume"
    return late and above.subject == below.subject and abs(_day(above.began_at) - _day(below.began_at)) <= _REACH


def _may_stand_behind(above: Signal, below: Signal) -> bool:
    """A statement that fails names its own fault, behind which other columns may be, but no late or missing values; what is
    declared of owners and monitors follows from nothing in the data."""
    if below.cause == "unwatched":
        return above.cause == "unwatched"
    return above.cause in ("schema", "code") or below.kind != "step" or below.cause != "code"


def _in_time(above: Signal, below: Signal) -> bool:
    began = _day(above.began_at)
    lasting = below.cause in CONSEQUENCES or (below.cause == "late_upstream" and above.cause in _KEEP_DATA_OUT)
    if lasting and above.severity == "error":
        return True
    return began <= _day(below.began_at) <= _day(above.last_at or above.began_at) + _REACH


def _alike_in_table(above: Signal, below: Signal) -> bool:
    """In one table: the same thing seen twice, faults of the data that came on one day, or a later kind of cause."""
    if rank(above.cause)[0] < rank(below.cause)[0] or above.fingerprint == below.fingerprint:
        return True
    if (below.cause == "late_upstream" and above.cause in _KEEP_DATA_OUT) or (above.cause, below.cause) == (
        "base_rate",
        "performance",
    ):
        return True
    return _day(above.began_at) == _day(below.began_at)
