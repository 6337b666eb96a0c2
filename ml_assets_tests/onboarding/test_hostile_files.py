"""Files that nobody would wish for: each gives a clear message or a right result, never a traceback, never a wrong one."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml_assets.errors import MlAssetsError
from ml_assets.onboarding.understanding import Understanding
from ml_assets_tests.onboarding.looking import ingested, lines, looked_at, said

ROWS = [f"{n},{n % 7},{'yes' if n % 3 else 'no'}" for n in range(60)]
GOOD = lines("id,visits,again", ROWS)


def of(values: Callable[[int], object], n: int = 60) -> str:
    """A good file with one more column `odd`."""
    return lines("id,visits,again,odd", [f"{row},{values(i)}" for i, row in enumerate(ROWS[:n])])


def parquet(columns: Mapping[str, Any]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(columns)), sink)
    return bytes(sink.getvalue())


@dataclass(frozen=True)
class Refused:
    """A file, and words that the message must have."""

    name: str
    content: bytes | str
    says: tuple[str, ...]
    file: str = "x.csv"
    wished: dict[str, Any] = field(default_factory=lambda: {"target": "again"})


REFUSED = [
    Refused("empty", "", ("empty", "0 bytes")),
    Refused("blanks only", "\n \n\n", ("nothing but blank",)),
    Refused("header only", "id,visits,again\n", ("no row",)),
    Refused("duplicate headers", lines("id,visits,again,visits", [f"{r},1" for r in ROWS]), ("twice", "visits")),
    Refused("duplicate headers but for blanks", lines("id,visits ,again,visits", [f"{r},1" for r in ROWS]), ("twice", "visits")),
    Refused("a web page", "<!DOCTYPE html>\n<html><body>Error 404</body></html>", ("web page",)),
    Refused("a PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", ("PDF",)),
    Refused("a workbook", b"PK\x03\x04\x14\x00\x06\x00", ("Excel",)),
    Refused("a workbook by its name", "a", ("Excel", "save the sheet as CSV"), file="x.xlsx"),
    Refused("gz that its name does not say", gzip.compress(GOOD.encode()), ("gzip", ".gz")),
    Refused("cut off gz", gzip.compress(GOOD.encode() * 50)[:-60], ("gz", "complete"), file="x.csv.gz"),
    Refused("text called gz", GOOD, ("gz",), file="x.csv.gz"),
    Refused("no Parquet", GOOD, ("not readable Parquet",), file="x.parquet"),
    Refused("cut off Parquet", parquet({"id": list(range(50)), "again": [1, 0] * 25})[:-20], ("not readable Parquet",), file="x.parquet"),
    Refused("Parquet called CSV", parquet({"id": [1], "again": [1]}), ("Parquet", ".parquet")),
    Refused("Parquet without rows", parquet({"id": pa.array([], pa.int64()), "again": pa.array([], pa.int64())}), ("no row",), file="x.parquet"),
    Refused("JSON array", json.dumps([{"id": 1, "again": 1}]), ("JSON array", "jq"), file="x.json"),
    Refused("JSON over several lines", json.dumps({"id": 1, "again": 1}, indent=1), ("first line", "one JSON object a line"), file="x.json"),
    Refused("JSON without objects", '{"id": 1}\n'[:0] + "1\n2\n", ("JSON object",), file="x.jsonl"),
    Refused("unknown kind", GOOD, ("kind", ".parquet"), file="x.feather"),
    Refused("no ending", GOOD, ("kind", "no ending"), file="x"),
    Refused("no target", GOOD, ("unknown column of --target", "did you mean again"), wished={"target": "agian"}),
    Refused("no such time", GOOD, ("unknown column of --time",), wished={"target": "again", "time": "when"}),
    Refused("a time that is none", GOOD, ("visits is no time", "integer"), wished={"target": "again", "time": "visits"}),
    Refused("constant target", lines("id,visits,again", [f"{n},{n % 7},yes" for n in range(60)]), ("again cannot be the target", "two different values")),
    Refused("missing target", lines("id,visits,again", [f"{n},{n % 7}," for n in range(60)]), ("again cannot be the target", "missing")),
    Refused("one row", lines("id,visits,again", ROWS[:1]), ("again cannot be the target",)),
    Refused("few rows", lines("id,visits,again", ROWS[:8]), ("at least 10 rows",)),
    Refused("one column", lines("again", ["yes", "no"] * 30), ("no column is left",)),
    Refused("nulls only", lines("id,visits,again", [",,"] * 60), ("again cannot be the target", "missing")),
    Refused("one row of a class", lines("id,visits,again", ["1,2,yes", *(f"{n},{n % 7},no" for n in range(60))]), ("at least 3 rows",)),
    Refused("a text a row as target", lines("visits,again", [f"{n % 7},word{n}" for n in range(200)]), ("at most 100 classes",)),
    Refused("a date as target", lines("visits,again", [f"{n % 7},2024-01-{n % 28 + 1:02}" for n in range(60)]), ("date",)),
    Refused("rows wider than the header", lines("id,visits,again", [f"{r},1" for r in ROWS]), ("most rows", "4 fields")),
    Refused("no header", lines(ROWS[0], ROWS[1:]), ("looks like data",), wished={"target": "visits"}),
    Refused("no header, words only", lines("berlin,red,yes", ["berlin,red,yes", "paris,blue,no", "berlin,blue,yes"] * 20), ("looks like data",), wished={"target": "yes"}),
    Refused("header of 10 MB", "a" * 10_000_000 + ",b\n1,2\n", ("header cannot be read",)),
    Refused("UTF-16 without its mark", GOOD.encode("utf-16-le"), ("UTF-16", "byte-order mark")),
    Refused("positive that is no value", GOOD, ("'maybe' is no value", "yes"), wished={"target": "again", "positive": "maybe"}),
    Refused("text to be summed", GOOD, ("cannot be summed",), wished={"target": "again", "horizon_days": 7}),
    Refused("nothing to predict", GOOD, ("--target",), wished={}),
    Refused("ranking without queries", GOOD, ("--query",), wished={"target": "visits", "task": "ranking"}),
    Refused("regression of text", GOOD, ("numbers, for regression",), wished={"target": "again", "task": "regression"}),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_hostile_file_is_refused_clearly(case: Refused, tmp_path: Path) -> None:
    with pytest.raises(MlAssetsError) as caught:
        looked_at(tmp_path, {case.file: case.content}, **case.wished)
    message = str(caught.value)
    assert [word for word in case.says if word not in message] == []
    assert "remedy:" in message


def test_what_is_not_there_is_named_with_what_is_near(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(GOOD)
    with pytest.raises(MlAssetsError, match=r"did you mean .*orders\.csv"):
        looked_at(tmp_path, {}, ["order.csv"], target="again")
    with pytest.raises(MlAssetsError, match="matches no file"):
        looked_at(tmp_path, {}, ["*.tsv"], target="again")
    with pytest.raises(MlAssetsError, match=r"a folder is named.*\n.*\n.*\n.*/\*\.csv"):
        looked_at(tmp_path.parent, {}, [tmp_path.name], target="again")


Judge = Callable[[Understanding, Path], None]


@dataclass(frozen=True)
class Read:
    """A file that is read: types of columns, and words among the notes."""

    name: str
    content: bytes | str
    types: dict[str, str]
    says: tuple[str, ...] = ()
    file: str = "x.csv"
    target: str = "again"
    put_aside: int = 0


THREE = ("2024-01-05", "05.01.2024", "Jan 5, 2024")
READ = [
    Read("mixed types", of(lambda i: i if i % 2 else f"word {i}"), {"odd": "string"}, ("several kinds",)),
    Read("dates in three formats", of(lambda i: f'"{THREE[i % 3]}"'), {"odd": "string"}, ("looks like dates",)),
    Read("emoji and quotes in names", lines('id,"👍 ""likes""",again,"it\'s; a"', [f"{r},1" for r in ROWS]), {"likes": "integer", "it_s_a": "integer"}),
    Read("SQL keywords as names", lines("select,from,again", ROWS), {"select_": "integer", "from_": "integer"}),
    Read("names that differ in case only", lines("ID,id,again", ROWS), {"id": "integer", "id_2": "integer"}),
    Read("a column without a name", lines(",visits,again", ROWS), {"visits": "integer", "again": "string"}, ("without a name",)),
    Read("very long names", lines("a" * 300 + "," + "a" * 299 + "b,again", ROWS), {"a" * 55: "integer", "a" * 55 + "_2": "integer"}),
    Read("names of digits and blanks", lines("2023,?,again", ROWS), {"n_2023": "integer", "column_2": "integer"}),
    Read("latin-1", of(lambda i: "Müller" if i % 2 else "Weiß").encode("latin-1"), {"odd": "string"}, ("latin-1",)),
    Read("UTF-16", of(lambda i: "Müller" if i % 2 else "Weiß").encode("utf-16"), {"odd": "string", "visits": "integer"}, ("utf-16",)),
    Read("byte-order mark", GOOD.encode("utf-8-sig"), {"id": "integer"}),
    Read("semicolon and decimal comma", lines("id;price;again", [f"{n};1.{n:03},5;{'yes' if n % 3 else 'no'}" for n in range(60)]), {"price": "float"}, ("decimal comma",)),
    Read("NUL bytes in a row", lines("id,visits,again", [*ROWS, "7,\0,yes"]), {"visits": "integer"}, ("cannot be read",), put_aside=1),
    Read("ragged rows", lines("id,visits,again", [*ROWS, "1,2", "1,2,yes,4"]), {"visits": "integer"}, ("2 records", "cannot be read"), put_aside=2),
    Read("10 MB in one cell", lines("id,visits,again", [*ROWS, "1,2," + "x" * 10_000_000]), {"visits": "integer"}, ("cannot be read",), put_aside=1),
    Read("1.5 MB in one cell", of(lambda i: "x" * 1_500_000 if i == 5 else "y"), {"odd": "string"}),
    Read("line breaks in quotes", of(lambda i: f'"a\nb{i % 5}"'), {"odd": "string", "visits": "integer"}),
    Read("leading zeros and long digits", lines("code,number,visits,again", [f"{n:05},9007199254740{n:03},{n % 7},{'yes' if n % 3 else 'no'}" for n in range(60)]),
         {"code": "string", "number": "string"}, ("leading zeros", "digits are no quantity")),
    Read("spellings of missing", of(lambda i: ("-", "?", "n/a", i, i + 1)[i % 5]), {"odd": "integer"}, ("missing values",)),
    Read("a sentinel for missing", of(lambda i: -999 if i % 10 == 0 else i), {"odd": "integer"}, ("-999",)),
    Read("thousands marks", of(lambda i: f'"{i + 1},{i:03},500.25"'), {"odd": "string"}, ("thousands",)),
    Read("a fault in many", lines("id,visits,again", [*ROWS * 5, "1,many,yes"]), {"visits": "integer"}, ("are no integer: many",), put_aside=1),
    Read("JSON with nested values", "".join(f'{{"id": {n}, "v": {n % 5}, "again": {n % 2}, "more": {{"a": [1, {n}]}}}}\n' for n in range(60)), {"more": "string"}, ("nested",), file="x.jsonl"),
    Read("JSON with a rare key", "".join(f'{{"id": {n}, "v": {n % 5}, "again": {n % 2}}}\n' for n in range(21_000)) + '{"id": 1, "rare": 2.5}\n', {"rare": "float"}, file="x.jsonl"),
    Read("JSON with a broken line", "".join(f'{{"id": {n}, "again": {n % 2}, "v": {n % 5}}}\n' for n in range(60)) + "oops\n", {"v": "integer"}, ("cannot be read",), file="x.jsonl", put_aside=1),
    Read("Parquet of many types", parquet({"id": list(range(60)), "v": [1, 2, 3] * 20, "again": [True, False] * 30, "many": [[1, 2]] * 60, "price": [1.5, None] * 30}),
         {"many": "string", "price": "float", "again": "boolean"}, ("read as text",), file="x.parquet"),
    Read("old line ends", GOOD.replace("\n", "\r\n"), {"visits": "integer"}),
    Read("years as names", lines("id,2019,2020,again", [f"{n},{n % 5},{n % 4},{n % 2}" for n in range(60)]), {"n_2019": "integer", "n_2020": "integer"}),
]  # fmt: skip


@pytest.mark.parametrize("case", READ, ids=lambda case: case.name)
def test_hostile_file_is_read_right_and_loads_as_it_was_understood(case: Read, tmp_path: Path) -> None:
    understood = looked_at(tmp_path, {case.file: case.content}, target=case.target)
    (table,) = understood.tables
    assert {name: table.column(name).type for name in case.types} == case.types
    notes = said(understood)
    assert [word for word in case.says if word not in notes] == []
    loaded = ingested(tmp_path, table)
    assert loaded.refused == []
    assert len(loaded.quarantine) == case.put_aside
    assert len(loaded.rows) + case.put_aside == table.rows
