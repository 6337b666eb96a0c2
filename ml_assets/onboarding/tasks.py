"""What is to be predicted: the task, its classes, and which value counts as 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ml_assets.errors import UnderstandingError, nearest
from ml_assets.onboarding.facts import Examined
from ml_assets.onboarding.understanding import ColumnFacts, Note, Value
from ml_assets.specs.models import Task
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.store import Workbench

_MOST_CLASSES = 100
_FEW_INTEGERS = 20
_MOST_GRADE = 30
_LEAST_OF_CLASS = 3
_LEAST_LEARNT = 10
_YES = (
    "yes",
    "y",
    "true",
    "t",
    "1",
    "ja",
    "j",
    "oui",
    "si",
    "sí",
    "sim",
    "positive",
    "pos",
    "churned",
    "bad",
    "default",
    "fraud",
    "spam",
    "malignant",
    "fail",
    "failed",
)
_NO = (
    "no",
    "n",
    "false",
    "f",
    "0",
    "nein",
    "non",
    "nao",
    "não",
    "negative",
    "neg",
    "retained",
    "good",
    "paid",
    "ham",
    "benign",
    "pass",
    "passed",
)


@dataclass(frozen=True)
class TaskFacts:
    """The task with what belongs to it; `counts` are rows a value of a label with classes."""

    task: Task
    positive: Value | None = None
    classes: tuple[str | int, ...] = ()
    counts: tuple[tuple[Value, int], ...] = ()
    notes: tuple[Note, ...] = ()


def task_of(
    bench: Workbench, table: Examined, target: str, *, wished: Task | None, positive: str | None, query: str | None
) -> TaskFacts:
    """The task that the target's values suggest, or the wished one; refuses a target from which nothing can be learnt."""
    column = table.facts.column(target)
    _check_learnable(column)
    counts = _value_counts(bench, table, column) if column.distinct <= max(_MOST_CLASSES, 2) else []
    if wished == "ranking" or (wished is None and query is not None):
        return _ranking(column, query)
    found = (
        _suggested(column)
        if wished is None
        else TaskFacts(wished, notes=(Note(column.header, f"task {wished}", "as wished"),))
    )
    if found.task == "binary":
        found = _binary(column, counts, found, positive)
    elif positive is not None:
        raise _unfit(
            column,
            f"a task of two classes, since --positive {positive} is given",
            f"{column.distinct} values",
            "leave --positive out",
        )
    if found.task == "multiclass":
        found = _multiclass(column, counts, found)
    if found.task == "regression" and column.type not in ("integer", "float", "decimal", "boolean"):
        raise _unfit(
            column,
            "numbers, for regression",
            f"{column.type}: {_shown(column)}",
            "choose a column of numbers, or --task multiclass",
        )
    notes = (*found.notes, *_missing_note(column), *_thin_notes(column, found, counts))
    return replace(found, counts=tuple(counts), notes=notes)


def _unfit(column: ColumnFacts, expected: str, got: str, remedy: str) -> UnderstandingError:
    return UnderstandingError(f"column {column.header} cannot be the target", expected=expected, got=got, remedy=remedy)


def _check_learnable(column: ColumnFacts) -> None:
    present = column.rows - column.missing
    if present == 0:
        raise _unfit(
            column,
            "values to learn from",
            f"all {column.rows:,} values are missing",
            "choose another target, or files in which it is known",
        )
    if column.constant:
        value = "(personal data)" if column.personal else next(iter(column.values or column.examples), "one value")
        raise _unfit(
            column,
            "at least two different values",
            f"{value} in all {present:,} rows",
            "choose another target: there is nothing to tell apart",
        )
    if present < _LEAST_LEARNT:
        raise _unfit(column, f"at least {_LEAST_LEARNT} rows with a known outcome", f"{present} rows", "give more rows")


def _value_counts(bench: Workbench, table: Examined, column: ColumnFacts) -> list[tuple[Value, int]]:
    name = quoted(column.name)
    return [
        (row[0], int(row[1]))
        for row in bench.rows(
            f"select {name}, count(*) from {table.rows} where {name} is not null group by 1 order by 1"
        )
    ]


def _suggested(column: ColumnFacts) -> TaskFacts:
    header = column.header
    if column.type in ("date", "timestamp"):
        raise _unfit(
            column,
            "a number, a text or yes and no",
            f"a {column.type}",
            "predict a number instead, such as the days until then",
        )
    if column.distinct == 2 and column.type not in ("float", "decimal"):
        return TaskFacts("binary")
    if column.type == "string":
        return TaskFacts(
            "multiclass", notes=(Note(header, "multiclass", f"it is text with {column.distinct:,} different values"),)
        )
    if (
        column.type == "integer"
        and column.distinct <= _FEW_INTEGERS
        and column.rows - column.missing >= 5 * column.distinct
    ):
        return TaskFacts(
            "multiclass", notes=(Note(header, "multiclass", f"it has {column.distinct} different whole numbers; if they are amounts: --task regression", doubt=True, answered_by="--task"),)
        )  # fmt: skip
    few = column.distinct <= _FEW_INTEGERS
    why = f"it is a number with {column.distinct:,} different values, from {column.low} to {column.high}"
    return TaskFacts(
        "regression", notes=(Note(header, "regression", why, doubt=few, answered_by="--task" if few else ""),)
    )


