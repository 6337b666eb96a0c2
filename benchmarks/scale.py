"""Ingest and features of simulated shops of growing size: time a row and peak memory."""

from __future__ import annotations

import argparse
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.processes import fresh, ml_assets, run
from ml_assets.simulate import ShopSpec, write_shop

LAST_DAY, NOW = date(2011, 12, 9), "2011-12-10"
SELECTION = "raw.* staging.* features.*"


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """One shop a size, of a year: more customers, not more days, so that features grow with the rows."""
    figures = {}
    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            home = fresh(Path(folder) / "state")
            shop = write_shop(ShopSpec.of_rows(rows, last_day=LAST_DAY), home / "landing" / "retail")
            environment = {"ML_ASSETS_HOME": str(home), "ML_ASSETS_NOW": NOW}
            ingest = run(ml_assets("run", "raw.*"), environment)
            rest = run(ml_assets("run", SELECTION), environment)
            microseconds = (ingest.seconds + rest.seconds) / shop.rows * 1e6
            peak = max(ingest.megabytes, rest.megabytes)
            print(
                f"  {shop.rows:>11,} rows: ingest {ingest.seconds:.1f} s, staging and features {rest.seconds:.1f} s, "
                f"{microseconds:.1f} µs a row, peak {peak:,.0f} MB",
                flush=True,
            )
            figures[str(shop.rows)] = {
                "ingest": ingest.seconds,
                "features": rest.seconds,
                "us_per_row": microseconds,
                "peak_mb": peak,
            }
    return figures
