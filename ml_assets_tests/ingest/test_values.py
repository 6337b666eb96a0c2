"""What becomes of a value on its way from text to its type, and that text is read as the csv module reads it."""

from __future__ import annotations

import csv
import json
import tempfile
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_assets_tests.ingest.conftest import Shop

REFUSED = object()
UTC_MORNING = datetime(2011, 1, 31, 8, 26)

INTEGERS = {
    "7": 7, "+7": 7, "-7": -7, " 7\t": 7, "\u00a07": 7, "007": 7, "17850.0": 17850, "17850.": 17850, "-0": 0,
    "9007199254740993": 9007199254740993, "9007199254740993.0": 9007199254740993, "9223372036854775807": 2**63 - 1,
    "9223372036854775808": REFUSED, "9007199254740993.5": REFUSED, "17850.5": REFUSED, "1e3": REFUSED, "0x10": REFUSED,
    "0b1": REFUSED, "1_000": REFUSED, "1,000": REFUSED, "1 000": REFUSED, ".0": REFUSED, "-": REFUSED, "٣": REFUSED, "true": REFUSED,
    " ": None, "NA": None, " null ": None,
}  # fmt: skip
FLOATS = {
    "1.5": 1.5, "1e3": 1000.0, "-1.5E-3": -0.0015, ".5": 0.5, "5.": 5.0, "+7": 7.0, " 7 ": 7.0, "1e-400": 0.0, "0.1": 0.1,
    "1_0": REFUSED, "0x10": REFUSED, "1,5": REFUSED, "inf": REFUSED, "-Infinity": REFUSED, "1e400": REFUSED, "1.5.0": REFUSED,
    "NaN": None,
}  # fmt: skip
DECIMALS = {
    "1.5": Decimal("1.5"), "0.1234": Decimal("0.1234"), "0.123400": Decimal("0.1234"), "99999999999999.9999": Decimal("99999999999999.9999"),
    "0.12345": REFUSED, "100000000000000": REFUSED, "1e3": REFUSED, "-.5": Decimal("-0.5"),
}  # fmt: skip
BOOLEANS = {"true": True, "F": False, "YES": True, "n": False, " 1 ": True, "0": False, "on": REFUSED, "2": REFUSED}
DATES = {
    "2011-01-31": date(2011, 1, 31), "2011-1-5": date(2011, 1, 5), "2011/01/31": date(2011, 1, 31), "0001-01-01": date(1, 1, 1),
    "1850-06-01": date(1850, 6, 1), "9999-12-31": date(9999, 12, 31), "2012-02-29": date(2012, 2, 29), "2011-01-31 00:00:00": date(2011, 1, 31),
    "2011-02-29": REFUSED, "2011-01-31 00:00:01": REFUSED, "2011-01-31T00:00:00+02:00": REFUSED, "20110131": REFUSED,
    "31.01.2011": REFUSED, "10000-01-01": REFUSED, "0000-01-01": REFUSED, "infinity": REFUSED, "epoch": REFUSED, "40574": REFUSED,
}  # fmt: skip
TIMESTAMPS = {
    "2011-01-31 08:26:00": UTC_MORNING, "2011-01-31T08:26": UTC_MORNING, " 2011-01-31 08:26:00 ": UTC_MORNING, "2011-01-31T08:26:00Z": UTC_MORNING,
    "2011-01-31 08:26:00 UTC": UTC_MORNING, "2011-01-31T09:26:00+01:00": UTC_MORNING, "2011-01-31 03:26:00-05": UTC_MORNING,
    "2011-01-31T13:56:00+05:30": UTC_MORNING, "2011-01-31 08:26:00.000000999": UTC_MORNING,
    "2011-01-31 08:26:00.5": UTC_MORNING.replace(microsecond=500_000), "2011-01-31": datetime(2011, 1, 31),
    "1850-06-01 12:00:00": datetime(1850, 6, 1, 12), "9999-12-31 23:59:59.999999": datetime(9999, 12, 31, 23, 59, 59, 999_999),
    "9999-12-31T23:59:59-01:00": REFUSED, "0001-01-01T00:00:00+01:00": REFUSED, "2011-01-31 08:26:00+99:00": REFUSED,
    "2011-01-31 08:26:00 Europe/London": REFUSED, "2011-01-31 25:00:00": REFUSED, "08:26:00": REFUSED, "-infinity": REFUSED,
    "31/01/2011 08:26": REFUSED, "1296462360": REFUSED,
}  # fmt: skip
FORMATTED = {
    "31/01/2011 08:26 +0000": UTC_MORNING,
    "31/01/2011 09:26 +0100": UTC_MORNING,
    "2011-01-31 08:26": REFUSED,
    "31/02/2011 08:26 +0000": REFUSED,
}
COMMAS = {
    "1,5": 1.5,
    "1.234,5": 1234.5,
    "1.234.567": 1234567.0,
    "-7": -7.0,
    "1.5": REFUSED,
    "1,2,3": REFUSED,
    "12.34,5": REFUSED,
}

