"""What is remade, and what is not: early cut-off, past corrections, time to live, changed logic, changed columns."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import BlockedError, DeclarationError, SqlError
from ml_assets.warehouse.asset import AssetReport
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.manifest import content_of, manifest_of
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import CheckFinding, record_findings
from ml_assets_tests.builders import SUM_COLUMNS, SUM_SQL, Lab, instant, table_faults

NOW = instant("2011-01-30")
WEEKLY = {"every": "week", "start": "2011-01-03"}
KEYS = ["2011-01-03", "2011-01-10", "2011-01-17", "2011-01-24"]
EVENTS = [
    (customer, 10 * day + customer, f"2011-01-{day:02}T09:00", None) for day in range(1, 29) for customer in (1, 2)
]


def remade(report: AssetReport) -> list[str]:
    return [made.partition for made in report.made if made.changed]


def lab_with_events(root: Path) -> Lab:
    lab = Lab(root, NOW)
    lab.given("staging.events", EVENTS)
    return lab


def test_equal_rows_in_another_order_have_the_same_content(tmp_path: Path) -> None:
    lab, shuffled = lab_with_events(tmp_path), EVENTS.copy()
    random.Random(1).shuffle(shuffled)
    asset = lab.feature_set(snapshots=WEEKLY)
    lab.run(asset)

    first = lab.given("staging.events", EVENTS).made[0]
    second = lab.given("staging.events", shuffled).made[0]

    assert (first.changed, second.changed) == (False, True)
    assert first.content == second.content
    assert remade(lab.run(asset)) == []


def test_rebuilt_source_with_equal_rows_remakes_nothing_behind_it(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    plain = lab.sql_table("select * from staging.events", "kept", event_time="event_time")
    asset = lab.feature_set(SUM_SQL.replace("staging.events", "staging.kept"), snapshots=WEEKLY)
    lab.run(plain)
    lab.run(asset)

    other = lab.sql_table("select * from staging.events where customer_id > 0", "kept", event_time="event_time")
    report = lab.run(other)
    behind = lab.run(asset)

    assert report.made[0].note == "its logic changed"
    assert remade(behind) == []
    assert {made.note for made in behind.made} == {"unchanged since batch 3"}


def test_memo_notices_a_repeated_row(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    asset = lab.feature_set(snapshots=WEEKLY)
    lab.run(asset)
    lab.given("staging.events", [*EVENTS, EVENTS[0], EVENTS[0]])

    assert remade(lab.run(asset)) == KEYS


@pytest.mark.parametrize(
    ("ttl", "expected"),
    [
        pytest.param(None, KEYS[1:], id="all_snapshots_after_it"),
        pytest.param("10 days", KEYS[1:3], id="ttl_ends_its_effect"),
        pytest.param("90 minutes", [], id="ttl_shorter_than_a_day"),
    ],
)
def test_correction_of_the_past_remakes_exactly_the_snapshots_that_see_it(
    tmp_path: Path, ttl: str | None, expected: list[str]
) -> None:
    lab = lab_with_events(tmp_path)
    asset = lab.feature_set(snapshots=WEEKLY, ttl=ttl)
    lab.run(asset)
    lab.given(
        "staging.events", [(c, amount + (t.startswith("2011-01-08")), t, known) for c, amount, t, known in EVENTS]
    )

    report = lab.run(asset)

    assert remade(report) == expected
    assert {made.note for made in report.made if made.changed} <= {"changed: staging.events"}


def test_part_of_an_hour_inside_a_short_ttl_is_noticed(tmp_path: Path) -> None:
    lab = Lab(tmp_path, NOW)
    asset_events = [(1, 5, "2011-01-09T22:45", None)]
    lab.given("staging.events", asset_events)
    asset = lab.feature_set(snapshots=WEEKLY, ttl="90 minutes")
    lab.run(asset)
    assert lab.rows("select total from wh.features.sums") == [(5,)]
    lab.given("staging.events", [(1, 6, "2011-01-09T22:45", None)])

    assert remade(lab.run(asset)) == ["2011-01-10"]


@pytest.mark.parametrize(
    ("available", "expected"),
    [
        pytest.param("2011-01-17T00:00", KEYS[2:], id="known_at_midnight"),
        pytest.param("2011-01-17T00:00:01", KEYS[3:], id="known_a_second_later"),
        pytest.param("2011-02-01", [], id="not_known_yet"),
    ],
)
def test_late_row_remakes_only_the_snapshots_that_knew_it(tmp_path: Path, available: str, expected: list[str]) -> None:
    lab = lab_with_events(tmp_path)
    asset = lab.feature_set(snapshots=WEEKLY)
    lab.run(asset)
    lab.given("staging.events", [*EVENTS, (1, 1, "2011-01-02", available)])

    assert remade(lab.run(asset)) == expected


def test_labels_are_remade_for_their_window_alone(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    people, labels = lab.labels(horizon="7 days", snapshots=WEEKLY)
    for asset in (people, labels):
        lab.run(asset)
    lab.given("staging.events", [*EVENTS, (2, 1, "2011-01-12", "2011-01-29")])

    assert remade(lab.run(people)) == []
    assert remade(lab.run(labels)) == ["2011-01-10"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param({"text": f"-- who\n{SUM_SQL.upper()};"}, [], id="comment_and_case"),
        pytest.param({"description": "What they spent.", "owners": ["team:shop"]}, [], id="description"),
        pytest.param(
            {"columns": {**SUM_COLUMNS, "total": {"type": "integer", "min": 0, "description": "Spent."}}},
            [],
            id="contract",
        ),
        pytest.param({"text": SUM_SQL.replace("sum(amount)", "max(amount)")}, KEYS, id="statement"),
        pytest.param({"columns": {**SUM_COLUMNS, "total": {"type": "float"}}}, KEYS, id="type"),
        pytest.param({"ttl": "400 days"}, KEYS, id="ttl"),
    ],
)
def test_logic_remakes_everything_and_words_about_it_nothing(
    tmp_path: Path, change: Mapping[str, Any], expected: list[str]
) -> None:
    lab = lab_with_events(tmp_path)
    lab.run(lab.feature_set(snapshots=WEEKLY))

    assert remade(lab.run(lab.feature_set(snapshots=WEEKLY, **change))) == expected


def test_changed_columns_keep_older_partitions_with_nulls_and_true_books(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    lab.run(lab.feature_set(snapshots=WEEKLY))
    before = lab.rows("select partition, content from wh.ops.manifest where partition = '2011-01-03'")
    sql = (
        "select customer_id, min(amount) as least, sum(amount)::varchar || '!' as total from staging.events group by 1"
    )
    wider = lab.feature_set(sql, {"least": {"type": "integer"}, "total": {"type": "string"}}, snapshots=WEEKLY)

    lab.run(wider, KEYS[2:])

    kept = lab.rows("select customer_id, least, total from wh.features.sums where snapshot = '2011-01-03' order by 1")
    new = lab.rows(
        "select customer_id, least, total from wh.features.sums where snapshot = '2011-01-17' and customer_id = 1"
    )
    assert kept == [(1, None, "32"), (2, None, "34")]
    assert new == [(1, 11, "1376!")]
    assert lab.rows("select count(*) from wh.features.sums") == [(8,)]
    with lab.warehouse.reading() as bench:
        assert table_faults(bench) == []
        assert wider.stale(bench, lab.context(), KEYS) == dict.fromkeys(KEYS[:2], "its logic changed")
    assert lab.rows("select partition, content from wh.ops.manifest where partition = '2011-01-03'") != before


def test_value_that_does_not_fit_a_columns_new_type_becomes_null_until_remade(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    text = {"total": {"type": "string"}}
    lab.run(
        lab.feature_set("select customer_id, 'n/a' as total from staging.events group by 1", text, snapshots=WEEKLY)
    )
    number = lab.feature_set(
        "select customer_id, 1 as total from staging.events group by 1",
        {"total": {"type": "integer"}},
        snapshots=WEEKLY,
    )
    lab.run(number, KEYS[3:])
    assert lab.rows("select distinct total from wh.features.sums where snapshot < '2011-01-24'") == [(None,)]
    lab.run(number)
    assert lab.rows("select distinct total from wh.features.sums") == [(1,)]


def test_snapshot_without_rows_is_made_and_remembered(tmp_path: Path) -> None:
    lab = Lab(tmp_path, NOW)
    lab.given("staging.events", [])
    asset = lab.feature_set(snapshots=WEEKLY)

    first, second = lab.run(asset), lab.run(asset)

    assert {(made.rows, made.content, made.changed) for made in first.made} == {(0, content_of(0, 0), True)}
    assert remade(second) == []


def test_partition_that_lies_ahead_cannot_be_made_and_is_not_lost(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    asset = lab.feature_set(snapshots=WEEKLY)
    lab.run(asset)
    lab.now = instant("2011-01-20")
    lab.given("staging.events", [])

    report = lab.run(asset, [*KEYS, "2011-01-31"])

    assert remade(report) == KEYS[:3]
    assert [made.note for made in report.made if not made.changed] == [
        "kept: cannot be made again now",
        "cannot be made yet",
    ]


def test_table_without_its_source_cannot_be_made_yet(tmp_path: Path) -> None:
    lab = Lab(tmp_path, NOW)

    assert [made.note for made in lab.run(lab.sql_table("select * from staging.absent")).made] == ["cannot be made yet"]


def test_sql_table_keeps_every_type_and_lies_in_order_of_time(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    sql = "select max(event_time) as moment, sum(amount) as wide, {'a': 1} as pair, interval 1 day as span from staging.events group by customer_id, hash(amount) % 5"
    lab.run(lab.sql_table(sql, event_time="moment"))

    types = dict(
        lab.rows(
            "select column_name, data_type from duckdb_columns() where database_name = 'wh' and table_name = 'made'"
        )
    )
    times = [row[0] for row in lab.rows("select moment from wh.staging.made")]

    assert types == {"moment": "TIMESTAMP", "wide": "HUGEINT", "pair": "STRUCT(a INTEGER)", "span": "INTERVAL"}
    assert times == sorted(times)


def test_failed_blocking_check_keeps_readers_away_until_the_content_changes(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    asset = lab.feature_set(snapshots=WEEKLY)
    events, check = (
        TableName("staging", "events"),
        Check("rows_are_good", "XX001", "", lambda _scope: [], blocking=True),
    )
    with lab.warehouse.committing() as bench:
        content = manifest_of(bench, events)[""].content
        rules = {check.name: (check.code, check.severity, check.blocking)}
        record_findings(
            bench, events, rules, {"": content}, [CheckFinding(check.name, "failed", "3 bad rows")], lab.now
        )

    with pytest.raises(BlockedError, match=r"features\.sums refuses to read staging\.events") as caught:
        lab.run(asset)
    lab.given("staging.events", EVENTS[:-1])

    assert "3 bad rows" in str(caught.value)
    assert remade(lab.run(asset)) == KEYS


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        pytest.param(
            "select customer_id, 1 as events from staging.events", r"missing \['total'\], undeclared \[\]", id="missing"
        ),
        pytest.param(f"select *, 1 as more from ({SUM_SQL})", r"missing \[\], undeclared \['more'\]", id="undeclared"),
    ],
)
def test_feature_sql_returns_the_declared_columns_exactly(tmp_path: Path, sql: str, said: str) -> None:
    lab = lab_with_events(tmp_path)
    with pytest.raises(DeclarationError, match=said):
        lab.run(lab.feature_set(sql, snapshots=WEEKLY))


@pytest.mark.parametrize(
    ("label", "population", "said"),
    [
        pytest.param(
            "select customer_id, 0.4 as label from staging.events",
            None,
            "the label is not a whole number",
            id="fraction",
        ),
        pytest.param(
            "select customer_id, 'yes' as label from staging.events", None, "the label is not a whole number", id="text"
        ),
        pytest.param(
            "select customer_id, 1 as outcome from staging.events", None, "the statement lacks label", id="no_label"
        ),
        pytest.param("select 1 as label from staging.events", None, "the statement lacks customer_id", id="no_entity"),
        pytest.param(
            None,
            "select 1 as who from staging.events",
            "the statement lacks customer_id",
            id="population_without_entity",
        ),
    ],
)
def test_label_sql_returns_entity_and_whole_numbers(
    tmp_path: Path, label: str | None, population: str | None, said: str
) -> None:
    lab = lab_with_events(tmp_path)
    given = {name: text for name, text in (("label", label), ("population", population)) if text}
    people, labels = lab.labels(snapshots=WEEKLY, **given)
    if population is None:
        lab.run(people)
    with pytest.raises(SqlError, match=said):
        lab.run(people if population else labels)


def test_null_label_is_found_and_not_taken_for_the_default(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    people, labels = lab.labels(
        "select customer_id, case customer_id when 1 then 1 end as label from staging.events group by 1",
        snapshots=WEEKLY,
    )
    for asset in (people, labels):
        lab.run(asset)

    found = lab.findings(labels, "labels_are_zero_or_one", ["2011-01-10"])["2011-01-10"]

    assert (found.status, found.summary) == ("failed", "1 of 2 labels are neither 0 nor 1")
