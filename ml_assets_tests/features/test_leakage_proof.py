"""The proofs find planted leaks, with evidence, and are silent about honest tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.errors import SqlError
from ml_assets.features import snapshots
from ml_assets.features.asof import TimeColumns, create_views
from ml_assets.graph.judge import judge_asset
from ml_assets.warehouse.check import CheckScope
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import CheckFinding
from ml_assets_tests.builders import Lab, instant

NOW = instant("2011-01-30")
WEEKLY = {"every": "week", "start": "2011-01-03"}
KEYS = ["2011-01-03", "2011-01-10", "2011-01-17", "2011-01-24"]
FUTURE, WINDOW, LATER = (
    "no_row_depends_on_the_future",
    "labels_come_from_their_window_alone",
    "no_row_depends_on_later_rows",
)
EVENTS = [
    (customer, 10 * day + customer, f"2011-01-{day:02}T09:00", None) for day in range(1, 29) for customer in (1, 2)
]
RAW = {"customer_id": {"type": "integer"}, "amount": {"type": "float"}, "event_time": {"type": "timestamp"}}


def lab_with_events(root: Path) -> Lab:
    lab = Lab(root, NOW)
    lab.given("staging.events", EVENTS)
    return lab


def statuses(findings: dict[str, CheckFinding]) -> dict[str, str]:
    return {key: finding.status for key, finding in findings.items()}


def test_proof_is_silent_about_honest_features(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    asset = lab.feature_set(snapshots=WEEKLY)
    lab.run(asset)

    assert statuses(lab.findings(asset, FUTURE)) == dict.fromkeys(KEYS, "passed")


def test_proof_says_not_applicable_where_there_are_no_rows(tmp_path: Path) -> None:
    lab = Lab(tmp_path, NOW)
    lab.given("staging.events", EVENTS[20:])
    asset = lab.feature_set(snapshots=WEEKLY)
    lab.run(asset)

    assert statuses(lab.findings(asset, FUTURE)) == dict.fromkeys(KEYS, "passed") | {
        "2011-01-03": "not_applicable",
        "2011-01-10": "not_applicable",
    }


def test_proof_does_not_trust_the_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the as-of views: they show a day too much."""

    def leaking(bench: object, times: dict[TableName, TimeColumns]) -> None:
        create_views(bench, times)  # type: ignore[arg-type]
        for table, columns in times.items():
            bench.execute(  # type: ignore[attr-defined]
                f"create or replace view {table} as select * from {table.quoted} "
                f"where {columns.event} < getvariable('window_end')::timestamp + interval 1 day"
            )

    monkeypatch.setattr(snapshots, "create_views", leaking)
    lab = lab_with_events(tmp_path)
    asset = lab.feature_set(snapshots=WEEKLY)
    lab.run(asset)

    found = lab.findings(asset, FUTURE)

    assert statuses(found) == dict.fromkeys(KEYS, "failed")
    assert found["2011-01-10"].evidence[0] == {
        "customer_id": 1,
        "differs_in": "events",
        "stored": "10",
        "recomputed": "9",
    }
    assert found["2011-01-10"].summary == "2 of 2 rows differ from their recomputation"


def test_proof_finds_an_altered_value_and_masks_personal_data(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    asset = lab.feature_set(snapshots=WEEKLY)
    lab.run(asset)
    lab.alter(
        "update wh.features.sums set total = total + 1 where customer_id = 2 and snapshot = timestamp '2011-01-17'"
    )

    found = lab.findings(asset, FUTURE)
    masked = lab.findings(asset, FUTURE, hidden=["total", "customer_id"])

    assert statuses(found) == dict.fromkeys(KEYS, "passed") | {"2011-01-17": "failed"}
    assert found["2011-01-17"].numbers == {"rows": 2, "differing": 1, "changed_sources": 0}
    assert masked["2011-01-17"].evidence == [
        {
            "customer_id": "(personal data)",
            "differs_in": "total",
            "stored": "(personal data)",
            "recomputed": "(personal data)",
        }
    ]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("delete from wh.features.sums where customer_id = 2", id="a_row_is_lost"),
        pytest.param(
            "insert into wh.features.sums select * from wh.features.sums where customer_id = 2", id="a_row_is_doubled"
        ),
        pytest.param(
            "insert into wh.features.sums select snapshot, 3, 0, 0 from wh.features.sums", id="a_row_comes_from_nowhere"
        ),
    ],
)
def test_proof_compares_rows_both_ways(tmp_path: Path, change: str) -> None:
    lab = lab_with_events(tmp_path)
    asset = lab.feature_set(snapshots=WEEKLY)
    lab.run(asset)
    lab.alter(change)

    assert statuses(lab.findings(asset, FUTURE)) == dict.fromkeys(KEYS, "failed")


