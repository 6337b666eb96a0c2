"""Each content is in the table exactly once, whatever happens to the files, and a run without news writes nothing."""

from __future__ import annotations

import itertools
import os
import random
from pathlib import Path
from typing import Any

import pytest

from ml_assets.errors import DeclarationError, MlAssetsError
from ml_assets.ingest.load import OvertakenError, Shelf
from ml_assets.warehouse.asset import RunContext
from ml_assets_tests.ingest.conftest import COLUMNS, Shop

HEADER = "id,day,price,note\n"
A, B, C = (HEADER + f"{n},2020-01-0{n},{n},{text}\n" for n, text in ((1, "a"), (2, "b"), (3, "c")))
BROKEN = "id,day\n1,2020-01-01\n"


def state(shop: Shop) -> dict[str, str]:
    """File → status, of every file the book knows."""
    return dict(shop.ask("select file, status from wh.ops.files where asset = 'raw.sales' order by 1"))


def ids(shop: Shop) -> list[tuple[int, str]]:
    """(id, file) of every kept row."""
    return shop.ask("select id, _file from wh.raw.sales order by all")


def assert_quiet(shop: Shop) -> None:
    """Another run finds nothing to do and writes nothing."""
    before = shop.home.warehouse.read_bytes()
    report = shop.load()
    assert not report.changed
    assert report.made[0].note.startswith("no new file")
    assert shop.home.warehouse.read_bytes() == before


def test_a_second_run_writes_nothing(shop: Shop) -> None:
    shop.land("a.csv", A)
    shop.land("b.csv", B + "x,,,\n")
    shop.land("broken.csv", BROKEN)
    shop.land("empty.csv", "")
    assert shop.load().made[0].note == "4 new files"
    assert_quiet(shop)
    assert_quiet(shop)


def test_an_empty_folder_makes_an_empty_table(shop: Shop) -> None:
    shop.load()
    assert shop.values("*") == []
    assert shop.finding("no_landing_file_is_refused").status == "not_applicable"
    assert_quiet(shop)
    shop.land("a.csv", A)
    shop.load()
    assert ids(shop) == [(1, "a.csv")]


def test_a_changed_file_replaces_its_own_rows_and_quarantine_only(shop: Shop) -> None:
    shop.declare(event_time="day")
    shop.land("a.csv", A + "x,,,\n4,2020-01-04,4,d\n")
    shop.land("b.csv", B + "y,,,\n")
    shop.load()
    first = shop.ask("select _batch, id from wh.raw.sales where _file = 'b.csv'")
    shop.land("a.csv", C + "z,,,\n")
    report = shop.load()
    assert report.made[0].note == "1 changed files"
    assert ids(shop) == [(2, "b.csv"), (3, "a.csv")]
    assert shop.quarantine("_file, value") == [("a.csv", "z"), ("b.csv", "y")]
    assert shop.ask("select _batch, id from wh.raw.sales where _file = 'b.csv'") == first
    assert shop.ask(
        "select part, sum(rows)::int from wh.ops.buckets where asset = 'raw.sales' group by 1 order by 1"
    ) == [("a.csv", 1), ("b.csv", 1)]
    assert_quiet(shop)


@pytest.mark.parametrize("backdated", [False, True])
def test_time_stamps_decide_nothing(shop: Shop, backdated: bool) -> None:
    path = shop.land("a.csv", A)
    os.utime(path, ns=(10**18, 10**18))
    shop.load()
    if backdated:  # other content of equal length under the old time stamp
        path.write_text(A.replace("1,a", "7,a"))
        os.utime(path, ns=(10**18, 10**18))
        shop.load()
        assert shop.values("price") == [(7.0,)]
    else:
        os.utime(path)
    assert_quiet(shop)


def test_a_copy_is_not_loaded_until_its_original_changes(shop: Shop) -> None:
    shop.land("a.csv", A)
    shop.load()
    shop.land("b.csv", A)
    shop.load()
    assert state(shop) == {"a.csv": "loaded", "b.csv": "copy"}
    assert shop.book("b.csv")["reason"] == "same content as a.csv"
    assert_quiet(shop)
    shop.land("a.csv", B)
    shop.load()
    assert ids(shop) == [(1, "b.csv"), (2, "a.csv")]
    assert_quiet(shop)
    shop.land("b.csv", B)
    shop.load()
    assert ids(shop) == [(2, "a.csv")]
    assert_quiet(shop)


def test_copies_that_land_together_count_once(shop: Shop) -> None:
    for name in ("c.csv", "a.csv", "b.csv"):
        shop.land(name, A)
    report = shop.load()
    assert ids(shop) == [(1, "a.csv")]
    assert report.facts["files_that_are_copies"] == 2
    (shop.folder / "a.csv").unlink()
    assert_quiet(shop)