def _binary(
    column: ColumnFacts, counts: Sequence[tuple[Value, int]], found: TaskFacts, positive: str | None
) -> TaskFacts:
    if column.distinct != 2:
        raise _unfit(
            column,
            "two values, for a binary task",
            f"{column.distinct:,} values: {_shown(column)}",
            "choose --task multiclass or regression, or another target",
        )
    if column.type in ("float", "decimal"):
        raise _unfit(
            column,
            "yes and no, text or whole numbers, for a binary task",
            f"the numbers {_shown(column)}",
            "write the classes as 0 and 1, or choose --task regression",
        )
    values = [value for value, _ in counts]
    shown = ", ".join(str(value) for value in values)
    chosen, why = _positive(column, counts, positive)
    said = f"binary, because it has two values ({shown})" if not found.notes else "binary, as wished"
    note = Note(
        column.header,
        f"{said}; {_word(chosen)} counts as 1",
        why,
        doubt=why.startswith("being the rarer"),
        answered_by="--positive" if why.startswith("being the rarer") else "",
    )
    plain = column.type == "boolean" or set(values) == {0, 1}
    needless = plain and chosen in (True, 1)
    return replace(found, positive=None if needless else chosen, notes=(note,))


def _positive(column: ColumnFacts, counts: Sequence[tuple[Value, int]], wished: str | None) -> tuple[Value, str]:
    values = [value for value, _ in counts]
    if wished is not None:
        for value in values:
            if str(value).casefold() == wished.strip().casefold() or (
                isinstance(value, bool) and str(int(value)) == wished
            ):
                return value, "as wished"
        near = nearest(wished, [str(value) for value in values])
        raise UnderstandingError(
            f"{wished!r} is no value of the target {column.header}", expected=" or ".join(str(value) for value in values), got=wished,
            remedy=f"did you mean --positive {near[0]}?" if near else "name one of its values with --positive",
        )  # fmt: skip
    known = [value for value in values if str(value).strip().casefold() in _YES]
    others = [value for value in values if str(value).strip().casefold() in _NO]
    if len(known) == 1 and (others or len(str(known[0])) > 1):
        return known[0], "as its meaning says"
    rarer = min(counts, key=lambda pair: (pair[1], -values.index(pair[0])))
    if len({count for _, count in counts}) == 1:
        return rarer[0], f"being the rarer or the later, since both are equally frequent ({rarer[1]:,} rows)"
    return rarer[0], f"being the rarer ({rarer[1]:,} of {sum(count for _, count in counts):,})"


def _word(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _multiclass(column: ColumnFacts, counts: Sequence[tuple[Value, int]], found: TaskFacts) -> TaskFacts:
    if column.type in ("date", "timestamp", "float", "decimal"):
        raise _unfit(
            column,
            "text or whole numbers, for classes",
            f"{column.type}: {_shown(column)}",
            "choose --task regression, or write the classes as text",
        )
    if column.distinct > _MOST_CLASSES or column.id_like:
        remedy = (
            "choose --task regression"
            if column.type == "integer"
            else "choose another target, or write rare classes as one"
        )
        raise _unfit(column, f"at most {_MOST_CLASSES} classes", f"{column.distinct:,} different values", remedy)
    values = [str(value) if isinstance(value, bool) else value for value, _ in counts]
    return replace(found, classes=tuple(value for value in values if isinstance(value, str | int)))


def _ranking(column: ColumnFacts, query: str | None) -> TaskFacts:
    if query is None:
        raise UnderstandingError(
            "ranking needs to know what is ranked together",
            expected="--query COLUMN",
            got="no query column",
            remedy="name the column of the queries with --query",
        )
    grades = (
        column.type in ("integer", "boolean")
        and isinstance(column.low or 0, int)
        and (column.type == "boolean" or (float(column.low or 0) >= 0 and float(column.high or 0) <= _MOST_GRADE))
    )
    if not grades:
        raise _unfit(
            column,
            f"whole grades from 0 to {_MOST_GRADE}, for ranking",
            f"{column.type} from {column.low} to {column.high}",
            "write how relevant a row is as a grade, or choose --task regression",
        )
    note = Note(
        column.header, "ranking", f"rows of one {query} are ranked by its grades from {column.low} to {column.high}"
    )
    return TaskFacts("ranking", notes=(note, *_missing_note(column)))


def _missing_note(column: ColumnFacts) -> tuple[Note, ...]:
    if not column.missing:
        return ()
    return (
        Note(
            column.header,
            f"missing in {column.missing:,} rows ({column.missing_share:.1%})",
            "these rows are scored and not learnt from",
        ),
    )


def _thin_notes(column: ColumnFacts, found: TaskFacts, counts: Sequence[tuple[Value, int]]) -> tuple[Note, ...]:
    """What becomes of classes with hardly a row; refuses a label of which only one class can be learnt."""
    if found.task not in ("binary", "multiclass"):
        return ()
    thin = [(value, count) for value, count in counts if count < _LEAST_OF_CLASS]
    if len(counts) - len(thin) < 2:
        listed = ", ".join(f"{value}: {count}" for value, count in counts[:6])
        raise _unfit(
            column,
            f"two classes with at least {_LEAST_OF_CLASS} rows each",
            listed,
            "give more rows of the rare classes",
        )
    if not thin:
        return ()
    listed = ", ".join(f"{value} ({count})" for value, count in thin[:5])
    return (
        Note(
            column.header,
            f"classes with hardly a row: {listed}",
            "they stay classes, but can neither be learnt nor judged; consider writing them as one",
            doubt=True,
        ),
    )


def _shown(column: ColumnFacts) -> str:
    if column.personal:
        return "(personal data)"
    return ", ".join(str(value) for value in (column.values or column.examples)[:5])
