"""Every kind of bad declaration of a raw table: the message names the field, what was expected and what was found."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ml_assets.specs.tables import RawTableSpec

GOOD: dict[str, Any] = {
    "name": "sales", "files": "sales/*.csv", "event_time": "at", "key": ["id"],
    "contract": {"columns": {"id": {"type": "integer", "nullable": False}, "at": {"type": "timestamp"}, "note": {"type": "string"}}},
}  # fmt: skip


def declared(**changes: Any) -> RawTableSpec:
    return RawTableSpec.model_validate(GOOD | changes)


def with_column(**column: Any) -> dict[str, Any]:
    return {"contract": {"columns": GOOD["contract"]["columns"] | {"x": column}}}


def with_contract(**contract: Any) -> dict[str, Any]:
    return {"contract": GOOD["contract"] | contract}


BAD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "name in capitals": ({"name": "Sales"}, ["name", "'Sales' is not a valid name", "lower-case"]),
    "name with two underscores": ({"name": "a__b"}, ["name", "'a__b'", "single underscores"]),
    "unknown field": ({"file": "x"}, ["file", "not permitted"]),
    "no files": ({"files": " "}, ["files", "such as 'orders/*.csv'"]),
    "files above the folder": ({"files": "../x/*.csv"}, ["files", "'../x/*.csv'", "without '..'"]),
    "files from the root": ({"files": "/data/*.csv"}, ["files", "relative to the landing folder"]),
    "unknown format": ({"format": {"kind": "xml"}}, ["format", "xml", "'csv', 'parquet', 'jsonl'"]),
    "delimiter of two characters": ({"format": {"kind": "csv", "delimiter": "||"}}, ["delimiter", "at most 1 character", "||"]),
    "delimiter that is a letter": ({"format": {"kind": "csv", "delimiter": "x"}}, ["delimiter 'x'", "no letter"]),
    "delimiter beyond ASCII": ({"format": {"kind": "csv", "delimiter": "¦"}}, ["delimiter '¦'", "ASCII"]),
    "delimiter that is the quote": ({"format": {"kind": "csv", "delimiter": "'", "quote": "'"}}, ["delimiter and quote are both"]),
    "unknown encoding": ({"format": {"kind": "csv", "encoding": "cp1252"}}, ["encoding", "cp1252", "'utf-8', 'latin-1' or 'utf-16'"]),
    "no columns": (with_contract(columns={}), ["columns", "at least 1 item"]),
    "unknown type": (with_column(type="int"), ["columns.x.type", "'integer'", "'int'"]),
    "column without a type": (with_column(nullable=False), ["columns.x.type", "required"]),
    "column that begins with an underscore": (with_contract(columns={"_file": {"type": "string"}}), ["underscore", "_file"]),
    "column name with a blank": (with_contract(columns={"unit price": {"type": "string"}}), ["unit price", "give the file's header as `source`"]),
    "columns that differ in case": (with_contract(columns={"a": {"type": "string"}, "A": {"type": "string"}}), ["['A', 'a']", "case only"]),
    "one header twice": (with_contract(columns={"a": {"type": "string"}, "b": {"type": "string", "source": "a"}}), ["same header", "'a'"]),
    "pattern that is none": (with_column(type="string", pattern="["), ["columns.x.pattern", "'['", "not a regular expression"]),
    "pattern that looks ahead": (with_column(type="string", pattern="(?!a)b"), ["columns.x.pattern", "'(?!'", "RE2"]),
    "pattern that refers back": (with_column(type="string", pattern=r"(a)\1"), ["columns.x.pattern", "RE2"]),
    "pattern on a number": (with_column(type="integer", pattern="1"), ["columns.x", "pattern applies to string, not integer"]),
    "length of a number": (with_column(type="integer", max_length=3), ["columns.x", "max_length applies to string"]),
    "no length": (with_column(type="string", max_length=0), ["columns.x.max_length", "greater than or equal to 1"]),
    "format of a text": (with_column(type="string", format="%Y"), ["columns.x", "format applies to date and timestamp, not string"]),
    "format of another tool": (with_column(type="date", format="YYYY-MM-DD"), ["columns.x.format", "reads no year", "'%d/%m/%Y %H:%M'"]),
    "format with an unknown directive": (with_column(type="date", format="%Y-%Q"), ["columns.x.format", "['%Q']"]),
    "bounds of a text": (with_column(type="string", min=1), ["columns.x", "min and max do not apply to type string"]),
    "text for a bound": (with_column(type="integer", max="9"), ["columns.x", "max '9' of a integer column must be a number"]),
    "number for a date": (with_column(type="date", min=2011), ["columns.x", "min 2011", "quoted date"]),
    "bound that is no date": (with_column(type="date", min="2011-02-30"), ["columns.x", "min '2011-02-30' is not a date"]),
    "bound with a zone": (with_column(type="timestamp", min="2011-01-01T00:00:00+01:00"), ["columns.x", "without a zone"]),
    "infinite bound": (with_column(type="float", max=float("inf")), ["columns.x.max", "finite"]),
    "min above max": (with_column(type="float", min=2, max=1), ["columns.x", "min 2.0 is above max 1.0"]),
    "last day before the first": (with_column(type="date", min="2012-01-01", max="2011-01-01"), ["columns.x", "no value could pass"]),
    "nothing allowed": (with_column(type="string", allowed=[]), ["columns.x", "empty list"]),
    "unquoted no": (with_column(type="string", allowed=["YES", False]), ["columns.x", "[False]", "quote them"]),
    "text allowed for a number": (with_column(type="integer", allowed=["1"]), ["columns.x", "['1']", "whole numbers"]),
    "allowed fractions": (with_column(type="float", allowed=[1.5]), ["columns.x", "allowed applies to string and integer, not float"]),
    "share above one": (with_column(type="string", max_null_share=2), ["columns.x.max_null_share", "less than or equal to 1"]),
    "what to do with bad rows": (with_contract(bad_rows="drop"), ["bad_rows", "'quarantine' or 'freeze'", "drop"]),
    "what to do with extra columns": (with_contract(extra_columns="ignore"), ["extra_columns", "'freeze', 'evolve' or 'discard'"]),
    "event time nobody declares": ({"event_time": "when"}, ["event_time names column 'when'", "does not declare"]),
    "event time of another type": ({"event_time": "note"}, ["event_time column 'note'", "timestamp or date"]),
    "availability nobody declares": ({"available_at": "seen"}, ["available_at names column 'seen'"]),
    "key nobody declares": ({"key": ["id", "no"]}, ["key names columns", "['no']"]),
    "freshness without event time": ({"event_time": None, "freshness": {"max_age": "2 days"}}, ["freshness", "declare event_time"]),
    "span in another unit": ({"freshness": {"max_age": "2 months"}}, ["freshness.max_age", "'2 months' is not a span"]),
    "reference from nowhere": ({"references": [{"columns": ["no"], "to": "raw.products"}]}, ["references", "['no']"]),
    "reference to nothing": ({"references": [{"columns": ["id"], "to": "products"}]}, ["references.0", "'products'", "raw.products"]),
    "reference out of step": ({"references": [{"columns": ["id"], "to": "raw.p", "to_columns": ["a", "b"]}]}, ["references.0", "differ in number"]),
}  # fmt: skip


def test_the_good_declaration_is_accepted() -> None:
    column = {"type": "timestamp", "min": "2010-01-01", "max": "2011-01-01 10:00:00", "format": "%-d/%m/%y %H:%M:%S %z"}
    assert declared(**with_column(**column)).contract.columns["x"].format == column["format"]


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_declaration_is_refused_in_words(kind: str) -> None:
    changes, words = BAD[kind]
    with pytest.raises(ValidationError) as refusal:
        declared(**changes)
    said = str(refusal.value)
    assert [word for word in words if word not in said] == [], said
