"""Every kind of bad landing file: what is kept, what is put aside, what the book says. A good neighbour is always loaded."""

from __future__ import annotations

import gzip
import os
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ml_assets.warehouse.asset import AssetReport
from ml_assets_tests.ingest.conftest import COLUMNS, Shop

HEADER = "id,day,price,note\n"
GOOD = "1,2020-01-01,1.5,a\n2,2020-01-02,2.5,b\n"


def packed(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def zipped(text: str) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.csv", text)
    return buffer.getvalue()


def parquet(query: str, folder: Path) -> bytes:
    path = folder / "made.parquet"
    duckdb.sql(f"copy ({query}) to '{path}' (format parquet)")
    return path.read_bytes()


@dataclass(frozen=True)
class Case:
    """A file, and what must become of it: kept ids, quarantine as (line, rule, column, value), or the refusal's rule."""

    name: str
    content: bytes | str
    kept: list[int] = field(default_factory=list)
    bad: list[tuple[Any, ...]] = field(default_factory=list)
    refused: str = ""
    says: str = ""
    file: str = "x.csv"
    declared: dict[str, Any] = field(default_factory=dict)

    @property
    def landed_as(self) -> str:
        """A file name of its own."""
        return f"{self.name.replace(' ', '_')}-{self.file}"


REFUSED = [
    Case("empty", "", refused="empty_file", says="0 bytes"),
    Case("only blank lines", "\n\n", refused="no_header", says="header line"),
    Case("utf-16 read as utf-8", (HEADER + GOOD).encode("utf-16"), refused="encoding", says="UTF-16"),
    Case("utf-16 without its mark", (HEADER + GOOD).encode("utf-16-le"), refused="nul_byte", says="NUL"),
    Case("header in another encoding", b"id,day,price,n\xf6te\n", refused="encoding", says="n\\xf6te"),
    Case("half a character of utf-16", (HEADER + GOOD).encode("utf-16")[:-1], refused="encoding", says="truncated",
         declared={"format": {"kind": "csv", "encoding": "utf-16"}}),
    Case("wrong delimiter", (HEADER + GOOD).replace(",", ";"), refused="missing_column", says="the delimiter may be another"),
    Case("missing column", "id,day,price\n1,2020-01-01,1\n", refused="missing_column", says="note"),
    Case("misspelled column", "id,day,Price,note\n", refused="missing_column", says="undeclared: Price"),
    Case("extra column under freeze", "id,day,price,note,more\n1,2020-01-01,1,a,z\n", refused="extra_column", says="more"),
    Case("trailing delimiter in the header", "id,day,price,note,\n", refused="extra_column", says="(no name)"),
    Case("repeated header", "id,day,price,note,id\n1,2020-01-01,1,a,2\n", refused="repeated_header", says="'id'"),
    Case("header with an unclosed quote", 'id,day,price,"note\n1,2020-01-01,1,a\n', refused="broken_header"),
    Case("gz that is cut off", packed(HEADER + GOOD * 5000)[:-40], file="x.csv.gz", refused="broken_archive", says="complete gz"),
    Case("gz with damaged bytes", packed(HEADER + GOOD)[:14] + b"\0\0\0\0" + packed(HEADER + GOOD)[18:], file="x.csv.gz",
         refused="broken_archive"),
    Case("text that is called gz", HEADER + "5,,5,e\n", file="x.csv.gz", refused="broken_archive"),
    Case("gz that is called csv", packed(HEADER + "6,,6,f\n"), refused="packed", says="gz"),
    Case("zip", zipped(HEADER + GOOD), refused="packed", says="zip"),
    Case("bad row under freeze", HEADER + GOOD + "x,2020-01-01,1,a\n", refused="type", says="x.csv:4: 1 row breaks", declared={"bad_rows": "freeze"}),
    Case("broken record under freeze", HEADER + "1,2020-01-01\n" + GOOD, refused="too_few_fields", says="x.csv:2: 1 row breaks",
         declared={"bad_rows": "freeze"}),
]  # fmt: skip

KEPT = [
    Case("header only", HEADER),
    Case("header without line end", HEADER.strip()),
    Case("byte-order mark", b"\xef\xbb\xbf" + (HEADER + GOOD).encode(), kept=[1, 2]),
    Case("byte-order mark before a quote", b'\xef\xbb\xbf"id",day,price,note\n1,2020-01-01,1,a\n', kept=[1]),
    Case("crlf", (HEADER + GOOD).replace("\n", "\r\n"), kept=[1, 2]),
    Case("cr alone", (HEADER + GOOD).replace("\n", "\r"), kept=[1, 2]),
    Case("mixed line ends", HEADER.replace("\n", "\r\n") + GOOD + "x,,,\r\n", kept=[1, 2], bad=[(4, "type", "id", "x")]),
    Case("no line end at the end", HEADER + GOOD.strip(), kept=[1, 2]),
    Case("last line cut off", HEADER + GOOD + "3,2020-0", kept=[1, 2], bad=[(4, "too_few_fields", None, "2 fields: 3,2020-0")]),
    Case("blank lines", HEADER + "\n" + GOOD + "\n\nx,,,\n\n", kept=[1, 2], bad=[(7, "type", "id", "x")]),
    Case("latin-1 in utf-8", HEADER.encode() + b"1,,1,caf\xe9\n2,,2,tea\n", kept=[2], bad=[(2, "encoding", None, "1,,1,caf\\xe9")]),
    Case("latin-1 as declared", HEADER.encode() + b"1,,1,caf\xe9\n", kept=[1], declared={"format": {"kind": "csv", "encoding": "latin-1"}}),
    Case("utf-16 as declared", (HEADER + GOOD + "x,,,é\n").encode("utf-16"), kept=[1, 2], bad=[(4, "type", "id", "x")],
         declared={"format": {"kind": "csv", "encoding": "utf-16"}}),
    Case("gz", packed(HEADER + GOOD + "x,,,\n"), file="x.csv.gz", kept=[1, 2], bad=[(4, "type", "id", "x")]),
    Case("gz of two members", packed(HEADER + "1,,1,a\n") + packed("2,,2,b\n"), file="x.csv.gz", kept=[1, 2]),
    Case("gz in capitals", packed(HEADER + GOOD), file="x.csv.GZ", kept=[1, 2]),
    Case("name with wildcards", HEADER + GOOD, file="x[1]*?.csv", kept=[1, 2]),
    Case("extra column discarded", "id,day,price,note,more\n1,,1,a,z\n", kept=[1], declared={"extra_columns": "discard"}),
    Case("reordered columns", "note,price,day,id\na,1.5,2020-01-01,1\n,x,,2\n", kept=[1], bad=[(3, "type", "price", "x")]),
    Case("blanks around header names", " id ,day , price,note\n1,,1,a\n", kept=[1]),
    Case("too few fields", HEADER + "1,2020-01-01,1.5\n2,,2,b\n", kept=[2], bad=[(2, "too_few_fields", None, "3 fields: 1,2020-01-01,1.5")]),
    Case("too many fields", HEADER + "1,,1,a,b\n2,,2,b\n", kept=[2], bad=[(2, "too_many_fields", None, "5 fields: 1,,1,a,b")]),
    Case("unclosed quote", HEADER + '1,,1,"a\n2,,2,b\n3,,3,"c"\n4,,4,d\n', kept=[2, 3, 4], bad=[(2, "stray_quote", None, '1,,1,"a')]),
    Case("unclosed quote to the end", HEADER + '1,,1,a\n2,,2,"b\n3,,3,c\n', kept=[1, 3], bad=[(3, "unclosed_quote", None, '2,,2,"b')]),
    Case("text after a quote", HEADER + '1,,1,"a"b\n2,,2,b\n', kept=[2], bad=[(2, "stray_quote", None, '1,,1,"a"b')]),
    Case("quoted line breaks", HEADER + '1,,1,"a\nb\r\nc"\nx,,,"y\nz"\n2,,2,b\nq,,,\n', kept=[1, 2],
         bad=[(5, "type", "id", "x"), (8, "type", "id", "q")]),
    Case("NUL bytes", HEADER + "1,,1,a\0b\n2,,2,b\n\0\0\0\n", kept=[2], bad=[(2, "nul_byte", None, "1,,1,a\\0b"), (4, "nul_byte", None, "\\0\\0\\0")]),
    Case("a line of 3 MB", HEADER + f"1,,1,{'a' * 3_000_000}\n2,,2,b\n", kept=[2], bad=[(2, "line_too_long", None, "1,,1," + "a" * 195)]),
    Case("a line of 1.5 MB", HEADER + f"1,,1,{'a' * 1_500_000}\n2,,2,b\n", kept=[1, 2]),
    Case("not a number", HEADER + "1,,abc,a\n2,,2,b\n", kept=[2], bad=[(2, "type", "price", "abc")]),
    Case("decimal comma", HEADER + '1,,"1,5",a\n2,,2,b\n', kept=[2], bad=[(2, "type", "price", "1,5")]),
    Case("half an integer", HEADER + "17850.5,,1,a\n17850.0,,1,a\n", kept=[17850], bad=[(2, "type", "id", "17850.5")]),
    Case("out of range", HEADER + "1,,-1,a\n2,,1001,b\n3,,0,c\n", kept=[3], bad=[(2, "min", "price", "-1"), (3, "max", "price", "1001")]),
    Case("infinity and NaN", HEADER + "1,,inf,a\n2,,NAN,b\n3,,1e999,b\n4,,nan,c\n", kept=[4],
         bad=[(2, "finite", "price", "inf"), (3, "finite", "price", "NAN"), (4, "finite", "price", "1e999")],
         declared={"columns": COLUMNS | {"price": {"type": "float"}}}),
    Case("not allowed", HEADER + "1,,1,a\n2,,2,c\n3,,3,\n", kept=[1, 3], bad=[(3, "allowed", "note", "c")],
         declared={"columns": COLUMNS | {"note": {"type": "string", "allowed": ["a", "b"]}}}),
    Case("pattern", HEADER + "1,,1,A12\n2,,2,xA12\n", kept=[1], bad=[(3, "pattern", "note", "xA12")],
         declared={"columns": COLUMNS | {"note": {"type": "string", "pattern": "[A-Z][0-9]+"}}}),
    Case("too long", HEADER + "1,,1,abc\n2,,2,abcd\n", kept=[1], bad=[(3, "max_length", "note", "abcd")],
         declared={"columns": COLUMNS | {"note": {"type": "string", "max_length": 3}}}),
    Case("null where none may be", HEADER + "1,,1,a\n,,2,b\nNULL,,3,c\n", kept=[1], bad=[(3, "not_null", "id", None), (4, "not_null", "id", None)]),
    Case("only blanks in a number", HEADER + "1,,  ,a\n  ,,2,b\n", kept=[1], bad=[(3, "not_null", "id", "  ")]),
    Case("bad dates", HEADER + "1,2020-02-30,1,a\n2,01/02/2020,2,b\n3,2020-01-01 10:00:00,3,c\n4,2020-01-01 00:00:00,4,d\n", kept=[4],
         bad=[(2, "type", "day", "2020-02-30"), (3, "type", "day", "01/02/2020"), (4, "type", "day", "2020-01-01 10:00:00")]),
    Case("date with a format", HEADER + "1,31/12/2020,1,a\n2,2020-12-31,2,b\n3,31/02/2020,3,c\n", kept=[1],
         bad=[(3, "type", "day", "2020-12-31"), (4, "type", "day", "31/02/2020")],
         declared={"columns": COLUMNS | {"day": {"type": "date", "format": "%d/%m/%Y"}}}),
    Case("a warning keeps no row out", HEADER + "1,,-1,a\n", kept=[1],
         declared={"columns": COLUMNS | {"price": {"type": "float", "min": 0, "severity": "warn"}}}),
]  # fmt: skip

JSON = {"files": "*.jsonl*", "format": {"kind": "jsonl"}}


def json_case(name: str, content: bytes | str, **facts: Any) -> Case:
    return Case(name, content, **{"file": "x.jsonl", **facts, "declared": JSON | facts.get("declared", {})})


JSON_CASES = [
    json_case("json lines", '{"id":1,"day":"2020-01-01","price":1.5,"note":"a"}\n{"note":null,"id":"2"}\n', kept=[1, 2]),
    json_case("broken json line", '{"id":1}\n{"id":2\n{"id":3}\n', kept=[1, 3], bad=[(2, "not_json", None, '{"id":2')]),
    json_case("json array", '{"id":1}\n[{"id":2}]\n7\n', kept=[1], bad=[(2, "not_json", None, '[{"id":2}]'), (3, "not_json", None, "7")]),
    json_case("json with a missing key", '{"day":"2020-01-01"}\n{"id":1}\n', kept=[1], bad=[(1, "not_null", "id", None)]),
    json_case("json with an extra key", '{"id":1}\n{"id":2,"more":3}\n', refused="extra_column", says="more"),
    json_case("json with an extra key discarded", '{"id":1}\n{"id":2,"more":3}\n', kept=[1, 2], declared={"extra_columns": "discard"}),
    json_case("json of other types", '{"id":true}\n{"id":{"a":1}}\n{"id":1.5}\n{"id":7}\n', kept=[7],
         bad=[(1, "type", "id", "true"), (2, "type", "id", '{"a":1}'), (3, "type", "id", "1.5")]),
    json_case("json with blank lines and a mark", b'\xef\xbb\xbf{"id":1}\n\n{"id":"x"}\r\n', kept=[1], bad=[(3, "type", "id", "x")]),
    json_case("json that is not utf-8", b'{"id":1,"note":"\xe9"}\n{"id":2}\n', kept=[2], bad=[(1, "encoding", None, '{"id":1,"note":"\\xe9"}')]),
    json_case("empty json", "", refused="empty_file"),
    json_case("packed json", packed('{"id":1}\n{"id":"x"}\n'), file="x.jsonl.gz", kept=[1], bad=[(2, "type", "id", "x")]),
]  # fmt: skip


class Folders:
    """Cases with equal declarations share a folder, between two good neighbours, and are loaded together, twice."""

    def __init__(self, root: Path, empty_warehouse: Path) -> None:
        self._root, self._empty_warehouse = root, empty_warehouse
        self._made: dict[str, tuple[Shop, AssetReport, AssetReport]] = {}

    def loaded(self, case: Case) -> tuple[Shop, AssetReport, AssetReport]:
        declared = str(case.declared)
        if declared not in self._made:
            shop = Shop(self._root / f"home{len(self._made)}", self._empty_warehouse)
            shop.declare(**case.declared)
            for neighbour in neighbours(case):
                shop.land(*neighbour)
            for other in ALL_CASES:
                if str(other.declared) == declared:
                    shop.land(other.landed_as, other.content)
            reports = [shop.asset.materialize(shop.context, [""]) for _ in range(2)]
            self._made[declared] = (shop, reports[0], reports[1])
        return self._made[declared]


def neighbours(case: Case) -> list[tuple[str, bytes]]:
    encoding = case.declared.get("format", {}).get("encoding", "utf-8")
    if "jsonl" in case.file:
        return [("a.jsonl", b'{"id":8,"price":8}\n'), ("z.jsonl", b'{"price":9,"id":9}\n')]
    return [(name, f"{HEADER}{row}\n".encode(encoding)) for name, row in (("a.csv", "8,,8,"), ("z.csv", "9,,9,"))]


ALL_CASES = [*REFUSED, *KEPT, *JSON_CASES]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> Folders:
    return Folders(tmp_path_factory.mktemp("folders"), empty_warehouse)


@pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.name)
def test_a_text_file(folders: Folders, case: Case) -> None:
    shop, report, again = folders.loaded(case)
    assert report.facts["files_refused"] == sum(bool(c.refused) for c in ALL_CASES if c.declared == case.declared)
    with shop.looking():
        check(shop, case, case.landed_as)
        assert again.made[0].note == f"no new file; unchanged since batch {shop.batches()}"
        assert [shop.book(name)["rows_kept"] for name, _ in neighbours(case)] == [1, 1]


