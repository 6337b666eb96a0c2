"""The reference project's state on a small simulated shop: 20,000 rows in a year of daily files."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from ml_assets.warehouse.lock import WarehouseLock
from ml_assets_tests.e2e.state import ml_assets

NOW = "2011-12-10"
DEMO = ("demo", "--rows", "20000", "--seed", "5")


@dataclass(frozen=True)
class SmallShop:
    """A state folder; its clock stands at the day after the shop's last one."""

    home: Path

    @staticmethod
    def make(home: Path) -> None:
        """`ml-assets demo`, on the day after the shop's last one."""
        shop = SmallShop(home)
        shop.set_clock(NOW)
        result = shop.run(*DEMO)
        assert result.returncode == 0, result.stdout + result.stderr

    def set_clock(self, day: str) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "now").write_text(day, encoding="utf-8")

    def copied_to(self, home: Path) -> SmallShop:
        """The same state, for a test that changes it."""
        with WarehouseLock(self.home / "warehouse.duckdb", deadline_seconds=20).shared():
            shutil.copytree(self.home, home, ignore=shutil.ignore_patterns("scratch"))
        return SmallShop(home)

    @property
    def landing(self) -> Path:
        return self.home / "landing" / "retail"

    def run(self, *words: str) -> CompletedProcess[str]:
        """`ml-assets` on this state."""
        return ml_assets(self.home, *words)
