"""Replacing tables and rows, the manifest's books, and where state and time come from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import DeclarationError
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.manifest import ManifestRow, fingerprint, manifest_of, record, relation_content, whole_manifest
from ml_assets.warehouse.names import TableName, literal, quoted
from ml_assets_tests.builders import Lab, instant

TABLE = TableName("scores", "made")


@pytest.mark.parametrize(
    ("column", "first", "second", "values", "left"),
    [
        pytest.param(
            "version", [(1, "a"), (2, "b")], [(2, "c"), (2, "d")], [2], [(1, "a"), (2, "c"), (2, "d")], id="by_number"
        ),
        pytest.param("version", [(1, "a"), (2, "b")], [], [1, 2, 3], [], id="by_nothing"),
        pytest.param(
            "note",
            [(1, "a"), (2, "it's"), (3, None)],
            [(4, "it's")],
            ["it's"],
            [(1, "a"), (3, None), (4, "it's")],
            id="by_text",
        ),
    ],
)
def test_rows_of_the_given_values_give_way(
    tmp_path: Path, column: str, first: list[Any], second: list[Any], values: list[Any], left: list[Any]
) -> None:
    lab = Lab(tmp_path)
    for rows in (first, second):
        with lab.warehouse.workbench() as bench:
            bench.execute("create table made (version integer, note varchar)")
            for row in rows:
                bench.execute("insert into made values (?, ?)", row)
            with bench.committing():
                rewritten = bench.replace_rows(TABLE, "made", column, values)
    assert not rewritten
    assert lab.rows("select * from wh.scores.made order by version, note") == left


def test_row_of_the_manifest_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    lab, when = Lab(tmp_path), datetime(2011, 6, 1, 12, 30, tzinfo=UTC)
    rows = [
        ManifestRow(
            str(TABLE),
            key,
            {"raw.a": "1:00", "it's": '"x"'},
            "logic",
            number,
            f"{number}:ff",
            7,
            when,
            0.25,
            "never made",
        )
        for number, key in enumerate(["2011-01-03", "2011-01-10", ""])
    ]
    with lab.warehouse.committing() as bench:
        record(bench, rows)
        record(bench, [])
        record(bench, rows[:1])
        assert manifest_of(bench, TABLE) == {row.partition: row for row in rows}
        assert whole_manifest(bench) == {str(TABLE): manifest_of(bench, TABLE)}
        assert manifest_of(bench, TableName("raw", "absent")) == {}


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        pytest.param("values (1, 23), (12, 3)", "values (12, 3), (1, 23)", True, id="order"),
        pytest.param("values (1, 23), (12, 3)", "values (12, 23), (1, 3)", False, id="values_change_places"),
        pytest.param("values (1, null), (null, 1)", "values (1, 1), (null, null)", False, id="nulls_change_places"),
        pytest.param("values (1, 2), (1, 2)", "values (1, 2)", False, id="repetition"),
        pytest.param("values ('ab', 'c')", "values ('a', 'bc')", False, id="texts_that_read_the_same"),
        pytest.param("values ('', null)", "values (null, '')", False, id="empty_and_null"),
    ],
)
def test_content_is_the_multiset_of_rows(tmp_path: Path, left: str, right: str, equal: bool) -> None:
    with Lab(tmp_path).warehouse.workbench() as bench:
        one, other = (relation_content(bench, f"(select * from ({values}) t(a, b))") for values in (left, right))
    assert (one == other) == equal


def test_names_and_texts_of_any_characters_stay_names_and_texts(tmp_path: Path) -> None:
    odd = "a \"b\" 'c'; drop"
    with Lab(tmp_path).warehouse.workbench() as bench:
        assert bench.records(f"select {literal(odd)} as {quoted(odd)}") == [{odd: odd}]


def test_fingerprint_depends_on_content_not_on_order_of_keys() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1, "b": [1, 2]}) != fingerprint({"a": 1, "b": [2, 1]})
    assert len({fingerprint("a", "b"), fingerprint("ab"), fingerprint(["a", "b"]), fingerprint("a", None)}) == 4


def test_clock_stands_still_while_history_is_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    monkeypatch.delenv("ML_ASSETS_NOW", raising=False)
    assert abs((home.clock()() - datetime.now(UTC)).total_seconds()) < 5
    assert not home.replays_history

    home.replay_file.write_text("2011-12-10\n")
    assert home.clock()() == instant("2011-12-10")
    monkeypatch.setenv("ML_ASSETS_NOW", "2011-12-10T06:00:00+02:00")
    assert home.clock()() == instant("2011-12-10T04:00")
    assert home.replays_history

    monkeypatch.setenv("ML_ASSETS_NOW", "yesterday")
    with pytest.raises(DeclarationError, match="ML_ASSETS_NOW: not an instant"):
        home.clock()


def test_home_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ML_ASSETS_HOME", raising=False)
    assert Home.locate(tmp_path).root == tmp_path / ".ml_assets"
    monkeypatch.setenv("ML_ASSETS_HOME", str(tmp_path / "x" / ".." / "y"))
    assert Home.locate(tmp_path).root == tmp_path / "y"