def check(shop: Shop, case: Case, file: str) -> None:
    """The file's rows, quarantine and book entry are as the case says."""
    with shop.looking():
        entry = shop.book(file)
        assert (entry["status"], entry["rule"]) == ("refused" if case.refused else "loaded", case.refused), entry[
            "reason"
        ]
        assert [row[0] for row in shop.values("id", file)] == case.kept
        assert [row[1:] for row in shop.quarantine() if row[0] == file] == case.bad
        assert all(expected for (expected,) in shop.quarantine("expected"))
        assert entry["rows_read"] == len(case.kept) + len(case.bad)
        assert shop.finding("every_row_read_is_kept_or_quarantined").status == "passed"
        if case.refused:
            assert [
                word for word in (file, case.says, "expected:", "got:", "remedy:") if word not in entry["reason"]
            ] == []
            assert shop.finding("no_landing_file_is_refused").status == "failed"
            assert any(file in line for line in shop.logged)


PARQUET_CASES = {
    "other types": (
        "select 1.0::double as id, timestamp '2020-01-01' as day, 2::decimal(5,2) as price, 7 as note",
        [1],
        [],
    ),
    "lossy types": (
        "select 1.5::double as id, null::date as day, 1.0 as price, 'a' as note",
        [],
        [(None, "type", "id", "1.5")],
    ),
    "a number for a date": (
        "select 1 as id, 20200101 as day, 1.0 as price, 'a' as note",
        [],
        [(None, "type", "day", "20200101")],
    ),
    "text": ("select ' 5 ' as id, '2020-01-01' as day, '1e1' as price, 'a'::blob as note", [5], []),
    "nothing": ("select 1 as id, null::date as day, 1.0 as price, 'a' as note where false", [], []),
}


