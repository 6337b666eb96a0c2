"""The shop's landing files: one a trading day, written as a whole or not at all."""

import gzip
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Literal, NamedTuple, Self, get_args

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from ml_assets.simulate.catalogue import catalogue_of
from ml_assets.simulate.errors import SimulationError
from ml_assets.simulate.ledger import ledger_of
from ml_assets.simulate.lines import DayBook, Oddities, day_rows
from ml_assets.simulate.operating_time import OperatingTime
from ml_assets.simulate.spec import ShopSpec

FileFormat = Literal["csv", "csv.gz", "parquet"]
Progress = Callable[[int, int], None]

# Fixed sizes, since the defaults of writers may follow the number of threads: the bytes must not.
_ROW_GROUP = 1 << 20
_GZIP_LEVEL = 1


class LandingDay(NamedTuple):
    """The rows of one trading day."""

    day: date
    rows: pl.DataFrame
    oddities: Oddities


class ShopReport(BaseModel):
    """What one call of `write_shop` wrote: counts over all files of that call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: int = Field(description="Files written.")
    rows: int = Field(description="Rows in them, headers not counted.")
    bytes: int = Field(description="Size of the files as written.")
    first_day: date | None = Field(description="Day of the first file; none if nothing was written.")
    last_day: date | None = Field(description="Day of the last file; closed days have none.")
    guest_rows: int = Field(description="Rows without CustomerID, whatever else they are.")
    return_rows: int = Field(description="Rows of return invoices (C...).")
    repeated_rows: int = Field(description="Rows that repeat the row before them in full.")
    zero_price_rows: int = Field(description="Rows of stock write-offs at price 0 without description.")
    bad_debt_rows: int = Field(description="Rows that adjust a bad debt (A...).")
    absurd_price_rows: int = Field(description="Rows booked by hand at an absurd price.")

    @classmethod
    def empty(cls) -> Self:
        """The report of nothing written."""
        return cls(files=0, rows=0, bytes=0, first_day=None, last_day=None, **asdict(Oddities()))

    def with_file(self, landed: LandingDay, size: int) -> Self:
        """The report with one more file, of `size` bytes."""
        planted = {name: count + getattr(self, name) for name, count in asdict(landed.oddities).items()}
        counted = {
            "files": self.files + 1,
            "rows": self.rows + landed.rows.height,
            "bytes": self.bytes + size,
            "first_day": self.first_day or landed.day,
            "last_day": landed.day,
        }
        return self.model_copy(update=counted | planted)


def landing_days(spec: ShopSpec, *, since: date | None = None) -> Iterator[LandingDay]:
    """The rows of each day with trade, in order, from `since` on (default: all).

    One day's rows are held at a time. Columns as in the files; InvoiceDate is naive and means
    UTC, CustomerID is a floating-point number or null.
    """
    time = OperatingTime(spec)
    ledger = ledger_of(spec, time)
    catalogue = catalogue_of(spec)
    bounds = np.searchsorted(ledger.times, time.starts)
    for index in range(_index_of(spec, since), spec.days):
        first, stop = int(bounds[index]), int(bounds[index + 1])
        if first == stop:
            continue
        invoices = ledger.sliced(first, stop)
        minutes = time.minutes_of(invoices.times, np.full(stop - first, index))
        day = spec.first_day + timedelta(days=index)
        book = DayBook(day, first, invoices, minutes)
        yield LandingDay(day, *day_rows(spec, catalogue, book))


def write_shop(
    spec: ShopSpec,
    folder: Path | str,
    file_format: FileFormat = "csv",
    on_progress: Progress | None = None,
    *,
    since: date | None = None,
) -> ShopReport:
    """Writes the shop's files `YYYY-MM-DD.<file_format>` into `folder`, which is made if missing.

    A file appears under its name only when complete, and replaces one of that name; other files are left
    alone. The bytes follow from the spec alone. `since` leaves out the files of earlier days, for a shop that
    grew by a day. `on_progress` gets the calendar days done and in total, of those asked for, and is called
    for closed days too.
    """
    if file_format not in get_args(FileFormat):
        raise SimulationError("unknown file format", expected=" or ".join(get_args(FileFormat)), got=file_format)
    start = _index_of(spec, since)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    report, done = ShopReport.empty(), 0
    for landed in landing_days(spec, since=since):
        size = _write_whole(target / f"{landed.day}.{file_format}", _encoded(landed.rows, file_format))
        report = report.with_file(landed, size)
        done = _reported(on_progress, done, (landed.day - spec.first_day).days + 1 - start, spec.days - start)
    _reported(on_progress, done, spec.days - start, spec.days - start)
    return report


def _index_of(spec: ShopSpec, since: date | None) -> int:
    if since is None:
        return 0
    if since > spec.last_day:
        raise SimulationError(
            "the shop ends before the first day asked for",
            expected=f"since no later than {spec.last_day}",
            got=since,
            remedy="extend the shop: spec.extended(days)",
        )
    return max((since - spec.first_day).days, 0)


def _reported(on_progress: Progress | None, done: int, reached: int, total: int) -> int:
    if on_progress is not None:
        for day in range(done, reached):
            on_progress(day + 1, total)
    return reached


def _encoded(rows: pl.DataFrame, file_format: FileFormat) -> bytes:
    buffer = io.BytesIO()
    if file_format == "parquet":
        rows.write_parquet(buffer, compression="zstd", compression_level=3, row_group_size=_ROW_GROUP)
        return buffer.getvalue()
    rows.write_csv(buffer, datetime_format="%Y-%m-%d %H:%M:%S")
    if file_format == "csv":
        return buffer.getvalue()
    return gzip.compress(buffer.getvalue(), _GZIP_LEVEL, mtime=0)  # without mtime the time of writing would be in it


def _write_whole(path: Path, content: bytes) -> int:
    # A dot and another ending: no pattern for landing files matches the file while it grows.
    growing = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with growing.open("wb") as file:
            file.write(content)
        growing.replace(path)
    finally:
        growing.unlink(missing_ok=True)
    return len(content)
