"""Keys and values of JSON lines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import pyarrow as pa

from ml_assets.ingest.layout import json_lines_scan
from ml_assets.ingest.text import records_of
from ml_assets.onboarding.dialects import refusal
from ml_assets.onboarding.surveys import Survey, landed
from ml_assets.warehouse.names import literal
from ml_assets.warehouse.store import Workbench

_MOST_KEYS = 5_000
IS_OBJECT = "case when json_valid({text}) then json_type({text}) = 'OBJECT' else false end"


def json_values(headers: Sequence[str]) -> str:
    """SQL: the values of keys of the objects in `_c0`, as text."""
    paths = [literal("/" + header.replace("~", "~0").replace("/", "~1")) for header in headers]
    return ", ".join(f"json_extract_string(_c0, {path})" for path in paths)


def keys_of(bench: Workbench, survey: Survey) -> tuple[str, ...]:
    """Keys of the objects of each file's first lines, in order of appearance."""
    lines: list[str] = []
    for path in survey.files:
        most = max(100, 20_000 // len(survey.files))
        lines += [record.fields[0] for record in islice(records_of(path, survey.format), most) if not record.fault]
    bench.connection.register("arriving", pa.table({"line": pa.array(lines, pa.string())}))
    keys = bench.rows(
        "select key, min(n), min(p) from (select n, unnest(json_keys(line)) as key, generate_subscripts(json_keys(line), 1) as p "
        f"from (select line, row_number() over () as n from arriving) where {IS_OBJECT.format(text='line')}) group by 1 order by 2, 3"
    )
    bench.connection.unregister("arriving")
    named = tuple(row[0] for row in keys if row[0].strip())
    named += tuple(sorted(_rare_keys(bench, survey) - set(named)))
    if not named:
        raise refusal(
            survey.files[0],
            "no line is a JSON object with keys",
            "one JSON object a line",
            f"{len(lines)} lines without",
            "write one object a line",
        )
    if len(named) > _MOST_KEYS:
        raise refusal(
            survey.files[0], "the objects have too many different keys", f"at most {_MOST_KEYS:,}", f"{len(named):,}",
            "keys may hold values (ids, days): write them as a field",
        )  # fmt: skip
    return named


def _rare_keys(bench: Workbench, survey: Survey) -> set[str]:
    """Keys of all objects of regular files: one that nobody declares would make the ingest refuse the file."""
    if not survey.regular:
        return set()
    scan = json_lines_scan([landed(path) for path in survey.regular])
    objects = f"select line from {scan} where {IS_OBJECT.format(text='line')}"
    rows = bench.rows(
        f"select distinct key from (select unnest(json_keys(line)) as key from ({objects})) limit {_MOST_KEYS + 1}"
    )
    return {row[0] for row in rows if row[0].strip()}