@pytest.mark.parametrize("name", PARQUET_CASES)
def test_a_parquet_file(shop: Shop, name: str, tmp_path: Path) -> None:
    query, kept, bad = PARQUET_CASES[name]
    shop.declare(files="*.parquet", format={"kind": "parquet"})
    shop.land("a.parquet", parquet("select 8 as id, date '2020-01-01' as day, 1.5 as price, 'a' as note", tmp_path))
    shop.land("z.parquet", parquet("select 9 as id, date '2020-01-01' as day, 1.5 as price, 'a' as note", tmp_path))
    shop.land("x.parquet", parquet(query, tmp_path))
    assert shop.load().facts["files_loaded"] == 3
    check(shop, Case(name, "", kept, bad), "x.parquet")


@pytest.mark.parametrize(
    ("damage", "rule"),
    [(lambda b: b[:-30], "not_parquet"), (lambda b: b"", "empty_file"), (lambda b: b"PAR1 no", "not_parquet"),
     (lambda b: b[:4] + bytes(len(b) - 4 - 800) + b[-800:], "broken_file")],
    ids=["cut off", "empty", "text", "damaged inside"],
)  # fmt: skip
def test_a_broken_parquet_file(shop: Shop, damage: Any, rule: str, tmp_path: Path) -> None:
    shop.declare(files="*.parquet", format={"kind": "parquet"})
    good = parquet(
        "select i as id, null::date as day, i / 1e6 as price, md5(i::text) as note from range(5000) r(i)", tmp_path
    )
    shop.land("a.parquet", parquet("select 8 as id, null::date as day, 1.5 as price, 'a' as note", tmp_path))
    shop.land("z.parquet", good)
    shop.land("x.parquet", damage(good))
    assert shop.load().facts["files_loaded"] == 2
    assert not shop.load().changed
    check(shop, Case("", "", refused=rule), "x.parquet")


