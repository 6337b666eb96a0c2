"""Random tables in random dialects: types are understood, and every row loads with its values."""

from __future__ import annotations

import csv
import gzip
import tempfile
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_assets_tests.onboarding.looking import ingested, looked_at

ROWS = 40
DAYS = ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%b-%Y", "%Y%m%d"]
WORDS = st.text(st.sampled_from("abcdefgh äöüß'-"), min_size=1, max_size=8).map(lambda text: f"w{text}w")


@st.composite
def dialects(draw: Any) -> dict[str, Any]:
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    return {
        "delimiter": delimiter,
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "utf-16"])),
        "decimal": draw(st.sampled_from([".", ","])),
        "end": draw(st.sampled_from(["\n", "\r\n"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        "packed": draw(st.booleans()),
        "missing": draw(st.sampled_from(["", "NA", "NULL"])),
    }


@st.composite
def tables(draw: Any) -> tuple[list[str], list[str], list[list[Any]]]:
    """Types, names and columns of values; None is a missing value."""
    kinds = draw(st.lists(st.sampled_from(["integer", "float", "string", "date", "code"]), min_size=1, max_size=5))
    names = [f"{kind} {n}" for n, kind in enumerate(kinds)]
    columns = []
    for kind in kinds:
        value = {
            "integer": st.integers(-10_000, 10_000), "float": st.integers(-10**6, 10**6).map(lambda n: (10 * n + 5) / 100), "string": WORDS | st.just("a\nb, c; d"),
            "date": st.integers(0, 9_000).map(lambda n: date(2000, 1, 1) + timedelta(days=n)), "code": st.integers(0, 999).map(lambda n: f"{n:05}"),
        }[kind]  # fmt: skip
        values = draw(st.lists(value, min_size=ROWS, max_size=ROWS))
        columns.append([None if draw(st.integers(0, 9)) == 0 and n > 4 else v for n, v in enumerate(values)])
    return kinds, names, columns


def spelled(value: Any, dialect: dict[str, Any], day: str) -> str:
    if value is None:
        return str(dialect["missing"])
    if isinstance(value, date):
        return value.strftime(day)
    return str(value).replace(".", dialect["decimal"]) if isinstance(value, float) else str(value)


def as_text(names: list[str], columns: list[list[Any]], dialect: dict[str, Any], day: str) -> bytes:
    out = StringIO(newline="")
    writer = csv.writer(out, delimiter=dialect["delimiter"], lineterminator=dialect["end"], quoting=dialect["quoting"])
    writer.writerow([*names, "goal"])
    for n, row in enumerate(zip(*columns, strict=True)):
        writer.writerow([*(spelled(value, dialect, day) for value in row), "yes" if n % 3 else "no"])
    data = out.getvalue().encode(dialect["encoding"])
    return gzip.compress(data) if dialect["packed"] else data


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(table=tables(), dialect=dialects(), day=st.sampled_from(DAYS))
def test_random_table_is_understood_and_loads_without_loss(
    table: tuple[list[str], list[str], list[list[Any]]], dialect: dict[str, Any], day: str
) -> None:
    kinds, names, columns = table
    columns = [*columns, [n % 7 for n in range(ROWS)]]
    with tempfile.TemporaryDirectory() as root:
        name = "x.csv.gz" if dialect["packed"] else "x.csv"
        found = looked_at(Path(root), {name: as_text([*names, "visits"], columns, dialect, day)}, target="goal")
        (facts,) = found.tables
        types = ["string" if kind == "code" else kind for kind in kinds]
        assert [column.type for column in facts.columns] == [*types, "integer", "string"]
        loaded = ingested(Path(root), facts)
    assert (loaded.refused, loaded.quarantine) == ([], [])
    ambiguous = any("every value would fit" in note.because for note in found.notes)
    for position, column in enumerate(columns):
        if not (ambiguous and position < len(kinds) and kinds[position] == "date"):
            assert [row[position] for row in loaded.rows] == column
