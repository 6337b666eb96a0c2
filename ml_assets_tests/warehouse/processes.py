"""Programs that the lock tests start as processes of their own: `python -m ml_assets_tests.warehouse.processes <which> …`."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from pathlib import Path

import duckdb

from ml_assets.warehouse.asset import TableAsset
from ml_assets.warehouse.manifest import ManifestRow, partition_contents, record
from ml_assets.warehouse.names import TableName
from ml_assets_tests.builders import NOW, Lab

LEDGER = TableName("staging", "ledger")
RAW_COLUMNS = {
    "customer_id": {"type": "integer", "nullable": False},
    "amount": {"type": "integer", "min": 0},
    "event_time": {"type": "timestamp", "nullable": False},
}
STAGING_SQL = "select customer_id, amount, event_time from raw.events"


def say(word: object) -> None:
    """Tell the process that waits for it."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def pipeline(root: Path) -> tuple[Lab, list[TableAsset]]:
    """Landing files → raw → staging → features, in the laboratory at `root`."""
    lab = Lab(root)
    raw = lab.raw_table(RAW_COLUMNS, event_time="event_time")
    staging = lab.sql_table(STAGING_SQL, "events", event_time="event_time")
    return lab, [raw, staging, lab.feature_set()]


def land_events(lab: Lab, number: int, *, more: int = 0) -> None:
    """File `number`: a week of events with two rows that break the contract. `more` changes its content."""
    monday = NOW.replace(tzinfo=None) - timedelta(weeks=20 - number)
    rows = [
        [(7 * row + number) % 50, (row * row) % 97 + more, monday + timedelta(minutes=row)] for row in range(400)
    ]  # fmt: skip
    lab.land(
        f"events-{number:02}.csv", ["customer_id", "amount", "event_time"], [*rows, [1, -1, monday], [2, "x", monday]]
    )


def run_pipeline(root: Path) -> None:
    """Say when work begins, then bring everything up to date."""
    lab, assets = pipeline(root)
    say("begins")
    for asset in assets:
        lab.run(asset)
    say("ends")


def write_ledger(root: Path, writer: int, commits: int, seconds: float) -> None:
    """Commit `commits` partitions of the ledger, round after round until `seconds` have passed.

    Partition `writer-i` holds `writer * 1000 + i` once for each of its rows, and each commit counts itself in a shared
    counter that is read and written: a lost commit would be missing there.
    """
    lab = Lab(root)
    began, done = time.monotonic(), 0
    while done < commits or time.monotonic() - began < seconds:
        number = done % commits
        with lab.warehouse.workbench(1) as bench:
            key = f"{2000 + writer:04}-{1 + number // 28:02}-{1 + number % 28:02}"
            bench.execute(
                f"create table mine as select timestamp '{key}' as snapshot, {writer * 1000 + number}::bigint as amount "
                f"from range({10 + done % 7})"
            )
            with bench.committing():
                count = bench.value("select commits from wh.ops.counter")
                bench.replace_rows(LEDGER, "mine", "snapshot", [key])
                rows, content = partition_contents(bench, "mine", "snapshot")[key]
                record(bench, [ManifestRow(str(LEDGER), key, {}, "", rows, content, count, lab.now, 0.0)])
                bench.execute("update wh.ops.counter set commits = ?", [count + 1])
        done += 1
    say(done)


def read_ledger(root: Path, stop: Path) -> None:
    """Read until `stop` exists; every reading must see table and manifest agree. Prints how often it read."""
    lab = Lab(root)
    readings = 0
    while not stop.exists():
        with lab.warehouse.reading(1) as bench:
            stored = partition_contents(bench, LEDGER.quoted, "snapshot") if bench.has_table(LEDGER) else {}
            booked = {
                row[0]: (row[1], row[2]) for row in bench.rows("select partition, rows, content from wh.ops.manifest")
            }
        if stored != booked:
            raise SystemExit(f"torn: {sorted(set(stored.items()) ^ set(booked.items()))[:3]}")
        readings += 1
    say(readings)


def hold_file(path: Path, seconds: float) -> None:
    """A DuckDB client that knows nothing of our lock: opens the file for writing and keeps it."""
    connection = duckdb.connect(str(path))
    say("holds")
    time.sleep(seconds)
    connection.close()


def main(which: str, *arguments: str) -> None:
    """Run one of the programs."""
    if which == "pipeline":
        run_pipeline(Path(arguments[0]))
    elif which == "write":
        write_ledger(Path(arguments[0]), int(arguments[1]), int(arguments[2]), float(arguments[3]))
    elif which == "read":
        read_ledger(Path(arguments[0]), Path(arguments[1]))
    elif which == "hold":
        hold_file(Path(arguments[0]), float(arguments[1]))
    else:
        raise SystemExit(f"unknown program {which}")


if __name__ == "__main__":
    main(*sys.argv[1:])
