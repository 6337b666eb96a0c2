"""What names a row, when it happened, and who it is about: key, event time, group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from ml_assets.onboarding.facts import Examined
from ml_assets.onboarding.naming import ID_WORDS, plain_words
from ml_assets.onboarding.understanding import ColumnFacts, Note
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.store import Workbench

_PAIRED = 6
_LEAST_ROWS = 20
_LEAST_MOMENTS = 5
_LEAST_FILLED = 0.95
# Times that are no event's: of birth, of an end to come, of bookkeeping.
_OTHER_TIMES = frozenset((
    "birth", "born", "birthday", "dob", "geburtsdatum", "end", "ende", "expiry", "expires", "expiration", "due",
    "until", "deadline", "updated", "modified", "changed", "deleted", "closed", "cancelled", "churn", "last", "next",
))  # fmt: skip
_EVENT_TIMES = frozenset((
    "event", "created", "ordered", "order", "invoice", "purchase", "transaction", "timestamp", "time", "date",
    "datetime", "datum", "zeit", "occurred", "started", "start", "at", "day", "signup", "registered", "application",
    "booking", "visit",
))  # fmt: skip
_WHO = frozenset((
    "customer", "user", "patient", "client", "member", "person", "account", "household", "subscriber", "student",
    "employee", "driver", "device", "session", "store", "shop", "site", "machine", "player", "visitor", "kunde",
    "patienten",
))  # fmt: skip
_ENDS_AS_ID = frozenset(["id", "nr", "no", "number", "num", "uuid", "kennung", "key", "code", "ref"])


def is_named_as_id(column: ColumnFacts) -> bool:
    """Whether the header says that the column holds names of something."""
    return bool(set(plain_words(column.header)) & ID_WORDS)


def with_key(
    bench: Workbench, table: Examined, not_key: Sequence[str], wished: str | None = None
) -> tuple[Examined, list[Note]]:
    """The table with the columns that name its rows, () where nothing does; proved on all rows of the files."""
    rows = int(bench.value(f"select count(*) from {table.rows}"))
    candidates = sorted(
        (c for c in table.facts.columns if _may_be_key(c, rows, not_key) or c.name == wished),
        key=lambda c: (c.name != wished, not is_named_as_id(c), bool(c.personal), table.facts.columns.index(c)),
    )
    for column in candidates[:3]:
        if column.distinct == rows and column.missing == 0 and _is_unique(bench, table, (column.name,)):
            note = Note(table.facts.name, f"{column.header} names a row", "it is never missing and never repeated")
            return replace(table, facts=replace(table.facts, key=(column.name,))), [note]
    pair = _pair(bench, table, rows, not_key)
    if pair:
        note = Note(table.facts.name, f"{' and '.join(pair)} together name a row", "no pair of them is repeated")
        return replace(table, facts=replace(table.facts, key=pair)), [note]
    return table, [
        Note(
            table.facts.name,
            "no column names a row",
            "each is missing or repeated somewhere, or is no name of anything",
        )
    ]


def _may_be_key(column: ColumnFacts, rows: int, not_key: Sequence[str]) -> bool:
    if column.name in not_key or column.type not in ("string", "integer") or column.free_text:
        return False
    if rows < _LEAST_ROWS:
        return is_named_as_id(column)
    return is_named_as_id(column) or column.id_like


def _pair(bench: Workbench, table: Examined, rows: int, not_key: Sequence[str]) -> tuple[str, ...]:
    if rows < _LEAST_ROWS:
        return ()
    parts = [
        c for c in table.facts.columns
        if c.name not in not_key and c.type in ("string", "integer", "date") and not c.missing and 1 < c.distinct < rows and not c.free_text
        and (is_named_as_id(c) or c.type == "date" or set(plain_words(c.header)) & {"line", "position", "seq", "sequence", "week", "month", "year", "period", "store", "dept"})
    ]  # fmt: skip
    parts.sort(key=lambda c: (not is_named_as_id(c), -c.distinct))
    for first, second in combinations(parts[:_PAIRED], 2):
        if (
            first.distinct * second.distinct >= rows
            and is_named_as_id(first)
            and _is_unique(bench, table, (first.name, second.name))
        ):
            return first.name, second.name
    return ()


def _is_unique(bench: Workbench, table: Examined, names: Sequence[str]) -> bool:
    listed = ", ".join(quoted(name) for name in names)
    repeated = f"select 1 from (select {listed} from {{}}) group by {listed} having count(*) > 1 limit 1"
    if bench.rows(repeated.format(table.rows)):
        return False
    if table.loaded.complete:
        return True
    return not bench.rows(repeated.format(f"({table.raw(names)})"))


def event_time_of(table: Examined, not_time: Sequence[str]) -> tuple[str | None, list[Note]]:
    """The one date or time that says when a row happened, found by what is filled and by its header."""
    found = [
        c for c in table.facts.columns
        if c.type in ("date", "timestamp") and c.name not in not_time and not c.personal and not c.suspicious and c.distinct >= _LEAST_MOMENTS
        and 1 - c.missing_share >= _LEAST_FILLED and not set(plain_words(c.header)) & _OTHER_TIMES
    ]  # fmt: skip
    if not found:
        return None, []
    ranked = sorted(
        found,
        key=lambda c: (
            -len(set(plain_words(c.header)) & _EVENT_TIMES),
            c.type != "timestamp",
            table.facts.columns.index(c),
        ),
    )
    chosen = ranked[0]
    if len(found) == 1:
        return chosen.name, [
            Note(
                chosen.header,
                "when a row happened",
                f"it is the only date of the table that is nearly always there, from {chosen.low} to {chosen.high}",
            )
        ]
    others = ", ".join(c.header for c in ranked[1:5])
    return chosen.name, [
        Note(
            chosen.header,
            "when a row happened",
            f"its header says so most; others could: {others}",
            doubt=True,
            answered_by="--time",
        )
    ]


def group_of(table: Examined, taken: Sequence[str]) -> tuple[str | None, list[Note]]:
    """An id whose rows should not stand on both sides of a split: it repeats, and is named as somebody or something."""
    rows = table.facts.columns[0].rows if table.facts.columns else 0
    found = [
        c for c in table.facts.columns
        if c.name not in taken and c.type in ("string", "integer") and not c.missing and plain_words(c.header)[-1:] and _names_somebody(c)
        and c.distinct >= 20 and 1.5 <= rows / c.distinct <= rows / 20
    ]  # fmt: skip
    if not found:
        return None, []
    chosen = max(found, key=lambda c: c.distinct)
    mean = rows / chosen.distinct
    return chosen.name, [
        Note(chosen.header, "rows of one value stay together in the split", f"{chosen.distinct:,} values have {mean:.1f} rows each on average: a model could recognise them",
             doubt=True, answered_by="--group")
    ]  # fmt: skip


def _names_somebody(column: ColumnFacts) -> bool:
    words = plain_words(column.header)
    return bool(set(words) & _WHO) and words[-1] in _ENDS_AS_ID