def test_proof_names_the_source_that_a_late_correction_changed(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    asset = lab.feature_set(snapshots=WEEKLY)
    lab.run(asset)
    lab.given("staging.events", [*EVENTS, (1, 1, "2011-01-12", None)])

    found = lab.findings(asset, FUTURE)

    assert statuses(found) == dict.fromkeys(KEYS, "passed") | {"2011-01-17": "failed", "2011-01-24": "failed"}
    assert "staging.events changed after they were made: materialise them again" in found["2011-01-17"].summary
    lab.run(asset)
    assert statuses(lab.findings(asset, FUTURE)) == dict.fromkeys(KEYS, "passed")


def test_proof_forgives_the_last_bits_of_floats(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    sql = "select customer_id, sum(amount / 7)::double as total from staging.events group by customer_id"
    asset = lab.feature_set(sql, {"total": {"type": "float"}}, snapshots=WEEKLY)
    lab.run(asset)
    lab.alter("update wh.features.sums set total = total * (1 + 1e-14)")
    assert statuses(lab.findings(asset, FUTURE)) == dict.fromkeys(KEYS, "passed")
    lab.alter("update wh.features.sums set total = total * (1 + 1e-6)")
    assert statuses(lab.findings(asset, FUTURE)) == dict.fromkeys(KEYS, "failed")


def test_label_proof_does_not_trust_the_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = lab_with_events(tmp_path)
    people, labels = lab.labels(
        "select customer_id, (count(*) > 14)::int as label from staging.events group by customer_id", snapshots=WEEKLY
    )
    lab.run(people)
    lab.run(labels)
    ripe = ["2011-01-03", "2011-01-10"]
    assert statuses(lab.findings(labels, WINDOW, ripe)) == dict.fromkeys(ripe, "passed")

    monkeypatch.setattr(
        snapshots, "window_settings",
        lambda window: [f"set variable window_{side} = timestamp '{moment}'" for side, moment in
                        (("start", "2000-01-01"), ("end", "2020-01-01"), ("known", "2020-01-01"))],
    )  # fmt: skip
    lab.alter("delete from wh.ops.manifest where asset = 'labels.again'")
    lab.run(labels)
    found = lab.findings(labels, WINDOW, ripe)

    assert statuses(found) == dict.fromkeys(ripe, "failed")
    assert found["2011-01-03"].evidence[0] == {
        "customer_id": 1,
        "differs_in": "label",
        "stored": "1",
        "recomputed": "0",
    }


def staged(lab: Lab, sql: str, **changes: object) -> CheckFinding:
    """The finding about `staging.made`, computed by `sql` from raw events."""
    raw = lab.raw_table(RAW, event_time="event_time")
    lab.land("events.csv", list(RAW), [(customer, amount, time) for customer, amount, time, _ in EVENTS])
    lab.run(raw)
    asset = lab.sql_table(sql, **{"event_time": "event_time", **changes})
    lab.run(asset)
    return lab.findings(asset, LATER)[""]


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("select *, lead(amount) over (partition by customer_id order by event_time) as next_amount from raw.events", id="next_row"),
        pytest.param("select *, sum(amount) over (partition by customer_id) as total from raw.events", id="total_over_all_time"),
        pytest.param("select *, amount - (select avg(amount) from raw.events) as above_mean from raw.events", id="mean_over_all_time"),
        pytest.param("select customer_id, min(event_time) as event_time, count(*) as events from raw.events group by 1", id="first_time_with_final_count"),
        pytest.param("select * from raw.events qualify row_number() over (partition by customer_id, week(event_time) order by event_time desc) = 1", id="last_row_of_a_week"),
        pytest.param("select * from raw.events where event_time < (select max(event_time) from raw.events)", id="all_but_the_newest"),
    ],
)  # fmt: skip
def test_staging_that_looks_ahead_is_found(tmp_path: Path, sql: str) -> None:
    finding = staged(Lab(tmp_path, NOW), sql)

    assert finding.status == "failed", finding.summary
    assert "when nothing later is known" in finding.summary
    assert {row["side"] for row in finding.evidence} <= {"stored", "recomputed"}
    assert finding.evidence


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("select distinct * from raw.events where amount > 20", id="filter_and_distinct"),
        pytest.param("select *, lag(amount) over (partition by customer_id order by event_time) as last_amount from raw.events", id="previous_row"),
        pytest.param("select *, avg(amount / 7) over (partition by customer_id order by event_time) as mean from raw.events", id="running_mean_of_floats"),
        pytest.param("select * from raw.events qualify row_number() over (partition by customer_id order by event_time) = 1", id="first_row"),
        pytest.param("select event_time::date as event_time, sum(amount / 3) as total from raw.events group by 1", id="sums_of_days"),
    ],
)  # fmt: skip
def test_staging_that_keeps_its_past_passes(tmp_path: Path, sql: str) -> None:
    finding = staged(Lab(tmp_path, NOW), sql)

    assert finding.status == "passed", (finding.summary, finding.evidence)
    assert finding.numbers["instants"] == 3