def test_files_that_swap_their_contents(shop: Shop) -> None:
    shop.land("a.csv", A)
    shop.land("b.csv", B)
    shop.load()
    shop.land("a.csv", B)
    shop.land("b.csv", A)
    shop.load()
    assert ids(shop) == [(1, "b.csv"), (2, "a.csv")]
    assert_quiet(shop)


def test_a_renamed_file_is_not_loaded_again(shop: Shop) -> None:
    path = shop.land("a.csv", A)
    shop.load()
    path.rename(shop.folder / "b.csv")
    shop.load()
    assert ids(shop) == [(1, "a.csv")]
    assert_quiet(shop)


def test_a_file_that_leaves_keeps_its_rows(shop: Shop) -> None:
    path = shop.land("a.csv", A)
    shop.load()
    path.unlink()
    assert_quiet(shop)
    assert ids(shop) == [(1, "a.csv")]


def test_a_refused_file_that_is_corrected_or_withdrawn(shop: Shop) -> None:
    shop.land("a.csv", BROKEN)
    shop.land("b.csv", BROKEN)
    shop.load()
    assert state(shop) == {"a.csv": "refused", "b.csv": "refused"}
    shop.land("a.csv", A)
    (shop.folder / "b.csv").unlink()
    shop.load()
    assert state(shop) == {"a.csv": "loaded", "b.csv": "withdrawn"}
    assert shop.finding("no_landing_file_is_refused").status == "passed"
    assert_quiet(shop)


def test_a_loaded_file_whose_next_content_is_refused_keeps_its_rows(shop: Shop) -> None:
    shop.land("a.csv", A + "x,,,\n")
    shop.land("b.csv", B)
    shop.load()
    content = shop.ask("select content from wh.ops.manifest")
    shop.land("a.csv", BROKEN)
    shop.load()
    assert ids(shop) == [(1, "a.csv"), (2, "b.csv")]
    assert shop.quarantine("value") == [("x",)]
    assert shop.ask("select content from wh.ops.manifest") == content
    entry = shop.book("a.csv")
    assert (entry["status"], entry["rule"], entry["rows_read"]) == ("refused", "missing_column", 2)
    assert "kept:     2 rows of its earlier content" in entry["reason"]
    assert_quiet(shop)
    shop.land("c.csv", A + "x,,,\n")  # its old content comes back under another name
    shop.load()
    assert state(shop)["c.csv"] == "copy"
    shop.land("a.csv", C)
    shop.load()
    assert ids(shop) == [(1, "c.csv"), (2, "b.csv"), (3, "a.csv")]
    assert_quiet(shop)


def test_a_loaded_file_that_is_broken_for_a_while(shop: Shop) -> None:
    path = shop.land("a.csv", A)
    shop.load()
    for repair in (lambda: shop.land("a.csv", A), path.unlink):
        shop.land("a.csv", BROKEN)
        shop.load()
        assert state(shop) == {"a.csv": "refused"}
        repair()
        shop.load()
        assert state(shop) == {"a.csv": "loaded"}
        assert ids(shop) == [(1, "a.csv")]
        assert_quiet(shop)


def test_a_copy_takes_over_when_its_original_breaks(shop: Shop) -> None:
    shop.land("a.csv", A)
    shop.land("b.csv", A)
    shop.load()
    shop.land("a.csv", BROKEN)
    shop.load()
    assert ids(shop) == [(1, "b.csv")]
    assert state(shop) == {"a.csv": "refused", "b.csv": "loaded"}
    assert_quiet(shop)


def test_bad_rows_may_refuse_a_file(shop: Shop) -> None:
    shop.declare(bad_rows="freeze")
    shop.land("a.csv", A)
    shop.land("b.csv", B + "x,,,\n")
    shop.load()
    assert ids(shop) == [(1, "a.csv")]
    assert shop.quarantine() == []
    shop.land("b.csv", B)
    shop.load()
    assert ids(shop) == [(1, "a.csv"), (2, "b.csv")]


def test_a_changed_contract_judges_every_file_again(shop: Shop) -> None:
    shop.land("a.csv", A)
    shop.land("b.csv", B)
    shop.land("copy.csv", B)
    shop.load()
    shop.declare(COLUMNS | {"price": {"type": "decimal", "max": 1}})
    assert shop.load().made[0].note == "its contract changed"
    assert ids(shop) == [(1, "a.csv")]
    assert shop.quarantine() == [("b.csv", 2, "max", "price", "2")]
    assert state(shop) == {"a.csv": "loaded", "b.csv": "loaded", "copy.csv": "copy"}
    assert shop.ask("select count(*) from duckdb_tables() where table_name like '%reload%'") == [(0,)]
    assert shop.ask("select distinct asset from wh.ops.manifest union select distinct asset from wh.ops.files") == [
        ("raw.sales",)
    ]
    assert_quiet(shop)


