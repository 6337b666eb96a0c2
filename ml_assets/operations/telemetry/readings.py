"""What a reading of the books found, as plain numbers by metric and labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ml_assets.operations.telemetry.catalogue import CATALOGUE

Labels = tuple[str, ...]


@dataclass(frozen=True)
class Histogram:
    """Observations: upper bound → how many were at most that, their number and their sum."""

    buckets: Mapping[float, int]
    count: int
    sum: float


@dataclass
class Reading:
    """Values by metric and label values. What is not known has no value: it is absent, not 0."""

    values: dict[str, dict[Labels, float]] = field(default_factory=dict)
    histograms: dict[str, dict[Labels, Histogram]] = field(default_factory=dict)

    def put(self, name: str, value: float | None, *labels: str) -> None:
        """Note one value; None notes nothing."""
        assert len(labels) == len(CATALOGUE[name].labels), name
        if value is not None:
            self.values.setdefault(name, {})[labels] = float(value)

    def put_rows(self, name: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Note rows of label values followed by the value."""
        for *labels, value in rows:
            assert value is None or isinstance(value, int | float), name
            self.put(name, value, *map(str, labels))

    def put_histogram(self, name: str, histogram: Histogram, *labels: str) -> None:
        """Note a histogram."""
        self.histograms.setdefault(name, {})[labels] = histogram

    def including(self, other: Reading) -> Reading:
        """Both; where both know a value, the other's."""
        found = Reading({name: dict(known) for name, known in self.values.items()}, dict(self.histograms))
        for name, known in other.values.items():
            found.values[name] = found.values.get(name, {}) | known
        found.histograms |= other.histograms
        return found
