"""Whether a file's first line is a header at all, or already data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ml_assets.onboarding.dialects import LIKE_DATA, no_header
from ml_assets.onboarding.reading import Loaded
from ml_assets.onboarding.understanding import Note
from ml_assets.specs.tables import CsvFormat
from ml_assets.warehouse.names import literal
from ml_assets.warehouse.store import Workbench

_LONG_BATCH = 200
_LOOKED_AT = 5_000
_LEAST_REPEATED = 2
# From this share of columns on, the first line is taken for data.
_MOST_SHARE = 0.25


def header_notes(bench: Workbench, loaded: Loaded) -> list[Note]:
    """Raises UnderstandingError for a CSV file without a header; a doubt where only a few names look like values."""
    if not isinstance(loaded.format, CsvFormat):
        return []
    seem = [header for header in loaded.headers if LIKE_DATA.fullmatch(header)]
    numbers = [int(header) for header in seem if header.isdecimal() and len(header) <= 9]
    if len(numbers) == len(seem) and (_are_years(numbers) or _count_up(numbers)):
        seem = []
    seem = list(dict.fromkeys([*seem, *_standing_below(bench, loaded)]))
    if not seem:
        return []
    if len(seem) >= _MOST_SHARE * len(loaded.headers):
        raise no_header(loaded.files[0], loaded.headers)
    said = f"names that look like values: {', '.join(seem[:5])}"
    return [Note(loaded.name, said, "should the file have no header, its first row is lost", doubt=True)]


def _are_years(numbers: Sequence[int]) -> bool:
    return all(1800 <= number <= 2200 for number in numbers)


def _count_up(numbers: Sequence[int]) -> bool:
    return len(numbers) > 1 and all(after == before + 1 for before, after in pairwise(numbers))


def _standing_below(bench: Workbench, loaded: Loaded) -> list[str]:
    """Headers that are also values of their own columns, several times: repeated header lines are not meant."""
    found: list[tuple[str, int]] = []
    for start in range(0, len(loaded.headers), _LONG_BATCH):
        headers = loaded.headers[start : start + _LONG_BATCH]
        raws = ", ".join(loaded.raws[start : start + _LONG_BATCH])
        names = ", ".join(literal(header) for header in headers)
        numbers = ", ".join(map(str, range(len(headers))))
        rows = bench.rows(
            f"select c, count(*) from (select unnest([{numbers}]) as c, unnest([{raws}]) as v, unnest([{names}]) as h from (from {loaded.sample} limit {_LOOKED_AT})) "
            f"where trim(v) = h group by 1 having count(*) >= {_LEAST_REPEATED} order by 1"
        )
        found += [(headers[number], count) for number, count in rows]
    # Where every name stands below as often, whole header lines were copied into the file.
    if len(found) == len(loaded.headers) > 1 and len({count for _, count in found}) == 1:
        return []
    return [header for header, _ in found]


def nested_notes(bench: Workbench, loaded: Loaded) -> list[Note]:
    """Keys of JSON lines that hold objects or lists."""
    if loaded.format.kind != "jsonl":
        return []
    found = []
    for start in range(0, len(loaded.headers), _LONG_BATCH):
        raws = loaded.raws[start : start + _LONG_BATCH]
        numbers = ", ".join(str(start + position) for position in range(len(raws)))
        rows = bench.rows(
            f"select c from (select unnest([{numbers}]) as c, unnest([{', '.join(raws)}]) as v from {loaded.sample}) where v is not null "
            "group by 1 having count(*) filter (v[1] in ('{', '[')) >= 0.5 * count(*) order by 1"
        )
        found += [loaded.headers[row[0]] for row in rows]
    return [
        Note(header, "nested values are read as text", "a column holds one value a row", doubt=True) for header in found
    ]
