"""The history of checks: every verdict counts on its day, equal ones take no further row, an older file learns to keep it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ml_assets.warehouse.history import check_history, pass_rates
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import CheckFinding, record_findings, stored_findings
from ml_assets.warehouse.store import Warehouse
from ml_assets_tests.builders import Lab, instant

TABLE, OTHER = TableName("raw", "orders"), TableName("raw", "returns")
MONDAY = instant("2011-05-02T06:00")
RULES = {"rows_are_good": ("DQ001", "error", True), "rows_are_new": ("FR001", "warn", False)}


def give(lab: Lab, at: datetime, *findings: CheckFinding, content: str = "1:a", table: TableName = TABLE) -> None:
    with lab.warehouse.committing() as bench:
        record_findings(bench, table, RULES, dict.fromkeys(("", "2011-05-02"), content), findings, at)


def good(status: str = "passed", said: str = "fine", partition: str = "") -> CheckFinding:
    return CheckFinding("rows_are_good", status, said, partition, {"rows": 3})  # type: ignore[arg-type]


def test_equal_verdict_of_later_days_counts_on_each_day_and_takes_one_row(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    for day in (0, 1, 1, 5):
        give(lab, MONDAY + timedelta(days=day), good())

    assert lab.rows(
        "select times, list_transform(days, lambda d: strftime(d, '%d')), evaluated_at, last_evaluated_at from wh.ops.check_history"
    ) == [(4, ["02", "03", "07"], datetime(2011, 5, 2, 6), datetime(2011, 5, 7, 6))]
    with lab.warehouse.reading() as bench:
        rates = pass_rates(bench, MONDAY, instant("2011-05-08"))
    assert [(rate.key, rate.passed, rate.share) for rate in rates] == [
        ("2011-05-02", 1, 1.0), ("2011-05-03", 1, 1.0), ("2011-05-07", 1, 1.0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("later", "content"),
    [
        pytest.param(good("failed", "fine"), "1:a", id="status"),
        pytest.param(good(said="still fine"), "1:a", id="words"),
        pytest.param(good(), "1:b", id="content"),
    ],
)
def test_other_verdict_takes_a_row_and_so_does_its_return(tmp_path: Path, later: CheckFinding, content: str) -> None:
    lab = Lab(tmp_path)
    give(lab, MONDAY, good())
    give(lab, MONDAY + timedelta(days=1), later, content=content)
    give(lab, MONDAY + timedelta(days=2), good())

    with lab.warehouse.reading() as bench:
        told = check_history(bench, MONDAY, MONDAY + timedelta(days=9))
        assert [found.summary for found in stored_findings(bench, TABLE, [""])] == ["fine"]
    assert [f"{verdict.day:%d}" for verdict in told] == ["02", "03", "04"]
    assert [(verdict.status, verdict.summary) for verdict in told] == [
        ("passed", "fine"), (later.status, later.summary), ("passed", "fine")
    ]  # fmt: skip
    assert told[0].evaluated_at == told[0].last_evaluated_at == MONDAY
    assert told[0].recorded_at > MONDAY


def test_pass_rate_by_asset_leaves_apart_what_could_not_be_judged(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    give(lab, MONDAY, good(), good("failed", "bad", "2011-05-02"), CheckFinding("rows_are_new", "not_applicable", "no"))
    give(lab, MONDAY + timedelta(days=1), good(said="other"))
    give(lab, MONDAY, CheckFinding("rows_are_new", "not_applicable", "no"), table=OTHER)

    with lab.warehouse.reading() as bench:
        rates = {rate.key: rate for rate in pass_rates(bench, MONDAY, MONDAY + timedelta(days=2), "asset")}
        days = pass_rates(bench, MONDAY + timedelta(days=1), MONDAY + timedelta(days=2))
        alone = check_history(bench, MONDAY, MONDAY + timedelta(days=1), [OTHER])
    first, other = rates["raw.orders"], rates["raw.returns"]
    assert (first.passed, first.failed, first.not_applicable, first.share) == (2, 1, 1, 2 / 3)
    assert other.share is None
    assert [(rate.key, rate.passed) for rate in days] == [("2011-05-03", 1)]
    assert [(verdict.asset, verdict.code) for verdict in alone] == [("raw.returns", "FR001")]


def test_daily_judging_of_many_partitions_grows_by_changes_only(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    keys = [f"2011-{month:02}-01" for month in range(1, 13)]
    for day in range(6):
        give(lab, MONDAY + timedelta(days=day), *(good(partition=key) for key in keys))
    give(
        lab,
        MONDAY + timedelta(days=6),
        *(good("failed" if key == keys[4] else "passed", partition=key) for key in keys),
    )

    assert lab.rows("select count(*), sum(times)::int from wh.ops.check_history") == [(13, 84)]


def test_file_of_an_earlier_version_gets_the_books_and_columns_that_it_lacks(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    give(lab, MONDAY, good())
    old = tmp_path / "old" / "warehouse.duckdb"
    old.parent.mkdir()
    old.write_bytes(lab.warehouse.path.read_bytes())
    with duckdb.connect(str(old)) as connection:
        connection.execute(
            "drop table ops.check_history; drop table ops.incidents; comment on table ops.manifest is null"
        )
        connection.execute("alter table ops.batches drop column package_version")
    lab.warehouse = Warehouse(old, tmp_path / "scratch", lab.settings)
    give(lab, MONDAY, good())

    assert lab.rows("select count(*) from wh.ops.check_history") == [(1,)]
    assert lab.rows("select package_version from wh.ops.batches") == []
    assert lab.rows("select count(*) from wh.ops.incidents") == [(0,)]
