"""The alias log: appended to, never rewritten, and asked for any moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.errors import NotMaterializedError
from ml_assets.registry.resolve import resolve
from ml_assets.warehouse.aliases import champion_before, move, version_at
from ml_assets_tests.builders import Lab, instant

LOG = "select model, alias, version, moved_at::varchar, moved_by, reason from wh.ops.aliases order by rowid"


def moved(lab: Lab, version: int, day: str, alias: str = "champion", model: str = "again") -> None:
    with lab.warehouse.committing() as bench:
        move(bench, model, alias, version, at=instant(day), by="gate", reason=f"version {version}")


def test_log_keeps_every_move_in_order(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    for version, day in ((1, "2011-01-01"), (2, "2011-02-01"), (1, "2011-03-01")):
        moved(lab, version, day)

    assert [row[2:4] for row in lab.rows(LOG)] == [
        (1, "2011-01-01 00:00:00"), (2, "2011-02-01 00:00:00"), (1, "2011-03-01 00:00:00"),
    ]  # fmt: skip
    assert lab.rows(LOG)[0] == ("again", "champion", 1, "2011-01-01 00:00:00", "gate", "version 1")


def test_moving_to_where_the_alias_points_writes_nothing(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    for day in ("2011-01-01", "2011-02-01", "2011-03-01"):
        moved(lab, 1, day)

    assert [row[3] for row in lab.rows(LOG)] == ["2011-01-01 00:00:00"]


@pytest.mark.parametrize(
    ("moment", "version"),
    [
        pytest.param("2010-12-31", None, id="before_it_was_set"),
        pytest.param("2011-01-01", 1, id="at_the_first_move"),
        pytest.param("2011-01-31T23:59:59.999999", 1, id="one_tick_before_the_second"),
        pytest.param("2011-02-01", 2, id="at_the_second_move"),
        pytest.param("2011-02-02", 3, id="last_of_one_instant"),
        pytest.param("2031-01-01", 3, id="long_after"),
        pytest.param(None, 3, id="now"),
    ],
)
def test_version_at_a_moment_is_the_one_last_moved_to(tmp_path: Path, moment: str | None, version: int | None) -> None:
    lab = Lab(tmp_path)
    for number, day in ((1, "2011-01-01"), (2, "2011-02-01"), (1, "2011-02-02"), (3, "2011-02-02")):
        moved(lab, number, day)
    with lab.warehouse.reading() as bench:
        assert version_at(bench, "again", "champion", instant(moment) if moment else None) == version


def test_aliases_of_other_models_and_names_do_not_mix(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    moved(lab, 1, "2011-01-01")
    moved(lab, 2, "2011-01-02", alias="challenger")
    moved(lab, 3, "2011-01-03", model="other")
    with lab.warehouse.reading() as bench:
        assert [version_at(bench, "again", alias) for alias in ("champion", "challenger")] == [1, 2]


def test_a_missing_alias_is_an_error_that_says_how_to_get_one(tmp_path: Path) -> None:
    with (
        Lab(tmp_path).warehouse.reading() as bench,
        pytest.raises(NotMaterializedError, match="again has no champion") as caught,
    ):
        resolve(bench, "again", "champion", None, instant("2011-01-01"))
    assert "ml-assets run models.again__champion" in str(caught.value)


@pytest.mark.parametrize(
    ("moves", "before"),
    [
        pytest.param([], None, id="never_any"),
        pytest.param([1], None, id="the_first"),
        pytest.param([1, 2, 3], 2, id="the_one_before"),
        pytest.param([1, 2, 3, 2], 1, id="rolled_back_once"),
        pytest.param([1, 2, 3, 2, 1], None, id="rolled_back_to_the_first"),
        pytest.param([1, 2, 3, 2, 4], 2, id="a_new_one_after_a_rollback"),
        pytest.param([1, 2, 3, 2, 3], 2, id="promoted_again"),
    ],
)
def test_champion_before_is_the_one_it_took_over_from(tmp_path: Path, moves: list[int], before: int | None) -> None:
    lab = Lab(tmp_path)
    for version in moves:
        moved(lab, version, "2011-01-01")
    with lab.warehouse.reading() as bench:
        assert champion_before(bench, "again") == before
