"""Which tables belong together, and which moment counts, where files of a parent and its children are given."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from ml_assets.onboarding.sources import gather
from ml_assets.onboarding.understand import understand
from ml_assets.onboarding.understanding import Understanding
from ml_assets.onboarding.wishes import Wishes

ROWS, FIRST = 120, date(2023, 1, 1)


def understood(folder: Path, *, days_after: int, time: str | None = None) -> Understanding:
    """Customers by a running number, and as many orders with running numbers of their own, some days after the signup."""
    signups = [FIRST + timedelta(days=3 * n) for n in range(ROWS)]
    customers = ["id,signup,age,churned", *(f"{n + 1},{day},{20 + n % 50},{n % 2}" for n, day in enumerate(signups))]
    orders = [
        "order_no,customer_id,ordered_at,amount",
        *(
            f"{n + 1},{n % ROWS + 1},{signups[n % ROWS] + timedelta(days=days_after + n % 5)},{n % 40}.50"
            for n in range(2 * ROWS)
        ),
    ]
    (folder / "customers.csv").write_text("\n".join(customers) + "\n", encoding="utf-8")
    (folder / "orders.csv").write_text("\n".join(orders) + "\n", encoding="utf-8")
    tables = gather([str(folder / "customers.csv"), str(folder / "orders.csv")])
    return understand(Wishes(name="churn", tables=tables, target="churned", time=time))


def test_a_running_number_of_a_table_is_no_reference_to_another(tmp_path: Path) -> None:
    found = understood(tmp_path, days_after=-30).relations
    assert [(r.child, r.child_column, r.parent, r.parent_column) for r in found] == [
        ("orders", "customer_id", "customers", "id")
    ]


def test_rows_before_the_date_of_the_main_table_make_it_the_moment_of_judgement(tmp_path: Path) -> None:
    assert understood(tmp_path, days_after=-30).time == "signup"


@pytest.mark.parametrize(("wished", "time"), [(None, None), ("signup", "signup")])
def test_a_date_before_all_that_belongs_to_a_row_is_its_beginning_unless_wished(
    tmp_path: Path, wished: str | None, time: str | None
) -> None:
    found = understood(tmp_path, days_after=1, time=wished)
    assert found.time == time
    doubts = [note for note in found.notes if note.doubt and note.answered_by == "--time signup"]
    assert len(doubts) == (wished is None)
