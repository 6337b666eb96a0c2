"""Features and labels against the brute-force oracle, on rows that crowd round every boundary there is."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_assets.specs.times import snapshot_time
from ml_assets_tests.builders import Lab, instant
from ml_assets_tests.features.oracle import COLUMNS, Event, known_at, labelled, paired, summed

SNAPSHOTS = {"every": "week", "start": "2011-01-03"}
KEYS = ["2011-01-03", "2011-01-10", "2011-01-17", "2011-01-24"]
NOW = instant("2011-01-30")
INSTANTS = [snapshot_time(key).replace(tzinfo=None) for key in KEYS]
TICK = timedelta(microseconds=1)

SUMMED_SQL = """
select customer_id, count(*) as events, sum(amount)::bigint as total, max(event_time) as last_event,
    count(*) filter (where event_time >= $snapshot - interval 7 day) as events_7d
from staging.events group by customer_id
"""
SUMMED = {
    "events": {"type": "integer"}, "total": {"type": "integer"}, "last_event": {"type": "timestamp"},
    "events_7d": {"type": "integer"},
}  # fmt: skip
PAIRED_SQL = """
select e.customer_id, count(*) as pairs from staging.events e
join staging.returns r on e.customer_id = r.customer_id and e.item_id = r.item_id group by e.customer_id
"""

some_or_many = pytest.mark.parametrize(
    "examples", [pytest.param(12, id="12_examples"), pytest.param(120, id="120_examples", marks=pytest.mark.full)]
)


def brute_force(examples: int) -> settings:
    """The same examples in every run; each is a commit, a run and a proof, so time per example is no fault."""
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )  # fmt: skip


def moments() -> st.SearchStrategy[datetime]:
    """Instants at, just before and just after snapshots, time-to-live and horizon edges, and hours round midnight."""
    distances = [
        timedelta(0),
        TICK,
        -TICK,
        timedelta(minutes=30),
        -timedelta(minutes=30),
        timedelta(hours=1),
        timedelta(days=3),
    ]
    shifts = [timedelta(0), timedelta(days=10), -timedelta(days=10), timedelta(hours=36)]
    return st.builds(
        lambda snapshot, shift, distance: snapshot + shift + distance,
        st.sampled_from(INSTANTS), st.sampled_from(shifts), st.sampled_from(distances),
    )  # fmt: skip


def events() -> st.SearchStrategy[list[Event]]:
    """Rows with few, easily confused keys, nulls everywhere, repeated rows, late and early knowledge."""
    keys = st.sampled_from([(1, 23), (12, 3), (1, 3), (12, 23), (None, 3), (1, None)])
    row = st.builds(
        lambda key, amount, event, available: Event(*key, amount, event, available),
        keys, st.sampled_from([None, -1, 0, 5]), st.none() | moments(), st.none() | moments(),
    )  # fmt: skip
    return st.lists(row, max_size=25).flatmap(
        lambda rows: (
            st.lists(st.sampled_from(rows), max_size=2).map(lambda again: rows + again) if rows else st.just(rows)
        )
    )


def stored(lab: Lab, table: str, columns: str) -> dict[str, Counter[tuple[object, ...]]]:
    """Partition → rows."""
    found = {key: Counter[tuple[object, ...]]() for key in KEYS}
    for key, *row in lab.rows(f"select strftime(snapshot, '%Y-%m-%d'), {columns} from wh.{table}"):
        found[key][tuple(row)] += 1
    return found


@pytest.mark.parametrize(
    ("ttl", "length"),
    [pytest.param(None, None, id="all_the_past"), pytest.param("10 days", timedelta(days=10), id="ttl_10_days")],
)
@some_or_many
def test_features_are_what_brute_force_finds(
    tmp_path: Path, ttl: str | None, length: timedelta | None, examples: int
) -> None:
    lab = Lab(tmp_path, NOW)
    lab.given("staging.events", [], COLUMNS)
    asset = lab.feature_set(SUMMED_SQL, SUMMED, snapshots=SNAPSHOTS, ttl=ttl)
    lab.run(asset)
    seen = {key: Counter[Event]() for key in KEYS}

    @brute_force(examples)
    @given(events())
    def judge(rows: list[Event]) -> None:
        lab.given("staging.events", rows, COLUMNS)
        report = lab.run(asset)

        visible = {key: known_at(rows, moment, length) for key, moment in zip(KEYS, INSTANTS, strict=True)}
        assert stored(lab, "features.sums", "customer_id, events, total, last_event, events_7d") == {
            key: summed(visible[key], moment) for key, moment in zip(KEYS, INSTANTS, strict=True)
        }
        remade = {made.partition for made in report.made if made.changed}
        assert remade == {key for key in KEYS if Counter(visible[key]) != seen[key]}
        proof = lab.findings(asset, "no_row_depends_on_the_future")
        assert {key for key, finding in proof.items() if finding.status == "passed"} == {
            key for key in KEYS if visible[key]
        }
        assert not any(finding.status == "failed" for finding in proof.values())
        seen.update({key: Counter(found) for key, found in visible.items()})

    judge()


@some_or_many
def test_join_on_two_columns_confuses_no_keys(tmp_path: Path, examples: int) -> None:
    lab = Lab(tmp_path, NOW)
    lab.given("staging.events", [], COLUMNS)
    lab.given("staging.returns", [], COLUMNS)
    asset = lab.feature_set(PAIRED_SQL, {"pairs": {"type": "integer"}}, "pairs", snapshots=SNAPSHOTS)

    @brute_force(examples)
    @given(events(), events())
    def judge(left: list[Event], right: list[Event]) -> None:
        lab.given("staging.events", left, COLUMNS)
        lab.given("staging.returns", right, COLUMNS)
        lab.run(asset)

        assert stored(lab, "features.pairs", "customer_id, pairs") == {
            key: paired(known_at(left, moment), known_at(right, moment))
            for key, moment in zip(KEYS, INSTANTS, strict=True)
        }

    judge()


@pytest.mark.parametrize(
    ("horizon", "length"),
    [
        pytest.param("36 hours", timedelta(hours=36), id="36_hours"),
        pytest.param("10 days", timedelta(days=10), id="10_days"),
    ],
)
@some_or_many
def test_labels_are_what_brute_force_finds(tmp_path: Path, horizon: str, length: timedelta, examples: int) -> None:
    lab = Lab(tmp_path, NOW)
    lab.given("staging.events", [], COLUMNS)
    people, labels = lab.labels(horizon=horizon, snapshots=SNAPSHOTS)
    mature = [(key, moment) for key, moment in zip(KEYS, INSTANTS, strict=True) if snapshot_time(key) + length <= NOW]
    assert len(mature) == (4 if horizon == "36 hours" else 3)

    @brute_force(examples)
    @given(events())
    def judge(rows: list[Event]) -> None:
        lab.given("staging.events", rows, COLUMNS)
        lab.run(people)
        lab.run(labels)

        found = stored(lab, "labels.again", "customer_id, label")
        assert found == {key: Counter() for key in KEYS} | {
            key: labelled(rows, moment, length) for key, moment in mature
        }
        for name in ("labels_come_from_their_window_alone", "labels_are_zero_or_one"):
            statuses = {key: finding.status for key, finding in lab.findings(labels, name).items()}
            assert statuses == {key: "passed" if found[key] else "not_applicable" for key in KEYS}

    judge()


@pytest.mark.parametrize(
    ("event", "available", "seen"),
    [
        pytest.param("2011-01-09T23:59:59.999999", None, True, id="one_tick_before"),
        pytest.param("2011-01-10", None, False, id="at_the_snapshot"),
        pytest.param("2011-01-09", "2011-01-10", True, id="known_at_the_snapshot"),
        pytest.param("2011-01-09", "2011-01-10T00:00:00.000001", False, id="known_one_tick_after"),
        pytest.param("2011-01-09", "2011-01-01", True, id="known_before_it_happened"),
        pytest.param(None, "2011-01-01", False, id="without_event_time"),
    ],
)
def test_row_is_seen_only_when_it_had_happened_and_was_known(
    tmp_path: Path, event: str | None, available: str | None, seen: bool
) -> None:
    lab = Lab(tmp_path, NOW)
    lab.given("staging.events", [(1, 5, event, available)])
    lab.run(lab.feature_set(snapshots=SNAPSHOTS), ["2011-01-10"])

    assert lab.rows("select customer_id, total from wh.features.sums") == ([(1, 5)] if seen else [])


def test_label_waits_until_its_window_has_fully_passed(tmp_path: Path) -> None:
    lab = Lab(tmp_path, instant("2011-01-23T23:59:59"))
    lab.given("staging.events", [(1, 5, "2011-01-01", None), (1, 5, "2011-01-23T23:00", None)])
    people, labels = lab.labels(horizon="14 days", snapshots=SNAPSHOTS)
    lab.run(people)

    early = {made.partition: made.note for made in lab.run(labels).made}
    lab.now = instant("2011-01-24")
    late = {made.partition: made.note for made in lab.run(labels).made}

    assert early == {"2011-01-03": "never made", "2011-01-10": "cannot be made yet", "2011-01-17": "cannot be made yet"}
    assert late["2011-01-10"] == "never made"
    assert lab.rows("select strftime(snapshot, '%m-%d'), label from wh.labels.again order by 1") == [
        ("01-03", 0),
        ("01-10", 1),
    ]


def test_label_check_finds_labels_made_too_early(tmp_path: Path) -> None:
    lab = Lab(tmp_path, instant("2011-01-24"))
    lab.given("staging.events", [(1, 5, "2011-01-01", None)])
    people, labels = lab.labels(horizon="14 days", snapshots=SNAPSHOTS)
    lab.run(people)
    lab.run(labels)
    lab.now = instant("2011-01-20")

    found = lab.findings(labels, "label_window_has_passed", ["2011-01-03", "2011-01-10"])

    assert {key: finding.status for key, finding in found.items()} == {"2011-01-03": "passed", "2011-01-10": "failed"}
