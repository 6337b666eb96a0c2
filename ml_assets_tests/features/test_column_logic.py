"""What an output column rests on: its logic's fingerprint, columns that are copied, columns that decide rows."""

from __future__ import annotations

import pytest

from ml_assets.features.statement import Statement, statement_from
from ml_assets.warehouse.names import TableName

SALES = TableName("staging", "sales")
KNOWN = {SALES: ("id", "who", "paid", "at"), TableName("staging", "returns"): ("who", "refund")}
THROUGH_A_PART = (
    "with days as (select who, at::date as day, sum(paid) as paid, count(*) as n from staging.sales group by who, at::date)\n"
    "select who, sum(paid) as spend, sum(n) as orders from days group by who"
)


def statement(text: str) -> Statement:
    return statement_from(text, "sql/shop/x.sql")


def changed(before: str, now: str) -> set[str]:
    was, found = statement(before).column_logic(KNOWN), statement(now).column_logic(KNOWN)
    assert was.keys() == found.keys()
    return {name for name in found if found[name] != was[name]}


class TestColumnLogic:
    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            ("sum(paid) as spend", "max(paid) as spend", {"spend"}),
            ("sum(paid) as paid", "sum(paid) / 2 as paid", {"spend"}),
            ("count(*) as n", "count(distinct at) as n", {"orders"}),
            ("from staging.sales group by", "from staging.sales where paid > 0 group by", {"who", "spend", "orders"}),
            ("from days group by who", "from days where n > 1 group by who", {"who", "spend", "orders"}),
        ],
    )
    def test_a_change_is_seen_in_the_columns_that_come_through_it(self, old: str, new: str, expected: set[str]) -> None:
        assert old in THROUGH_A_PART
        assert changed(THROUGH_A_PART, THROUGH_A_PART.replace(old, new)) == expected

    def test_the_same_in_other_words_is_no_change(self) -> None:
        assert (
            changed(
                THROUGH_A_PART,
                "-- a comment\n" + THROUGH_A_PART.replace(" as n ", "   as   n ").replace("select", "SELECT"),
            )
            == set()
        )


class TestCopiedColumns:
    def test_plain_columns_are_copied_and_computed_ones_are_not(self) -> None:
        found = statement(
            "select id, who as customer, paid * 2 as paid, at from staging.sales where paid > 0"
        ).copied_columns(KNOWN)
        assert found == {"id": (SALES, "id"), "customer": (SALES, "who"), "at": (SALES, "at")}

    def test_columns_are_followed_through_a_part_of_the_statement(self) -> None:
        found = statement(
            "with s as (select id, paid from staging.sales) select id as number, paid + 1 as paid from s"
        ).copied_columns(KNOWN)
        assert found == {"number": (SALES, "id")}

    @pytest.mark.parametrize(
        "text",
        [
            "select who, max(paid) as paid from staging.sales group by who",
            "select who from staging.sales union all select who from staging.returns",
        ],
    )
    def test_grouped_and_combined_rows_are_nobodys_rows(self, text: str) -> None:
        assert statement(text).copied_columns(KNOWN) == {}


class TestShapesRows:
    @pytest.mark.parametrize(
        ("text", "column", "expected"),
        [
            ("select id, paid from staging.sales where paid > 0", "paid", True),
            ("select id, paid from staging.sales where at is not null", "paid", False),
            ("select who, sum(paid) as spend from staging.sales group by who", "who", True),
            ("select who, sum(paid) filter (where at > '2024-01-01') as spend from staging.sales group by who", "at", False),
            ("select s.id, r.refund from staging.sales s join staging.returns r on s.who = r.who", "who", True),
            ("with s as (select id, paid * 2 as doubled from staging.sales) select id from s where doubled > 1", "paid", True),
            ("select id, row_number() over (partition by who order by at) as place from staging.sales", "at", False),
        ],
    )  # fmt: skip
    def test_a_column_that_filters_groups_or_joins_decides_rows(self, text: str, column: str, expected: bool) -> None:
        assert statement(text).shapes_rows_by(column) is expected
