"""SQL text: names that need quotes, exact sums, headers."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ml_assets.onboarding.contracts import outward
from ml_assets.onboarding.understanding import ColumnFacts, TableFacts
from ml_assets.onboarding.yaml_text import one_line

# Words that the engine, or the reader that finds tables and columns, takes for something else than a name.
_RESERVED = frozenset({
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric",
    "authorization", "binary", "both", "case", "cast", "check", "collate", "column", "concurrently",
    "connect", "constraint", "create", "cross", "default", "deferrable", "desc", "distinct", "do",
    "else", "end", "except", "false", "fetch", "for", "foreign", "freeze", "from",
    "full", "grant", "group", "having", "ilike", "in", "initially", "inner", "intersect",
    "into", "is", "isnull", "join", "lambda", "lateral", "leading", "left", "like",
    "limit", "natural", "not", "notnull", "null", "offset", "on", "only", "or",
    "order", "outer", "overlaps", "pivot", "pivot_longer", "pivot_wider", "placing", "primary", "references",
    "returning", "right", "select", "similar", "some", "symmetric", "tablesample", "then", "to",
    "trailing", "true", "union", "unique", "unpivot", "using", "variadic", "verbose", "when",
    "where", "window", "with",
})  # fmt: skip
# The style checker thinks that these need no quotes; the engine or the reader cannot do without.
_QUOTED_AGAINST_STYLE = frozenset({
    "alter", "anti", "asof", "at", "between", "by", "collation", "cube", "describe",
    "drop", "force", "glob", "if", "insert", "install", "lock", "map", "positional",
    "qualify", "revoke", "rollback", "rollup", "semi", "show", "summarize", "table", "unpack",
})  # fmt: skip
_DIGITS, _MOST_SCALE, _LEAST_SCALE = 18, 6, 2


def identifier(name: str) -> str:
    """A column in SQL. Names are told apart without regard to case, and results keep the table's own spelling."""
    lower = name.lower()
    return f'"{lower}"' if lower in _RESERVED or lower in _QUOTED_AGAINST_STYLE else lower


def exact(column: ColumnFacts, name: str) -> str | None:
    """A number such that its sum does not depend on the order of rows; None where that cannot be had.

    A decimal of 18 digits: as many of them behind the point as values within the contract leave, at most six.
    """
    if column.type in ("integer", "boolean"):
        return name if column.type == "integer" else f"{name}::integer"
    if column.type == "decimal":
        return name
    if column.type != "float" or not isinstance(column.low, int | float) or not isinstance(column.high, int | float):
        return None
    largest = max(abs(column.low), abs(column.high), 1.0)
    if largest > 1e15:
        return None
    scale = min(_MOST_SCALE, _DIGITS - len(str(int(outward(largest, 10)))))
    return f"{name}::decimal({_DIGITS}, {scale})" if scale >= _LEAST_SCALE else None


def statement(
    purpose: str, grain: str, key: str, time: str, notes: Iterable[str], body: str, names: Collection[str]
) -> str:
    """A SQL file: its header, then one SELECT. `names` are the columns it reads."""
    head = [f"-- {word + ':':<8} {line}" for word, text in
            (("purpose", purpose), ("grain", grain), ("key", key), ("time", time)) for line in [one_line(text)]]  # fmt: skip
    wrapped = [line for text in (*head,) for line in _wrapped(text)]
    wrapped += [line for note in notes for line in _wrapped(f"-- {one_line(note)}")]
    if any(name.lower() in _QUOTED_AGAINST_STYLE for name in names):
        wrapped.append("-- noqa: disable=RF06")
    return "\n".join([*wrapped, body.strip()]) + "\n"


def _wrapped(text: str, width: int = 108) -> list[str]:
    lines, line = [], "--"
    for position, word in enumerate(text.removeprefix("-- ").split(" ")):
        if len(line) + 1 + len(word) > width and position:
            lines.append(line)
            line = "--          " if ":" in text[:12] else "--"
            line = line.rstrip() if line == "--" else line[:-1]
        line += f" {word}"
    return [*(one.rstrip() for one in lines), line.rstrip()]


def numbers(table: TableFacts, without: Collection[str | None], most: int) -> list[ColumnFacts]:
    """Columns whose sum means something, at most `most`."""
    found = [
        column for column in table.columns
        if column.type in ("integer", "float", "decimal", "boolean") and column.name not in without
        and not (column.id_like or column.constant or column.personal)
    ]  # fmt: skip
    return found[:most]


def categories(table: TableFacts, without: Collection[str | None], most: int) -> list[ColumnFacts]:
    """Text columns that group rows, at most `most`."""
    found = [
        column for column in table.columns
        if column.type == "string" and column.name not in without and column.distinct * 2 <= max(column.rows, 1)
        and not (column.constant or column.personal or column.free_text)
    ]  # fmt: skip
    return found[:most]


def fresh(name: str, taken: Collection[str]) -> str:
    """`name` in lower case, of at most 60 characters, with a number behind it where it is taken."""
    base = name.lower()[:60].rstrip("_")
    known = {one.lower() for one in taken}
    number, found = 2, base
    while found in known:
        found = f"{base[:57]}_{number}"
        number += 1
    return found