def test_a_folder_and_a_dangling_link_are_refused_by_name(shop: Shop) -> None:
    shop.land("a.csv", HEADER + GOOD)
    (shop.folder / "x.csv").mkdir()
    (shop.folder / "y.csv").symlink_to("nowhere")
    shop.load()
    assert (shop.book("x.csv")["rule"], shop.book("y.csv")["rule"]) == ("not_a_file", "unreadable")
    assert "x.csv/*" in shop.book("x.csv")["reason"]
    assert shop.values("id") == [(1,), (2,)]
    assert not shop.load().changed


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused_and_loaded_when_it_has_them(shop: Shop) -> None:
    path = shop.land("x.csv", HEADER + GOOD)
    path.chmod(0)
    shop.load()
    assert shop.book("x.csv")["rule"] == "unreadable"
    path.chmod(0o600)
    shop.load()
    assert shop.values("id") == [(1,), (2,)]


def test_an_undeclared_column_is_added_as_text_under_evolve(shop: Shop) -> None:
    shop.declare(extra_columns="evolve")
    shop.land("a.csv", HEADER + GOOD)
    shop.land("b.csv", "id,More,day,price,note\n3,007,,1,c\n4,,,x,d\n")
    shop.load()
    assert shop.values("id, more") == [(1, None), (2, None), (3, "007")]
    assert shop.quarantine("record") == [('{"id":"4","More":null,"day":null,"price":"x","note":"d"}',)]
    before = shop.ask("select content from wh.ops.manifest")
    shop.land("b.csv", "id,More,day,price,note\n3,008,,1,c\n4,,,x,d\n")
    shop.load()
    assert shop.values("more", "b.csv") == [("008",)]
    assert shop.ask("select content from wh.ops.manifest") != before


