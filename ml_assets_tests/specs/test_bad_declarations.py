"""Every kind of bad declaration of a raw table: the message names the field, what was expected and what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ml_assets.errors import DeclarationError
from ml_assets.graph.project import read_declarations
from ml_assets.specs.tables import RawTableSpec

GOOD: dict[str, Any] = {
    "name": "sales", "files": "sales/*.csv", "event_time": "at", "key": ["id"],
    "contract": {"columns": {"id": {"type": "integer", "nullable": False}, "at": {"type": "timestamp"}, "note": {"type": "string"}}},
}  # fmt: skip


PULL = {"database": "sqlite:///data/shop.db", "table": "sales"}
PARQUET = {"files": "sales.parquet", "format": {"kind": "parquet"}}


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
    "no columns": (with_contract(columns={}), ["no column is declared", "alike"]),
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
    "pull of a text file": ({"pull": PULL}, ["pull writes one Parquet file", "'sales.parquet'", "{kind: parquet}"]),
    "pull into several files": (PARQUET | {"pull": PULL, "files": "*.parquet"}, ["pull writes one Parquet file"]),
    "pull of table and query": (PARQUET | {"pull": PULL | {"query": "select 1"}}, ["pull", "exactly one of table and query"]),
    "pull of nothing": (PARQUET | {"pull": {"database": "sqlite:///a.db"}}, ["pull", "exactly one of table and query"]),
    "pull by a statement that is no select": (PARQUET | {"pull": {"database": "sqlite:///a.db", "query": "drop table a"}}, ["one SELECT"]),
    "pull from a Postgres URL": (PARQUET | {"pull": PULL | {"database": "postgresql://host/db"}}, ["pull.database", "environment variable", "{env: SHOP_DATABASE_URL}"]),
    "pull with a password": (PARQUET | {"pull": PULL | {"database": "postgresql://me:hunter2@host/db"}}, ["pull.database", "holds a password", "{env: SHOP_DATABASE_URL}"]),
    "pull with a password as parameter": (PARQUET | {"pull": PULL | {"database": "postgresql://host/db?password=hunter2"}}, ["holds a password"]),
    "pull from no URL": (PARQUET | {"pull": PULL | {"database": "data/shop.db"}}, ["'data/shop.db'", "sqlite:///FILE"]),
    "pull from an odd variable": (PARQUET | {"pull": PULL | {"database": {"env": "MY VAR"}}}, ["database", "env"]),
    "pull every minute": (PARQUET | {"pull": PULL | {"every": "minute"}}, ["pull.every", "'hour', 'day' or 'week'"]),
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


MODEL: dict[str, Any] = {
    "name": "again", "entity": "id", "snapshots": {"every": "week", "last": 9}, "features": ["habits"],
    "label": {"sql": "a.sql", "population": "b.sql", "horizon": "7 days"},
    "split": {"kind": "time", "test_snapshots": 2, "validation_snapshots": 1},
}  # fmt: skip
PYDANTIC = ("Input should", "Extra inputs", "not permitted", "Field required", "Value error", "Input tag", "discriminator",
            "pydantic", "should have", "should be")  # fmt: skip


def refusal(folder: Path, attributes: dict[str, Any], kind: str = "RawTable") -> str:
    file = folder / "defs.yaml"
    file.write_text(yaml.safe_dump({"type": f"ml_assets.{kind}", "attributes": attributes}, sort_keys=False))
    with pytest.raises(DeclarationError) as caught:
        read_declarations(file, folder, folder)
    return str(caught.value)


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_declaration_is_told_in_our_words(tmp_path: Path, kind: str) -> None:
    said = refusal(tmp_path, GOOD | BAD[kind][0])
    assert [phrase for phrase in PYDANTIC if phrase in said] == [], said


@pytest.mark.parametrize(
    ("changes", "headline", "remedy"),
    [
        ({"snapshots": {"evry": "week", "last": 9}}, "unknown field snapshots.evry", "did you mean every?"),
        ({"splits": {}}, "unknown field splits", "did you mean split"),
        ({"split": MODEL["split"] | {"tests": 1}}, "unknown field split.tests", "did you mean test_snapshots"),
        ({"gate": {"rules": [{"kind": "overfit", "maxi": 1}]}}, "unknown field gate.rules.0.maxi", "did you mean max"),
        ({"horizon": "7 days"}, "unknown field horizon", "it stands in label.horizon"),
        ({"qqqqqqqq": 1}, "unknown field qqqqqqqq", "remove qqqqqqqq"),
    ],
)
def test_an_unknown_field_is_named_with_what_was_meant(
    tmp_path: Path, changes: dict[str, Any], headline: str, remedy: str
) -> None:
    said = refusal(tmp_path, MODEL | changes, "Model")
    assert f"ml_assets.Model: {headline}\n" in said
    assert f"remedy:   {remedy}" in said


def test_an_unknown_field_is_told_before_the_missing_one_that_it_explains(tmp_path: Path) -> None:
    written = {("snapshot" if name == "snapshots" else name): value for name, value in MODEL.items()}
    said = refusal(tmp_path, written, "Model")
    assert said.startswith("defs.yaml:5: ml_assets.Model: unknown field snapshot\n")
    assert "remedy:   did you mean snapshots? `ml-assets components Model` lists the fields" in said


def test_a_missing_field_is_told_beside_an_unknown_one(tmp_path: Path) -> None:
    written = {("labl" if name == "label" else name): value for name, value in MODEL.items()}
    said = refusal(tmp_path, written, "Model")
    assert "did you mean label?" in said
    assert "label is missing" in said


def test_a_column_named_like_a_field_is_still_a_column(tmp_path: Path) -> None:
    columns = GOOD["contract"]["columns"] | {"type": {"type": "string", "nulable": False}}
    said = refusal(tmp_path, GOOD | {"contract": {"columns": columns}})
    assert "unknown field contract.columns.type.nulable" in said
    assert "did you mean nullable? `ml-assets components RawTable.contract` lists the fields" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"split": {"kind": "tme"}}, ["split.kind: 'tme' is no known kind", "one of: time, group, stratified, random"]),
        ({"gate": {"rules": [{"max": 1}]}}, ["gate.rules.0.kind is missing", "one of: metric, beats, "]),
        ({"features": "habits"}, ["features: must be a list"]),
        (
            {"split": MODEL["split"] | {"test_snapshots": 0}},
            ["split.test_snapshots: must be at least 1", "got:      0"],
        ),
        ({"retrain": "often"}, ["retrain: 'often' is not allowed", "'daily', 'weekly', 'monthly' or 'manual'"]),
        ({"entity": None}, ["entity: must be a text"]),
        ({"label": "a.sql"}, ["label: must be a mapping of fields to values"]),
    ],
)
def test_a_bad_value_is_told_with_what_is_allowed(tmp_path: Path, changes: dict[str, Any], said: list[str]) -> None:
    message = refusal(tmp_path, MODEL | changes, "Model")
    assert [words for words in said if words not in message] == [], message
    assert [phrase for phrase in PYDANTIC if phrase in message] == []
