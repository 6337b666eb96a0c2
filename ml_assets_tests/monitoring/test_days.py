"""Each fault of a day's data is found on the first morning on which it can be, by the check that is for it, with its figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_assets_tests.conftest import made_once
from ml_assets_tests.monitoring.days_world import FIRST, HEADER, NEXT, PLACE, DaysWorld, Row, clock

Change = Callable[[list[Row]], Iterable[Row]]


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_once(tmp_path_factory, "days_history", lambda root: DaysWorld.loaded(root) and None)


@pytest.fixture
def world(history: Path, tmp_path: Path) -> DaysWorld:
    """The history of 60 days, to be changed."""
    root = tmp_path / "world"
    return DaysWorld.empty(history).copied_to(root)


def cell(name: str, value: Callable[[Any], Any], every: int = 1) -> Change:
    """One column of every so-manyth row becomes something else."""
    at = PLACE[name]

    def change(rows: list[Row]) -> list[Row]:
        return [
            [*row[:at], value(row[at]), *row[at + 1 :]] if place % every == 0 else row for place, row in enumerate(rows)
        ]

    return change


def redated(by: timedelta, count: int) -> Change:
    def change(rows: list[Row]) -> list[Row]:
        moved = f"{NEXT + by} 10:00:00"
        return [[*row[:-1], moved] if place < count else row for place, row in enumerate(rows)]

    return change


FAULTS = [
    pytest.param(cell("customer_id", lambda _v: "", 2), "DD001", "missing", "customer_id", id="null_spike"),
    pytest.param(cell("amount", lambda v: v * 100), "DD003", "level", "amount", id="unit_changed_by_100"),
    pytest.param(cell("amount", lambda v: v * 80, 3), "DD003", "level", "amount", id="currencies_mixed"),
    pytest.param(cell("amount", lambda v: -v, 4), "DD003", "negatives", "amount", id="signs_turned"),
    pytest.param(cell("pieces", lambda _v: 0, 5), "DD003", "zeros", "pieces", id="zeros"),
    pytest.param(cell("country", lambda v: v.replace("GB", "UK")), "DD003", "leading_value", "country", id="category_renamed"),
    pytest.param(lambda rows: rows[::2], "DD002", "rows", "", id="half_of_the_rows_lost"),
    pytest.param(lambda rows: [row for row in rows for _ in range(2)], "DD006", "repeated", "", id="rows_twice"),
    pytest.param(redated(timedelta(days=700), 3), "DD005", "future_rows", "", id="rows_from_the_future"),
    pytest.param(redated(-timedelta(days=20), 3), "DD005", "days_in_a_file", "", id="rows_out_of_order"),
    pytest.param(cell("pieces", lambda _v: "some", 8), "DD006", "quarantined", "", id="rows_in_quarantine"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code", "signal", "column"), FAULTS)
def test_fault_is_found_on_the_first_morning_after(
    world: DaysWorld, change: Change, code: str, signal: str, column: str
) -> None:
    world.land(NEXT, change)
    world.run(clock(NEXT + timedelta(days=1)))

    failed = world.failed()

    assert code in failed
    found = {(row["signal"], row["column"]): row for row in failed[code].evidence}
    row = found[signal, column]
    assert row["day"] == row["since"] == NEXT
    assert not row["low"] <= row["value"] <= row["high"]
    assert row["affected"] > 0
    assert str(NEXT) in failed[code].summary


def test_day_as_usual_fails_nothing_and_every_check_is_judged(world: DaysWorld) -> None:
    world.land(NEXT)
    world.run(clock(NEXT + timedelta(days=1)))

    assert {code: found.status for code, found in world.findings().items()} == {
        f"DD00{number}": "passed" for number in range(1, 7)
    }
    assert world.stretches() == []


@pytest.mark.parametrize(("key", "judged"), [(["order_id"], False), ([], True)], ids=["key", "no_key"])
def test_numbers_that_name_rows_have_no_level(tmp_path: Path, key: list[str], judged: bool) -> None:
    world = DaysWorld.loaded(tmp_path / "world", key=key)
    world.land(NEXT, cell("order_id", lambda number: number * 1000))
    world.run(clock(NEXT + timedelta(days=1)))
    assert ("DD003" in world.failed()) is judged


def test_null_spike_is_told_with_its_figures_and_nothing_else_is(world: DaysWorld) -> None:
    world.land(NEXT, cell("customer_id", lambda _v: "", 2))
    world.run(clock(NEXT + timedelta(days=1)))

    failed = world.failed()

    assert list(failed) == ["DD001"]
    assert failed["DD001"].summary.startswith(f"{NEXT}: 5")
    assert "% of customer_id missing, usual 1" in failed["DD001"].summary
    assert failed["DD001"].numbers["since"] == str(NEXT)
    assert failed["DD001"].numbers["unusual"] == 1


def test_file_with_other_columns_is_refused_by_ingest_and_counted(world: DaysWorld) -> None:
    world.land(NEXT, header=[name.replace("amount", "total") for name in HEADER])
    world.run(clock(NEXT + timedelta(days=1)))

    assert "IN002" in world.raw_failures()
    row = world.failed()["DD006"].evidence[0]
    assert (row["signal"], row["value"], row["note"]) == ("refused_files", 1, "missing_column")


@pytest.mark.parametrize("extra", ["discard", "evolve"])
def test_column_that_ingest_lets_in_is_told(tmp_path: Path, extra: str) -> None:
    columns = {name: {"type": "string"} for name in ("a", "b")} | {"at": {"type": "timestamp"}}
    world = DaysWorld.empty(tmp_path)
    contract = {"columns": columns, "extra_columns": extra}
    world.orders = world.lab.raw_table({}, "orders", event_time="at", contract=contract)
    world.days = type(world.days)(world.days.spec, world.orders, "test.yaml:1", "test")
    for number in range(26):
        day = FIRST + timedelta(days=number)
        more = ["discount"] if number == 24 else []
        world.lab.land(f"orders-{day}.csv", ["a", "b", "at", *more], [["x", "y", f"{day} 10:00", *more]] * 20)
    world.run(clock(FIRST + timedelta(days=26)))

    rows = world.failed()["DD004"].evidence

    assert [(row["day"], row["value"], row["note"]) for row in rows] == [
        (FIRST + timedelta(days=25), 1, "-discount"), (FIRST + timedelta(days=24), 1, "+discount")
    ]  # fmt: skip


def test_yesterdays_file_under_todays_name_brings_no_rows_and_is_told(world: DaysWorld) -> None:
    world.land(NEXT - timedelta(days=1), file=f"orders-{NEXT}.csv")
    world.run(clock(NEXT + timedelta(days=1)))

    assert [row["signal"] for row in world.failed()["DD006"].evidence] == ["repeated_files"]


def test_yesterdays_rows_once_more_in_another_file_are_told(world: DaysWorld) -> None:
    world.land(NEXT - timedelta(days=1), lambda rows: [*rows[1:], rows[0]], file=f"orders-{NEXT}.csv")
    world.run(clock(NEXT + timedelta(days=1)))

    failed = world.failed()

    assert [(row["signal"], row["day"]) for row in failed["DD006"].evidence] == [("repeated", NEXT - timedelta(days=1))]
    assert failed["DD002"].evidence[0]["value"] > 200


def test_file_cut_at_midday_is_told_as_soon_as_its_rest_cannot_come_any_more(world: DaysWorld) -> None:
    world.land(NEXT, lambda rows: rows[: len(rows) // 2])
    world.run(clock(NEXT + timedelta(days=1)))
    at_first = world.failed()
    world.land(NEXT + timedelta(days=1))
    world.run(clock(NEXT + timedelta(days=2)))

    assert "DD002" not in at_first
    rows = world.failed()["DD002"].evidence
    assert {(row["signal"], row["day"]) for row in rows} == {("rows", NEXT), ("last_hour", NEXT)}


def test_missing_day_is_told_while_it_is_missing_and_its_delay_when_it_comes(world: DaysWorld) -> None:
    world.pass_days(6)
    late = NEXT + timedelta(days=6)
    world.pass_days(3, late + timedelta(days=1))
    missing = world.failed()
    world.land(late)
    world.run()
    arrived = world.failed()

    assert list(missing) == ["DD002"]
    assert f"{late}: 0 rows" in missing["DD002"].summary
    assert "no rows on a trading day" in missing["DD002"].summary
    assert list(arrived) == ["DD005"]
    row = arrived["DD005"].evidence[0]
    assert (row["signal"], row["day"], row["value"], row["expected"]) == ("days_late", late, 4, 1)


def test_day_without_a_file_is_not_missing_before_it_can_be(world: DaysWorld) -> None:
    world.run(clock(NEXT + timedelta(days=1)))
    next_morning = world.failed()
    world.run(clock(NEXT + timedelta(days=2)))

    assert next_morning == {}
    assert list(world.failed()) == ["DD002"]


def test_days_of_the_weekend_are_not_missing(tmp_path: Path) -> None:
    world = DaysWorld.empty(tmp_path, calendar={"kind": "learnt"})
    weekdays = [day for number in range(54) if (day := FIRST + timedelta(days=number)).weekday() < 5]
    for day in weekdays:
        world.land(day)
    world.run(clock(weekdays[-1] + timedelta(days=3)))

    assert world.failed() == {}
    assert world.stretches() == []


def test_unusual_days_are_accepted_a_week_later_and_stay_in_the_history(world: DaysWorld) -> None:
    world.land(NEXT, cell("customer_id", lambda _v: "", 2))
    world.pass_days(5, NEXT + timedelta(days=1))
    within = world.failed()
    world.pass_days(1, NEXT + timedelta(days=6))

    assert list(within) == ["DD001"]
    assert world.failed() == {}
    (stretch,) = world.stretches()
    assert (stretch.signal, stretch.column, stretch.first, stretch.last) == ("missing", "customer_id", NEXT, NEXT)
    assert stretch.ended == NEXT + timedelta(days=1)
    assert stretch.affected == pytest.approx(66, abs=8)


def test_stretch_lasts_until_the_figure_is_usual_again(world: DaysWorld) -> None:
    for number in range(3):
        world.land(NEXT + timedelta(days=number), cell("amount", lambda v: v * 100))
    world.run(clock(NEXT + timedelta(days=3)))
    open_still = world.stretches()
    world.land(NEXT + timedelta(days=3))
    world.run(clock(NEXT + timedelta(days=4)))

    assert [(s.first, s.last, s.ended, s.days) for s in open_still] == [(NEXT, NEXT + timedelta(days=2), None, 3)]
    assert world.stretches()[0].ended == NEXT + timedelta(days=3)


def test_few_days_are_not_judged(tmp_path: Path) -> None:
    world = DaysWorld.empty(tmp_path)
    for number in range(12):
        world.land(FIRST + timedelta(days=number))
    world.run(clock(FIRST + timedelta(days=12)))

    found = world.findings()

    assert {finding.status for finding in found.values()} == {"not_applicable"}
    assert found["DD001"].summary == "20 trading days of history are needed"


def test_table_without_rows_has_days_that_say_nothing(tmp_path: Path) -> None:
    world = DaysWorld.empty(tmp_path)
    world.run()

    assert {finding.status for finding in world.findings().values()} == {"not_applicable"}


def test_values_of_personal_columns_are_never_told(world: DaysWorld) -> None:
    told = world.lab.rows("select distinct signal from wh.monitoring.orders__days where column_name = 'email'")

    assert told == [("missing",)]


def test_unchanged_days_are_not_made_again_until_the_day_of_the_clock_changes(world: DaysWorld) -> None:
    again = world.lab.run(world.days)
    tomorrow = world.lab.run(world.days, now=clock(NEXT + timedelta(days=1)))

    assert not again.changed
    assert [made.note for made in tomorrow.made] == ["changed: day of the clock"]


def test_equal_tables_give_equal_days(history: Path, tmp_path: Path) -> None:
    first = DaysWorld.empty(history)
    second = DaysWorld.loaded(tmp_path)

    content = "select content from wh.ops.manifest where asset = 'monitoring.orders__days'"
    assert first.lab.rows(content) == second.lab.rows(content)


def test_file_that_is_corrected_days_later_is_not_late(world: DaysWorld) -> None:
    world.land(NEXT, cell("customer_id", lambda _v: "", 2))
    world.run(clock(NEXT + timedelta(days=1)))
    world.pass_days(5, NEXT + timedelta(days=1))
    before = world.failed()
    world.land(NEXT)
    world.run()

    assert list(before) == ["DD001"]
    assert world.failed() == {}
    assert world.stretches() == []


def test_file_that_is_written_over_each_day_comes_with_its_newest_rows(tmp_path: Path) -> None:
    world = DaysWorld.empty(tmp_path)
    for number in range(9):
        day = FIRST + timedelta(days=number)
        world.land(day, file="orders-now.csv")
        world.load(clock(day + timedelta(days=1)))
    world.run()

    told = world.lab.rows("select day, value from wh.monitoring.orders__days where signal = 'days_late'")

    assert told == [(FIRST + timedelta(days=8), 1)]