@pytest.mark.parametrize("name", ["ID", "_row", "", "_FILE"])
def test_an_undeclared_column_that_cannot_be_added_is_refused(shop: Shop, name: str) -> None:
    shop.declare(extra_columns="evolve")
    shop.land("x.csv", HEADER.replace("id", f"id,{name}") + "1,2,,1,a\n")
    shop.load()
    assert shop.book("x.csv")["rule"] == "extra_column"


def test_very_many_bad_rows_are_all_put_aside_and_fail_the_check(shop: Shop) -> None:
    shop.land("x.csv", HEADER + "1,,1,a\n2,,2\n3,,x,c\n" * 20_000)
    shop.load()
    assert shop.ask("select count(*), min(_line), max(_line) from wh.raw.sales__quarantine") == [(40_000, 3, 60_001)]
    finding = shop.finding("few_rows_break_the_contract")
    assert (finding.status, finding.numbers["files_above_limit"]) == ("failed", 1)
    assert finding.evidence[0]["_file"] == "x.csv"
    assert finding.evidence[0]["expected"] == "4 fields"


@pytest.mark.parametrize(("end", "status"), [("2,,2", "failed"), ("2,,2\n3,,3,c\n", "passed"), ("2,,2,b", "passed")])
def test_file_that_ends_within_a_record_fails_the_check_however_few_rows_that_spoils(
    shop: Shop, end: str, status: str
) -> None:
    shop.land("x.csv", HEADER + "1,,1,a\n" * 2_000 + end)
    shop.load()
    finding = shop.finding("few_rows_break_the_contract")
    assert finding.status == status
    assert ("cut off within the last record: x.csv" in finding.summary) == (status == "failed")