TEXTS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "integer": ({"type": "integer"}, {}, INTEGERS), "float": ({"type": "float"}, {}, FLOATS), "decimal": ({"type": "decimal"}, {}, DECIMALS),
    "boolean": ({"type": "boolean"}, {}, BOOLEANS), "date": ({"type": "date"}, {}, DATES), "timestamp": ({"type": "timestamp"}, {}, TIMESTAMPS),
    "timestamp with a format": ({"type": "timestamp", "format": "%d/%m/%Y %H:%M %z"}, {}, FORMATTED),
    "decimal comma": ({"type": "float"}, {"decimal": ","}, COMMAS),
    "text": ({"type": "string"}, {}, {" a ": " a ", "007": "007", "": None, "NULL": None, "null ": "null ", "é\u2028": "é\u2028"}),
}  # fmt: skip


def assert_read(shop: Shop, expected: dict[str, Any]) -> None:
    """Every text became its value, or stands in the quarantine as it was."""
    shop.load()
    kept = dict(shop.values("i, v"))
    aside = {int(row[0]): row[1] for row in shop.ask("select _row - 1, value from wh.raw.sales__quarantine")}
    for position, (text, value) in enumerate(expected.items()):
        if value is REFUSED:
            assert aside[position] == text
        else:
            assert (text, kept[position]) == (text, value)
            assert type(kept[position]) is type(value)


