"""Each rule finds what it is for, shows it, and is silent otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_assets.specs import ColumnSpec, ReferenceSpec, VolumeSpec
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import MAX_EVIDENCE_ROWS, CheckFinding
from ml_assets.warehouse.rules import (
    column_checks,
    null_share_check,
    reference_check,
    repeated_rows_check,
    schema_check,
    unique_check,
    volume_check,
)
from ml_assets_tests.builders import Lab, instant

TABLE = TableName("staging", "given")
PARTITIONED = {"snapshot": "timestamp", "customer_id": "bigint", "value": "double"}
WEEKS = ["2011-01-03", "2011-01-10", "2011-01-17"]


def judged(
    root: Path, check: Check, rows: Sequence[Sequence[Any]], columns: dict[str, str], *, hidden: Sequence[str] = ()
) -> CheckFinding:
    """The finding of `check` on a table with these rows."""
    lab = Lab(root)
    lab.given(str(TABLE), rows, columns, None)
    return lab.judge(check, str(TABLE), hidden=hidden)


def judged_weeks(
    root: Path, check: Check, rows: Sequence[Sequence[Any]], weeks: Sequence[str] = WEEKS
) -> dict[str, CheckFinding]:
    """Partition → finding on a table that is partitioned by snapshot."""
    lab = Lab(root)
    lab.given(str(TABLE), rows, PARTITIONED, None)
    with lab.warehouse.reading() as bench:
        return {f.partition: f for f in check.findings(CheckScope(bench, TABLE, weeks, lab.now, "snapshot"))}


@pytest.mark.parametrize(
    ("rows", "evidence"),
    [
        pytest.param([(1, 23), (12, 3), (1, 3)], None, id="confusable_keys"),
        pytest.param([(1, 23), (1, 23), (1, 23)], {"a": 1, "b": 23, "rows": 3}, id="repeated"),
        pytest.param([(1, 23), (1, None)], {"a": 1, "b": None, "rows": 1}, id="without_key"),
        pytest.param([(None, None), (None, None)], {"a": None, "b": None, "rows": 2}, id="without_key_twice"),
    ],
)
def test_key_is_unique_and_there(tmp_path: Path, rows: list[tuple[Any, ...]], evidence: dict[str, Any] | None) -> None:
    finding = judged(tmp_path, unique_check(("a", "b")), rows, {"a": "bigint", "b": "bigint"})

    assert finding.status == ("failed" if evidence else "passed")
    assert list(finding.evidence) == ([evidence] if evidence else [])


def test_key_is_judged_within_each_snapshot(tmp_path: Path) -> None:
    rows = [(WEEKS[0], 1, 0.0), (WEEKS[1], 1, 0.0), (WEEKS[1], 2, 0.0), (WEEKS[1], 2, 0.0)]
    found = judged_weeks(tmp_path, unique_check(("customer_id",)), rows)

    assert {key: finding.status for key, finding in found.items()} == dict(
        zip(WEEKS, ("passed", "failed", "not_applicable"), strict=True)
    )
    assert found[WEEKS[1]].evidence == [{"customer_id": 2, "rows": 2}]
    assert found[WEEKS[2]].summary == "no rows to judge"


COLUMN_CASES = [
    pytest.param({"type": "integer", "nullable": False}, "bigint", 0, None, "a value", id="not_null"),
    pytest.param({"type": "integer", "min": 0}, "bigint", 0, -1, "at least 0", id="min"),
    pytest.param({"type": "float", "max": 1.5}, "double", 1.5, 1.5000001, "at most 1.5", id="max"),
    pytest.param({"type": "float", "max": 1.5}, "double", None, float("nan"), "at most 1.5", id="max_and_not_a_number"),
    pytest.param(
        {"type": "date", "min": "2011-01-31"}, "date", "2011-01-31", "2011-01-30", "at least 2011-01-31", id="min_date"
    ),
    pytest.param(
        {"type": "timestamp", "max": "2011-01-31"},
        "timestamp",
        "2011-01-31",
        "2011-01-31T00:00:01",
        "at most 2011-01-31",
        id="max_time",
    ),
    pytest.param(
        {"type": "string", "pattern": "[0-9]{5}"},
        "varchar",
        "12345",
        "123456",
        "matching",
        id="pattern_of_the_whole_text",
    ),
    pytest.param(
        {"type": "string", "max_length": 3}, "varchar", "äöü", "abcd", "at most 3 characters", id="max_length"
    ),
    pytest.param({"type": "string", "allowed": ["it's", "b"]}, "varchar", "it's", "B", "one of", id="allowed_text"),
    pytest.param({"type": "integer", "allowed": [1, 2]}, "bigint", 2, 3, "one of", id="allowed_integer"),
    pytest.param({"type": "float"}, "double", 0.0, float("inf"), "a finite number", id="finite"),
]


@pytest.mark.parametrize(("declared", "kind", "good", "bad", "said"), COLUMN_CASES)
def test_contract_finds_the_bad_row_only(
    tmp_path: Path, declared: dict[str, Any], kind: str, good: Any, bad: Any, said: str
) -> None:
    (check,) = column_checks({"v": ColumnSpec.model_validate(declared)})
    good_rows = [(1, good)] + ([(2, None)] if declared.get("nullable", True) else [])

    held = judged(tmp_path / "good", check, good_rows, {"id": "bigint", "v": kind})
    broken = judged(tmp_path / "bad", check, [*good_rows, (3, bad)], {"id": "bigint", "v": kind})

    assert held.status == "passed", held.summary
    assert broken.status == "failed"
    assert said in broken.summary
    assert [row["id"] for row in broken.evidence] == [3]
    assert str(broken.evidence[0]["rule"]).startswith("v.")


def test_softer_rules_are_a_check_of_their_own_that_warns_and_blocks_nobody(tmp_path: Path) -> None:
    soft, hard = ColumnSpec(type="integer", min=0, severity="warn"), ColumnSpec(type="integer", min=0)
    (alone,), (strict, beside) = column_checks({"a": soft}), column_checks({"a": soft, "b": hard})
    columns = {"a": "bigint", "b": "bigint"}

    assert (alone.name, alone.severity, alone.blocking) == (beside.name, "warn", False)
    assert (strict.name, strict.severity, strict.blocking) == ("rows_keep_the_contract", "error", True)
    for number, check in enumerate((alone, beside)):
        warned = judged(tmp_path / f"soft{number}", check, [(-1, 0)], columns)
        assert (warned.status, warned.summary) == ("failed", "a: 1 rows not at least 0.0")
    assert judged(tmp_path / "strict1", strict, [(-1, 0)], columns).status == "passed"
    assert judged(tmp_path / "strict2", strict, [(0, -1)], columns).status == "failed"


def test_contract_is_judged_for_each_asked_snapshot(tmp_path: Path) -> None:
    (check,) = column_checks({"value": ColumnSpec(type="float", max=1)})
    found = judged_weeks(tmp_path, check, [(WEEKS[0], 1, 5.0), (WEEKS[1], 1, 0.5)], [*WEEKS])

    assert [found[key].status for key in WEEKS] == ["failed", "passed", "not_applicable"]
    assert found[WEEKS[0]].evidence[0]["value"] == 5.0


def test_personal_data_is_masked_and_evidence_bounded(tmp_path: Path) -> None:
    (check,) = column_checks(
        {"mail": ColumnSpec(type="string", max_length=3), "note": ColumnSpec(type="string", max_length=3)}
    )
    rows = [(f"person{n}@example.com", "x" * 5000) for n in range(50)] + [(None, "abcd")]

    finding = judged(tmp_path, check, rows, {"mail": "varchar", "note": "varchar"}, hidden=["mail"])

    assert finding.numbers["note.max_length"] == 51
    assert len(finding.evidence) == MAX_EVIDENCE_ROWS
    assert {row["mail"] for row in finding.evidence} == {"(personal data)"}
    assert all(len(str(row["note"])) <= 160 for row in finding.evidence)
    assert "@example" not in finding.summary


@pytest.mark.parametrize(
    ("missing", "status"),
    [pytest.param(1, "passed", id="at_the_limit"), pytest.param(2, "failed", id="above_the_limit")],
)
def test_share_of_missing_values_stays_within_its_limit(tmp_path: Path, missing: int, status: str) -> None:
    rows = [(None if n < missing else n, 1) for n in range(10)]
    finding = judged(tmp_path, null_share_check({"a": 0.1, "b": 0.0}), rows, {"a": "bigint", "b": "bigint"})

    assert finding.status == status
    assert finding.numbers == {"a.null_share": missing / 10, "b.null_share": 0.0}


def test_missing_values_of_a_soft_column_are_told_beside_errors(tmp_path: Path) -> None:
    soft = ColumnSpec(type="integer", max_null_share=0, severity="warn")
    (alone,) = column_checks({"a": soft})
    (beside,) = column_checks({"a": soft, "b": ColumnSpec(type="integer", max_null_share=0)})
    columns = {"a": "bigint", "b": "bigint"}

    assert (judged(tmp_path / "1", alone, [(None, 1)], columns).status, alone.severity) == ("failed", "warn")
    told = judged(tmp_path / "2", beside, [(None, 1)], columns)
    assert (told.status, beside.severity) == ("passed", "error")
    assert "a: 100.0% missing" in told.summary
    assert judged(tmp_path / "3", beside, [(1, None)], columns).status == "failed"


def days_of(counts: Sequence[int], last: str = "2011-05-31") -> list[tuple[datetime]]:
    """`counts[-1]` rows on day `last`, the others on the days before."""
    newest = datetime.fromisoformat(last)
    return [
        (newest - timedelta(days=len(counts) - 1 - position),)
        for position, count in enumerate(counts)
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("counts", "last", "status"),
    [
        pytest.param([100, 120, 90, 110, 105], "2011-05-31", "passed", id="as_usual"),
        pytest.param([100, 120, 90, 110, 5], "2011-05-31", "failed", id="far_fewer"),
        pytest.param([100, 120, 90, 110, 1000], "2011-05-31", "failed", id="far_more"),
        pytest.param([100, 100, 100, 100, 104], "2011-05-31", "passed", id="never_varied_before"),
        pytest.param([100, 120, 90, 5], "2011-05-31", "not_applicable", id="too_short_a_past"),
        pytest.param([], "2011-05-31", "not_applicable", id="no_rows"),
        pytest.param([100, 120, 90, 110, 105, 5], "2011-06-01", "passed", id="today_is_not_over"),
        pytest.param([100, 120, 90, 110, 105, 5, 5], "2011-06-02", "passed", id="tomorrow_does_not_count"),
    ],
)
def test_volume_judges_the_newest_complete_day(tmp_path: Path, counts: list[int], last: str, status: str) -> None:
    finding = judged(tmp_path, volume_check(VolumeSpec(), "at"), days_of(counts, last), {"at": "timestamp"})

    assert finding.status == status, finding.summary
    if status == "failed":
        assert finding.numbers["usual"] == 105
        assert finding.numbers["rows"] == counts[-1]


def test_volume_judges_each_asked_snapshot_by_earlier_ones(tmp_path: Path) -> None:
    weeks = [(instant("2011-01-03") + timedelta(weeks=n)).strftime("%Y-%m-%d") for n in range(7)]
    counts = [10, 11, 9, 10, 11, 60, 0]
    rows = [(week, n, 0.0) for week, count in zip(weeks, counts, strict=True) for n in range(count)]

    found = judged_weeks(tmp_path, volume_check(VolumeSpec()), rows, weeks[3:])

    assert [found[week].status for week in weeks[3:]] == ["not_applicable", "passed", "failed", "failed"]
    assert found[weeks[6]].numbers["rows"] == 0


def test_references_exist(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.given(str(TABLE), [(1, 23), (12, 3), (None, 3)], {"a": "bigint", "b": "bigint"}, None)
    check = reference_check(ReferenceSpec(columns=("a", "b"), to="staging.known", to_columns=("x", "y")), 0)
    before = lab.judge(check, str(TABLE))
    lab.given("staging.known", [(1, 23), (12, 3)], {"x": "bigint", "y": "bigint"}, None)
    held = lab.judge(check, str(TABLE))
    lab.given("staging.known", [(1, 23), (1, 3), (12, 23)], {"x": "bigint", "y": "bigint"}, None)
    broken = lab.judge(check, str(TABLE))

    assert (before.status, before.summary) == ("not_applicable", "staging.known was not made yet")
    assert held.status == "passed"
    assert broken.status == "failed"
    assert broken.evidence == [{"a": 12, "b": 3}]


def test_repeated_rows_stay_a_small_share(tmp_path: Path) -> None:
    rows = [(1, "a"), (1, "a"), (1, "a"), (1, "b"), (None, None), (None, None)]
    columns = {"n": "bigint", "t": "varchar"}
    at_limit = judged(tmp_path / "1", repeated_rows_check(("n", "t"), "warn", 0.5), rows, columns)
    above = judged(tmp_path / "2", repeated_rows_check((), "warn", 0.49), rows, columns)
    none = judged(tmp_path / "3", repeated_rows_check((), "warn", 0.0), [], columns)

    assert at_limit.status == "passed"
    assert above.status == "failed"
    assert above.evidence == [{"n": 1, "t": "a", "times": 3}, {"n": None, "t": None, "times": 2}]
    assert none.status == "not_applicable"


@pytest.mark.parametrize(
    ("columns", "complete", "status", "said"),
    [
        pytest.param({"a": "bigint", "b": "decimal(12, 3)"}, True, "passed", "2 columns as declared", id="as_declared"),
        pytest.param({"a": "hugeint", "b": "decimal(38, 0)", "_file": "varchar"}, True, "passed", "as declared", id="other_width_and_provenance"),
        pytest.param({"a": "bigint"}, True, "failed", "missing ['b']", id="missing"),
        pytest.param({"a": "varchar", "b": "decimal(18, 4)"}, True, "failed", "a: VARCHAR, declared BIGINT", id="other_type"),
        pytest.param({"a": "bigint", "b": "decimal(18, 4)", "c": "date"}, True, "failed", "undeclared ['c']", id="undeclared"),
        pytest.param({"a": "bigint", "b": "decimal(18, 4)", "c": "date"}, False, "passed", "undeclared ['c']", id="undeclared_where_some_are_declared"),
    ],
)  # fmt: skip
def test_columns_are_as_declared(
    tmp_path: Path, columns: dict[str, str], complete: bool, status: str, said: str
) -> None:
    declared = {"a": ColumnSpec(type="integer"), "b": ColumnSpec(type="decimal")}
    finding = judged(tmp_path, schema_check(declared, complete=complete), [], columns)

    assert finding.status == status
    assert said in finding.summary


def test_declared_table_gets_the_checks_it_asks_for(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.given("staging.events", [(1, 2, "2011-01-01", None), (1, 2, "2011-01-01", None)])
    bare = lab.sql_table("select * from staging.events", "bare")
    rich = lab.sql_table(
        "select * from staging.events", "rich", key=["customer_id"], event_time="event_time", repeated_rows="error",
        freshness={"max_age": "2 days"}, columns={"amount": {"type": "integer", "max_null_share": 0.5, "min": 0}},
        references=[{"columns": ["customer_id"], "to": "staging.events"}] * 2,
    )  # fmt: skip
    lab.run(rich)

    assert bare.checks == ()
    assert [check.name for check in rich.checks] == [
        "key_is_unique", "rows_keep_the_contract", "missing_values_stay_within_limits", "columns_are_as_declared",
        "few_rows_are_repeated", "volume_is_as_usual", "data_is_fresh", "references_exist_in_staging_events",
        "references_exist_in_staging_events_2", "no_row_depends_on_later_rows",
    ]  # fmt: skip
    assert {check.name: lab.findings(rich, check)[""].status for check in rich.checks} == {
        "key_is_unique": "failed", "rows_keep_the_contract": "passed", "missing_values_stay_within_limits": "passed",
        "columns_are_as_declared": "passed", "few_rows_are_repeated": "failed", "volume_is_as_usual": "not_applicable",
        "data_is_fresh": "failed", "references_exist_in_staging_events": "passed",
        "references_exist_in_staging_events_2": "passed", "no_row_depends_on_later_rows": "not_applicable",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("now", "status"),
    [
        pytest.param("2011-06-01T00:00", "not_applicable", id="just_over"),
        pytest.param("2011-06-01T23:59", "not_applicable", id="a_day_later"),
        pytest.param("2011-06-02T00:00", "failed", id="nothing_came_any_more"),
    ],
)
def test_newest_day_that_ends_at_midday_is_unfinished_until_a_day_later(tmp_path: Path, now: str, status: str) -> None:
    lab = Lab(tmp_path, instant(now))
    hours = [(instant("2011-05-26") + timedelta(days=day, hours=hour)) for day in range(6) for hour in range(8, 18)]
    rows = [(at.replace(tzinfo=None),) for at in hours for _ in range(9) if at < instant("2011-05-31T10:00")]
    lab.given(str(TABLE), rows, {"at": "timestamp"}, None)

    finding = lab.judge(volume_check(VolumeSpec(), "at"), str(TABLE))

    assert finding.status == status
    assert finding.numbers["rows"] == 18
    assert ("unfinished: it ends at 09:00, which no day before it does" in finding.summary) == (status != "failed")