def test_a_file_that_changes_or_vanishes_while_it_is_read_is_left_for_the_next_run(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml_assets.ingest import judge

    changing, vanishing = shop.land("c.csv", HEADER + GOOD), shop.land("v.csv", HEADER + GOOD + "5,,5,e\n")
    shop.land("a.csv", HEADER + "7,,7,g\n")
    original = judge._place

    def meddle(bench: Any, reading: Any) -> None:
        changing.write_text(HEADER + "3,,3,c\n")
        vanishing.unlink(missing_ok=True)
        original(bench, reading)

    monkeypatch.setattr(judge, "_place", meddle)
    shop.load()
    assert (shop.book("c.csv")["rule"], shop.book("v.csv")["rule"]) == ("changed_while_read", "vanished")
    assert shop.values("id") == [(7,)]
    monkeypatch.undo()
    shop.load()
    assert shop.values("id") == [(7,), (3,)]
    assert shop.book("v.csv")["status"] == "withdrawn"
    assert shop.finding("no_landing_file_is_refused").status == "passed"


def test_personal_data_is_shown_nowhere_but_in_the_quarantine(shop: Shop) -> None:
    columns = COLUMNS | {"note": {"type": "string", "pattern": "[a-z]+@x", "pii": True}}
    for bad_rows in ("quarantine", "freeze"):
        shop.declare(columns, bad_rows=bad_rows)
        shop.land("x.csv", HEADER + "1,,1,Ann Lee\n2,,2,Bob Ray\n3,,3\n,Eve Fox\n" * 2)
        shop.load()
        shown = (
            str([shop.finding(check.name) for check in shop.asset.checks])
            + shop.book("x.csv")["reason"]
            + "".join(shop.logged)
        )
        assert not any(name in shown for name in ("Ann", "Bob", "Eve"))
