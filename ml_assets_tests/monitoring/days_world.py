"""A steady table of orders, a file a day, and a monitor of its days: 60 days are loaded, the next one is the test's."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.monitoring.days import DaysAsset
from ml_assets.monitoring.days_stretches import Stretch, unusual_stretches
from ml_assets.specs import MonitorSpec
from ml_assets.warehouse.results import CheckFinding
from ml_assets_tests.builders import Lab

HEADER = ("order_id", "customer_id", "country", "amount", "pieces", "email", "ordered_at")
COLUMNS: dict[str, Any] = {
    "order_id": {"type": "integer", "nullable": False},
    "customer_id": {"type": "integer"},
    "country": {"type": "string"},
    "amount": {"type": "float"},
    "pieces": {"type": "integer"},
    "email": {"type": "string", "pii": True},
    "ordered_at": {"type": "timestamp", "nullable": False},
}
FIRST, HISTORY, ROWS = date(2024, 1, 1), 60, 120
NEXT = FIRST + timedelta(days=HISTORY)
Row = list[Any]
PLACE = {name: place for place, name in enumerate(HEADER)}


def rows_of(day: date) -> list[Row]:
    """The orders of one day: about 120 in 12 hours, a tenth without a customer, four in five from one country."""
    number = (day - FIRST).days
    random = np.random.default_rng([11, number])
    count = int(ROWS + random.integers(-6, 7))
    made = []
    for place in range(count):
        at = datetime.combine(day, time(8), UTC) + timedelta(seconds=12 * 3600 * place / count)
        made.append(
            [number * 1000 + place, "" if random.random() < 0.1 else int(random.integers(1, 900)),
             "GB" if random.random() < 0.8 else "FR", round(float(np.exp(3 + 0.5 * random.normal())), 2),
             int(random.integers(1, 9)), f"p{random.integers(1, 900)}@example.org", f"{at:%Y-%m-%d %H:%M:%S}"]
        )  # fmt: skip
    return made


@dataclass
class DaysWorld:
    """A warehouse with the loaded history; `at` the clock's time from then on."""

    lab: Lab
    orders: RawTableAsset
    days: DaysAsset

    @classmethod
    def empty(cls, root: Path, *, severity: str = "warn", per: str = "year", **changes: Any) -> DaysWorld:
        declared = {"event_time": "ordered_at", **changes}
        lab = Lab(root, clock(NEXT))
        orders = lab.raw_table(COLUMNS, "orders", **declared)
        spec = MonitorSpec.model_validate(
            {"name": "orders", "table": "raw.orders", "severity": severity, "false_alarms": {"per": per}}
        )
        return cls(lab, orders, DaysAsset(spec, orders, "test.yaml:1", "test"))

    @classmethod
    def loaded(cls, root: Path, **changes: Any) -> DaysWorld:
        """With the history in one load, on the morning after its last day."""
        world = cls.empty(root, **changes)
        for number in range(HISTORY):
            world.land(FIRST + timedelta(days=number))
        world.run()
        return world

    def copied_to(self, root: Path) -> DaysWorld:
        shutil.copytree(self.lab.root, root, ignore=shutil.ignore_patterns("scratch"))
        lab = Lab(root, self.lab.now)
        return replace(self, lab=lab)

    def land(
        self, day: date, change: Callable[[list[Row]], Iterable[Row]] = list, *, header: Sequence[str] = HEADER, file: str = ""
    ) -> Path:  # fmt: skip
        """Write the file of `day`, with its rows as `change` leaves them."""
        return self.lab.land(file or f"orders-{day}.csv", header, change(rows_of(day)))

    def run(self, at: datetime | None = None) -> None:
        """Load what landed and look at the days, at `at` or as late as before."""
        self.load(at or self.lab.now)
        self.lab.run(self.days)

    def load(self, at: datetime) -> None:
        """Load what landed."""
        self.lab.now = at
        self.lab.run(self.orders)

    def pass_days(self, count: int, since: date = NEXT) -> None:
        """Land and load one good file a day, each on the next morning, and look at the days after the last."""
        for number in range(count):
            self.land(since + timedelta(days=number))
            self.load(clock(since + timedelta(days=number + 1)))
        self.lab.run(self.days)

    def findings(self) -> dict[str, CheckFinding]:
        """Code → finding of every check of the days."""
        return {check.code: self.lab.findings(self.days, check)[""] for check in self.days.checks}

    def failed(self) -> dict[str, CheckFinding]:
        return {code: finding for code, finding in self.findings().items() if finding.status == "failed"}

    def stretches(self) -> list[Stretch]:
        with self.lab.warehouse.reading() as bench:
            return unusual_stretches(bench, self.days.name)

    def raw_failures(self) -> set[str]:
        """Codes of the failed checks of the raw table."""
        return {
            check.code for check in self.orders.checks if self.lab.findings(self.orders, check)[""].status == "failed"
        }


def clock(day: date, hour: int = 6) -> datetime:
    """The morning of a day."""
    return datetime.combine(day, time(hour), UTC)
