"""What a signal upstream, at the same time or before, explains is a symptom; what it cannot explain is a cause of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_assets.graph.compile import Graph
from ml_assets.operations.causes import CAUSES, Cause
from ml_assets.operations.column_reach import columns_reach
from ml_assets.operations.grouping import grouped
from ml_assets.operations.signals import Signal
from ml_assets_tests.operations.watched import watch
from ml_assets_tests.tiny import TinyProject

DAY = datetime(2024, 4, 1, tzinfo=UTC)
TABLES = ("raw.orders", "staging.sales", "features.habits", "models.again", "scores.again", "")


def signal(cause: Cause, subject: str, *, day: int = 0, column: str = "", **facts: Any) -> Signal:
    values = {
        "severity": "error",
        "asset": subject,
        "began_at": DAY + timedelta(days=day),
        "summary": f"{cause} of {subject}",
    } | facts
    return Signal("check", f"{cause}_{column}", cause, subject=subject, column=column, **values)


@pytest.fixture(scope="module")
def graph(tiny: TinyProject) -> Graph:
    return tiny.graph()


def roots(graph: Graph, *signals: Signal) -> list[str]:
    """Cause and table of each group."""
    return sorted(f"{group.root.cause} {group.root.subject}".strip() for group in grouped(signals, graph))


def test_drift_below_missing_values_is_their_symptom(graph: Graph) -> None:
    found = roots(
        graph,
        signal("drift", "scores.again"),
        signal("nulls", "raw.orders", column="amount"),
        signal("stale", "features.habits"),
    )
    assert found == ["nulls raw.orders"]


def test_what_began_before_is_not_explained(graph: Graph) -> None:
    assert roots(graph, signal("drift", "features.habits", day=-1), signal("nulls", "raw.orders")) == [
        "drift features.habits",
        "nulls raw.orders",
    ]


def test_what_began_weeks_later_is_not_explained(graph: Graph) -> None:
    assert len(roots(graph, signal("nulls", "raw.orders"), signal("drift", "features.habits", day=20))) == 2


def test_what_lasts_explains_what_began_while_it_lasted(graph: Graph) -> None:
    lasting = signal("nulls", "raw.orders", last_at=DAY + timedelta(days=19))
    assert roots(graph, lasting, signal("drift", "features.habits", day=20)) == ["nulls raw.orders"]


def test_trouble_downstream_explains_nothing_upstream(graph: Graph) -> None:
    found = roots(graph, signal("schema", "scores.again"), signal("nulls", "raw.orders", day=1))
    assert found == ["nulls raw.orders", "schema scores.again"]


def test_columns_of_one_table_on_one_day_are_one_cause(graph: Graph) -> None:
    some = signal("nulls", "raw.orders", column="amount", numbers={"value": 0.4})
    most = signal("nulls", "raw.orders", column="customer_id", numbers={"value": 0.9})
    [group] = grouped([some, most], graph)
    assert group.root.column == "customer_id"


def test_faults_of_one_table_on_different_days_are_two_causes(graph: Graph) -> None:
    assert len(roots(graph, signal("nulls", "raw.orders"), signal("duplicates", "raw.orders", day=2))) == 2


def test_changed_statement_explains_drift_and_no_missing_values_above(graph: Graph) -> None:
    found = roots(
        graph, signal("code", "staging.sales"), signal("drift", "features.habits"), signal("nulls", "raw.orders", day=1)
    )
    assert found == ["code staging.sales", "nulls raw.orders"]


def failing_statement(subject: str) -> Signal:
    return replace(signal("code", subject, day=1), kind="step")


def test_late_data_does_not_hide_a_statement_that_fails(graph: Graph) -> None:
    found = roots(
        graph, signal("late_upstream", "raw.orders", severity="warn"), failing_statement("features.habits"), signal("stale", "scores.again", day=1)
    )  # fmt: skip
    assert found == ["code features.habits", "late_upstream raw.orders"]


def test_days_without_rows_are_the_same_trouble_as_data_that_is_too_old(graph: Graph) -> None:
    missing = signal("volume", "raw.orders", severity="warn")
    assert roots(graph, signal("late_upstream", "raw.orders", day=2), missing) == ["late_upstream raw.orders"]
    warned = signal("late_upstream", "raw.orders", day=2, severity="warn")
    assert roots(graph, warned, missing) == ["late_upstream raw.orders", "volume raw.orders"]


def test_changed_columns_explain_a_statement_that_fails(graph: Graph) -> None:
    assert roots(graph, signal("schema", "raw.orders"), failing_statement("features.habits")) == ["schema raw.orders"]


def test_what_is_not_declared_follows_from_nothing_in_the_data(graph: Graph) -> None:
    found = roots(graph, signal("values", "raw.orders", severity="warn"), signal("unwatched", "scores.again"))
    assert found == ["unwatched scores.again", "values raw.orders"]


def test_full_disk_explains_every_failed_run_and_no_drift(graph: Graph) -> None:
    found = roots(
        graph,
        signal("disk", ""),
        signal("failed_run", "features.habits"),
        signal("failed_run", "raw.orders"),
        signal("drift", "scores.again"),
    )
    assert found == ["disk", "drift scores.again"]


def test_blocked_tables_are_symptoms_however_long_ago_the_block_began(graph: Graph) -> None:
    assert roots(graph, signal("schema", "staging.sales"), signal("stale", "features.habits", day=60)) == [
        "schema staging.sales"
    ]


signals = st.lists(
    st.builds(
        signal, st.sampled_from(CAUSES), st.sampled_from(TABLES), day=st.integers(0, 12), column=st.sampled_from(("", "amount")),
        severity=st.sampled_from(("error", "warn")),
    ),
    max_size=8, unique_by=lambda one: one.key,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(found=signals)
def test_every_signal_is_in_one_group_whatever_the_order(tiny: TinyProject, found: Sequence[Signal]) -> None:
    graph = _GRAPH.setdefault("tiny", tiny.graph())
    groups = grouped(found, graph)
    keys = [one.key for group in groups for one in group.signals]
    assert sorted(keys) == sorted(one.key for one in found)
    assert grouped(list(reversed(found)), graph) == groups


_GRAPH: dict[str, Graph] = {}


def test_column_that_nobody_reads_explains_nothing(graph: Graph) -> None:
    nulls, drift = signal("nulls", "raw.orders", column="amount"), signal("drift", "features.habits")
    reached = {("raw.orders", "amount"): frozenset({"staging.sales"})}
    assert [group.root.cause for group in grouped([nulls, drift], graph, reached)] == ["nulls", "drift"]
    reached = {("raw.orders", "amount"): frozenset({"staging.sales", "features.habits"})}
    assert [group.root.cause for group in grouped([nulls, drift], graph, reached)] == ["nulls"]


def test_lineage_follows_one_column_to_scores_and_stops_where_none_reads_it(tiny: TinyProject) -> None:
    asked = [signal("nulls", "raw.orders", column="amount"), signal("nulls", "raw.orders", column="order_id")]
    look = watch(tiny)
    with look.context.warehouse.reading() as bench:
        reached = columns_reach(bench, look, asked)
        assert columns_reach(bench, look, asked[:1]) == {}
    assert reached["raw.orders", "order_id"] == {"staging.sales"}
    # It filters rows, so that everything below may be other: the table's lineage holds.
    assert ("raw.orders", "amount") not in reached
