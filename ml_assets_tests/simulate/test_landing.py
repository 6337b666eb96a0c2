import gzip
import hashlib
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ml_assets.simulate import FileFormat, ShopSpec, SimulationError, landing_days, write_shop

SMALL = ShopSpec(customers=150, days=60)
REAL_FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "online_retail" / "2010-12-01.csv"

WRITE_AND_HASH = """
import sys
from ml_assets.simulate import ShopSpec, write_shop
for form in ("csv", "csv.gz", "parquet"):
    write_shop(ShopSpec(customers=150, days=60), sys.argv[1], form)
"""


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def read(folder: Path) -> pl.DataFrame:
    texts = {"InvoiceNo": pl.String, "StockCode": pl.String, "CustomerID": pl.String}
    return pl.read_csv(folder / "*.csv", schema_overrides=texts)


def test_files_are_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    found = []
    for hash_seed, threads in (("1", "1"), ("2", "2")):
        folder = tmp_path / hash_seed
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "POLARS_MAX_THREADS": threads}
        subprocess.run([sys.executable, "-c", WRITE_AND_HASH, str(folder)], env=environment, check=True)
        found.append(hashes(folder))

    assert len(found[0]) > 100
    assert found[0] == found[1]


def test_another_seed_gives_another_shop() -> None:
    first, other = (next(iter(landing_days(ShopSpec(customers=150, days=5, seed=seed)))) for seed in (1, 2))

    assert first.rows.rows() != other.rows.rows()


@pytest.mark.parametrize("added", [1, 2, 9])
def test_added_days_leave_earlier_files_as_they_are(tmp_path: Path, added: int) -> None:
    write_shop(SMALL, tmp_path / "before")
    write_shop(SMALL.extended(added), tmp_path / "after")

    before, after = hashes(tmp_path / "before"), hashes(tmp_path / "after")

    assert before.items() <= after.items()
    assert all(name > f"{SMALL.last_day}.csv" for name in after.keys() - before.keys())


def test_writing_since_a_day_adds_just_the_later_files(tmp_path: Path) -> None:
    write_shop(SMALL.extended(3), tmp_path / "all")
    write_shop(SMALL, tmp_path / "grown")
    report = write_shop(SMALL.extended(3), tmp_path / "grown", since=SMALL.last_day + timedelta(days=1))

    assert 1 <= report.files <= 3
    assert hashes(tmp_path / "grown") == hashes(tmp_path / "all")


def test_writing_again_replaces_files_by_the_same_and_leaves_others(tmp_path: Path) -> None:
    write_shop(SMALL, tmp_path)
    before = hashes(tmp_path)
    (tmp_path / "2010-12-02.csv").write_text("damaged")
    (tmp_path / "notes.txt").write_text("mine")

    write_shop(SMALL, tmp_path)

    assert hashes(tmp_path).items() >= before.items()
    assert hashes(tmp_path).keys() - before.keys() == {"notes.txt"}


def test_a_failed_write_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_shop(SMALL, tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not REAL_FILE.exists(), reason=f"the real files are not on this machine: {REAL_FILE}")
def test_files_have_the_schema_of_the_real_ones(tmp_path: Path) -> None:
    write_shop(ShopSpec(customers=2000, days=14), tmp_path)
    made_file = tmp_path / "2010-12-14.csv"
    real, made = (pl.read_csv(path, infer_schema_length=None) for path in (REAL_FILE, made_file))

    assert made.schema == real.schema
    assert REAL_FILE.read_bytes().splitlines()[0] == made_file.read_bytes().splitlines()[0]
    for column, pattern in {
        "InvoiceNo": r"^[CA]?\d{6}$",
        "StockCode": r"^(\d{5}[A-Z]*|[A-Z]+)$",
        "InvoiceDate": r"^\d{4}-\d\d-\d\d \d\d:\d\d:00$",
    }.items():
        assert read(tmp_path)[column].str.contains(pattern).all()
    assert read(tmp_path)["CustomerID"].drop_nulls().str.contains(r"^\d{5}\.0$").all()


@pytest.mark.parametrize("file_format", ["csv.gz", "parquet"])
def test_every_format_holds_the_same_rows(tmp_path: Path, file_format: FileFormat) -> None:
    write_shop(SMALL, tmp_path)
    write_shop(SMALL, tmp_path, file_format)
    day = tmp_path / "2011-01-10"
    expected = pl.read_csv(f"{day}.csv", try_parse_dates=True, schema_overrides={"InvoiceNo": pl.String})

    if file_format == "parquet":
        assert_frame_equal(pl.read_parquet(f"{day}.parquet"), expected, check_dtypes=True)
    else:
        assert gzip.decompress(Path(f"{day}.csv.gz").read_bytes()) == Path(f"{day}.csv").read_bytes()


def test_a_file_holds_its_own_day_in_order_of_time_and_invoice() -> None:
    last = ""
    for landed in landing_days(SMALL):
        assert (landed.rows["InvoiceDate"].dt.date() == landed.day).all()
        assert landed.rows["InvoiceDate"].is_sorted()
        numbers = landed.rows["InvoiceNo"].str.strip_chars_start("CA")
        assert numbers.is_sorted()
        assert numbers[0] > last
        last = numbers[-1]


def test_closed_days_have_no_file() -> None:
    days = {landed.day for landed in landing_days(ShopSpec(customers=2000, days=60))}
    every = {date(2010, 12, 1) + timedelta(days=n) for n in range(60)}

    assert every - days == {day for day in every if day.weekday() == 5 or date(2010, 12, 24) <= day < date(2011, 1, 4)}


def test_report_counts_what_the_files_hold(tmp_path: Path) -> None:
    report = write_shop(SMALL, tmp_path)
    rows = read(tmp_path)

    assert report.files == len(list(tmp_path.iterdir()))
    assert report.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert report.rows == rows.height
    assert report.guest_rows == rows["CustomerID"].null_count()
    assert report.return_rows == rows["InvoiceNo"].str.starts_with("C").sum()
    assert report.zero_price_rows == (rows["UnitPrice"] == 0).sum()
    assert str(report.first_day) == min(path.stem for path in tmp_path.iterdir())
    assert str(report.last_day) == max(path.stem for path in tmp_path.iterdir())


@pytest.mark.parametrize("since", [None, date(2010, 12, 20)])
def test_progress_counts_every_calendar_day(tmp_path: Path, since: date | None) -> None:
    seen: list[tuple[int, int]] = []

    write_shop(SMALL, tmp_path, on_progress=lambda done, total: seen.append((done, total)), since=since)

    total = SMALL.days if since is None else SMALL.days - 19
    assert seen == [(n + 1, total) for n in range(total)]


def test_shop_that_has_not_opened_yet_writes_nothing(tmp_path: Path) -> None:
    report = write_shop(ShopSpec(first_day=date(2010, 12, 25), days=3), tmp_path)

    assert (report.files, report.rows, report.first_day) == (0, 0, None)


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r"csv or csv\.gz or parquet"):
        write_shop(SMALL, tmp_path, "xlsx")  # type: ignore[arg-type]


def test_since_after_the_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match="extend the shop"):
        write_shop(SMALL, tmp_path, since=SMALL.last_day + timedelta(days=1))