def test_staging_that_hides_when_a_row_was_known_is_found(tmp_path: Path) -> None:
    lab = Lab(tmp_path, NOW)
    lab.given("staging.events", [*EVENTS, (3, 5, "2011-01-02", "2011-01-29")])
    honest = lab.sql_table(
        "select * from staging.events", "honest", event_time="event_time", available_at="available_at"
    )
    hiding = lab.sql_table("select customer_id, event_time from staging.events", "hiding", event_time="event_time")
    for asset in (honest, hiding):
        lab.run(asset)

    assert lab.findings(honest, LATER)[""].status == "passed"
    found = lab.findings(hiding, LATER, hidden=["customer_id"])[""]
    assert found.status == "failed"
    assert [(row["side"], row["customer_id"]) for row in found.evidence] == [("stored", "(personal data)")]


def test_source_without_event_time_is_read_whole_and_named(tmp_path: Path) -> None:
    lab = Lab(tmp_path, NOW)
    lab.given("staging.events", EVENTS)
    lab.given("staging.names", [(1, "one"), (2, "two")], {"customer_id": "bigint", "name": "varchar"}, None)
    asset = lab.sql_table(
        "select * from staging.events join staging.names using (customer_id)", event_time="event_time"
    )
    lab.run(asset)

    finding = lab.findings(asset, LATER)[""]

    assert finding.status == "passed"
    assert finding.summary.endswith("without event time and read whole: staging.names")


@pytest.mark.parametrize(
    ("sql", "rows", "why"),
    [
        pytest.param("select * from staging.names", EVENTS, "no source has an event time", id="no_times"),
        pytest.param("select * from staging.events", EVENTS[:2], "source rows on two days", id="one_day"),
        pytest.param("select * from staging.events", [], "source rows on two days", id="empty"),
    ],
)
def test_later_rows_are_not_judged_where_they_cannot_be(
    tmp_path: Path, sql: str, rows: list[tuple[object, ...]], why: str
) -> None:
    lab = Lab(tmp_path, NOW)
    lab.given("staging.events", rows)
    lab.given("staging.names", [(1, "2011-01-01")], {"customer_id": "bigint", "event_time": "timestamp"}, None)
    asset = lab.sql_table(sql, event_time="event_time")
    lab.run(asset)

    finding = lab.findings(asset, LATER)[""]

    assert finding.status == "not_applicable"
    assert why in finding.summary


def test_table_without_event_time_has_no_check_of_later_rows(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    asset = lab.sql_table("select distinct customer_id from staging.events")

    assert LATER not in [check.name for check in asset.checks]


def test_features_from_a_table_without_event_time_are_refused(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    lab.given("staging.names", [], {"customer_id": "bigint"}, None)

    with pytest.raises(SqlError, match=r"sums\.sql:1: staging\.names has no event time"):
        lab.feature_set("select customer_id, 1 as events, 1 as total from staging.names")


def test_proofs_leave_nothing_behind(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    asset = lab.feature_set(snapshots=WEEKLY)
    lab.run(asset)
    table = lab.sql_table("select * from staging.events", event_time="event_time")
    lab.run(table)
    with lab.warehouse.reading(threads=1) as bench:
        for check in asset.checks:
            check.findings(CheckScope(bench, asset.name, KEYS, NOW, "snapshot"))
        for check in table.checks:
            check.findings(CheckScope(bench, table.name, [""], NOW))
        databases = {row[0] for row in bench.rows("select database_name from duckdb_databases() where not internal")}
        assert databases == {"memory", "wh", bench.database}
        assert bench.rows("select table_name from duckdb_tables() where database_name = 'memory'") == []
        assert bench.value("select current_setting('threads')") == 1


def test_an_instant_proved_on_the_same_rows_is_not_proved_again(tmp_path: Path) -> None:
    lab = lab_with_events(tmp_path)
    asset = lab.sql_table("select * from staging.events", event_time="event_time")
    lab.run(asset)
    context = lab.context()

    def proved() -> object:
        return judge_asset(context, asset, [""], [LATER]).findings[0].numbers["proved_now"]

    assert (proved(), proved()) == (3, 0)
    lab.given("staging.events", [(9, 1, "2011-01-02T10:00", None), *EVENTS])
    lab.run(asset)
    assert proved() == 3