def test_words_that_judge_nothing_are_no_change_of_the_contract(shop: Shop) -> None:
    shop.land("a.csv", A)
    shop.load()
    shop.declare(
        COLUMNS | {"note": {"type": "string", "description": "said", "pii": True}},
        description="sales",
        owners=["a@b.c"],
    )
    assert_quiet(shop)


def test_a_changed_contract_with_a_file_gone_changes_nothing(shop: Shop) -> None:
    path = shop.land("a.csv", A)
    shop.land("b.csv", B)
    shop.load()
    path.rename(shop.folder.parent / "a.csv")
    before, old = shop.home.warehouse.read_bytes(), shop.asset
    shop.declare(COLUMNS | {"price": {"type": "decimal"}})
    with pytest.raises(
        DeclarationError,
        match=r"(?s)defs/sales/defs.yaml:1.*no longer in the landing folder.*a\.csv.*remedy: +put them back",
    ):
        shop.asset.materialize(shop.context, [""])
    assert shop.home.warehouse.read_bytes() == before
    new, shop.asset = shop.asset, old
    assert_quiet(shop)
    shop.asset = new
    shop.land("same content, other name.csv", A)
    shop.load()
    assert ids(shop) == [(1, "same content, other name.csv"), (2, "b.csv")]


def test_a_reload_that_is_killed_leaves_the_old_table(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.land("a.csv", A)
    shop.load()
    shop.declare(COLUMNS | {"price": {"type": "decimal"}})

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Shelf, "take_place_of", die)
        with pytest.raises(KeyboardInterrupt):
            shop.asset.materialize(shop.context, [""])
    assert shop.ask("select typeof(price), count(*) from wh.raw.sales group by 1") == [("DOUBLE", 1)]
    shop.load()
    assert shop.ask("select typeof(price), count(*) from wh.raw.sales group by 1") == [("DECIMAL(18,4)", 1)]
    assert_quiet(shop)


def test_a_contract_that_the_engine_cannot_run_is_refused_before_any_file(shop: Shop) -> None:
    shop.land("a.csv", A)
    shop.declare(COLUMNS | {"note": {"type": "string", "pattern": "a++b"}})
    with pytest.raises(MlAssetsError, match=r"(?s)cannot be evaluated.*RE2.*repetition"):
        shop.asset.materialize(shop.context, [""])
    assert shop.ask("select count(*) from wh.ops.files") == [(0,)]


def test_two_runs_at_once_load_each_content_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.land("b.csv", A)
    original, other = Shelf.commit, RunContext(**(vars(shop.context) | {"run_id": "other"}))

    def overtaken(shelf: Shelf, *arguments: Any) -> None:
        monkeypatch.undo()
        shop.land("a.csv", A)  # lands after the plan of the first run
        shop.asset.materialize(other, [""])
        original(shelf, *arguments)

    monkeypatch.setattr(Shelf, "commit", overtaken)
    shop.load()
    assert ids(shop) == [(1, "a.csv")]
    assert state(shop) == {"a.csv": "loaded", "b.csv": "copy"}
    assert "planning again" in shop.logged[0]
    assert_quiet(shop)


def test_a_run_that_is_always_overtaken_says_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.land("a.csv", A)
    numbers = itertools.count(1)
    monkeypatch.setattr(Shelf, "batch", property(lambda _: next(numbers), lambda *_: None), raising=False)
    with pytest.raises(OvertakenError, match=r"another run loaded raw\.sales"):
        shop.asset.materialize(shop.context, [""])


def test_hidden_and_unfinished_files_are_not_seen(shop: Shop) -> None:
    for name in (".a.csv", "a.csv.tmp", "a.csv.part"):
        shop.land(name, A)
    shop.load()
    assert state(shop) == {}


@pytest.mark.parametrize("seed", range(3))
def test_any_history_of_a_folder_ends_where_its_contents_say(shop: Shop, seed: int) -> None:
    """Random changes, a run after each: each content of the folder stands in the table exactly once."""
    chance = random.Random(seed)
    contents = [HEADER + f"{n},,{n},\n" for n in range(4)]
    for _ in range(10):
        for _ in range(chance.randint(1, 2)):
            path: Path = shop.folder / f"{chance.choice('abc')}.csv"
            if chance.random() < 0.2:
                path.unlink(missing_ok=True)
            else:
                shop.land(path.name, chance.choice([*contents, BROKEN]))
        shop.asset.materialize(shop.context, [""])
        with shop.looking():
            present = {path.read_text() for path in shop.folder.iterdir()} - {BROKEN}
            kept = [row[0] for row in ids(shop)]
            assert len(kept) == len(set(kept))
            assert {contents.index(text) for text in present} <= set(kept)
            assert shop.finding("every_row_read_is_kept_or_quarantined").status == "passed"
            refused = {file for file, status in state(shop).items() if status == "refused"}
            assert refused == {path.name for path in shop.folder.iterdir() if path.read_text() == BROKEN}
    assert_quiet(shop)