@pytest.mark.parametrize("kind", TEXTS)
def test_text_becomes_exactly_its_value_or_none(shop: Shop, kind: str) -> None:
    column, how, expected = TEXTS[kind]
    shop.declare({"i": {"type": "integer"}, "v": column}, format={"kind": "csv", **how})
    with (shop.folder / "x.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("i", "v"), *enumerate(expected)])
    assert_read(shop, expected)


def test_json_texts_are_read_as_in_csv(shop: Shop) -> None:
    expected = {'"7"': 7, "7": 7, "7.0": 7, "null": None, "9007199254740993": 9007199254740993, '"NA"': None}
    shop.declare({"i": {"type": "integer"}, "v": {"type": "integer"}}, files="*.jsonl", format={"kind": "jsonl"})
    shop.land("x.jsonl", "".join(f'{{"i":{i},"v":{text}}}\n' for i, text in enumerate(expected)))
    assert_read(shop, expected)


def test_any_json_key_can_be_a_source(shop: Shop) -> None:
    keys = ["a b", "*", "$", 'q"q', "a.b", "a/b~c", "é", "a'b", "0"]
    shop.declare(
        {f"v{n}": {"type": "integer", "source": key} for n, key in enumerate(keys)},
        files="*.jsonl",
        format={"kind": "jsonl"},
    )
    shop.land("x.jsonl", json.dumps({key: n for n, key in enumerate(keys)}) + "\n")
    shop.load()
    assert shop.values("* exclude (_file, _row, _batch)") == [tuple(range(len(keys)))]


PARQUET: dict[str, dict[str, Any]] = {
    "integer": {"9007199254740993::ubigint": 9007199254740993, "9007199254740992::double": 2**53, "true": REFUSED, "2.0::decimal(5,2)": 2,
                "9.99::decimal(3,2)": REFUSED, "'nan'::double": REFUSED, "'7.0'": 7, "null::integer": None},
    "float": {"'nan'::double": REFUSED, "1::utinyint": 1.0, "[1, 2]": REFUSED, "'1e3'": 1000.0},
    "decimal": {"2.55::double": Decimal("2.55"), "2.55555::double": REFUSED, "1.00001::decimal(9,5)": REFUSED, "'NA'": REFUSED},
    "boolean": {"1::tinyint": True, "2": REFUSED, "false": False},
    "timestamp": {"timestamptz '2011-01-31 09:26:00+01'": UTC_MORNING, "1296462360": REFUSED, "'infinity'::timestamp": REFUSED},
    "date": {"timestamp '2011-01-31'": date(2011, 1, 31), "date '2011-01-31'": date(2011, 1, 31), "timestamp '2011-01-31 10:00'": REFUSED},
    "string": {"7": "7", "[1, 2]": "[1, 2]", "'a'::blob": "a"},
}  # fmt: skip


@pytest.mark.parametrize("kind", PARQUET)
def test_parquet_values_lose_nothing(shop: Shop, kind: str) -> None:
    with duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": False}) as engine:
        for position, sql in enumerate(PARQUET[kind]):
            engine.execute(
                f"copy (select {sql} as v, {position} as n) to '{shop.folder}/{position}.parquet' (format parquet)"
            )
    shop.declare({"v": {"type": kind}, "n": {"type": "integer"}}, files="*.parquet", format={"kind": "parquet"})
    shop.load()
    kept = dict(shop.values("n, v"))
    assert kept == {position: value for position, value in enumerate(PARQUET[kind].values()) if value is not REFUSED}


def test_files_of_other_types_are_not_cast_to_the_first_ones(shop: Shop) -> None:
    shop.declare({"v": {"type": "integer"}}, files="*.parquet", format={"kind": "parquet"})
    for name, sql in (("a", "1::integer"), ("b", "17850.5::double"), ("c", "'3'")):
        duckdb.sql(f"copy (select {sql} as v) to '{shop.folder}/{name}.parquet' (format parquet)")
    shop.load()
    assert shop.values("v") == [(1,), (3,)]
    assert shop.quarantine("_file, value") == [("b.parquet", "17850.5")]


ODD = st.sampled_from('",;\r\n \t')
FIELDS = st.text(st.characters(codec="utf-8", exclude_characters="\0") | ODD, max_size=8)


@st.composite
def written_tables(draw: Any) -> str:
    """What the csv module writes."""
    written = StringIO(newline="")
    writer = csv.writer(
        written,
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writerows([("a", "b", "c"), *draw(st.lists(st.tuples(FIELDS, FIELDS, FIELDS), max_size=6))])
    return written.getvalue()


RAW_TABLES = st.text(st.sampled_from('ab,,"\n\r \té'), max_size=50).map(lambda text: f"a,b,c\n{text}")


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(tables=st.lists(written_tables() | RAW_TABLES, min_size=6, max_size=16, unique=True))
def test_text_is_read_as_the_csv_module_reads_it(empty_warehouse: Path, tables: list[str]) -> None:
    """Rows of three fields are kept, others put aside; where that module gives up, no row is lost all the same."""
    with tempfile.TemporaryDirectory() as root:
        shop = Shop(Path(root), empty_warehouse)
        shop.declare({name: {"type": "string"} for name in "abc"}, missing=[])
        for position, text in enumerate(tables):
            shop.land(f"{position:02}.csv", text)
        shop.load()
        with shop.looking():
            for position, text in enumerate(tables):
                file = f"{position:02}.csv"
                read = shop.values("a, b, c", file)
                aside = [record for name, record in shop.quarantine("_file, record") if name == file]
                assert shop.book(file)["rows_read"] == len(read) + len(aside)
                try:
                    rows = [tuple(row) for row in csv.reader(StringIO(text, newline=""), strict=True) if row][1:]
                except csv.Error:
                    assert aside
                else:
                    assert read == [row for row in rows if len(row) == 3]
                    assert len(aside) == len(rows) - len(read)
