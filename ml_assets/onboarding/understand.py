"""The eyes of `ml-assets init`: from files nobody has described to an Understanding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ml_assets.errors import UnderstandingError
from ml_assets.onboarding.event_logs import acting_entity, horizon_of, repeats, whole_span
from ml_assets.onboarding.facts import Examined, examined
from ml_assets.onboarding.features import left_out_of
from ml_assets.onboarding.keys import event_time_of, group_of, with_key
from ml_assets.onboarding.naming import plain_words
from ml_assets.onboarding.reading import load, workbench
from ml_assets.onboarding.relations import relations_of, share_before
from ml_assets.onboarding.suspicion import TargetOf, too_good
from ml_assets.onboarding.tasks import TaskFacts, task_of
from ml_assets.onboarding.understanding import ColumnFacts, Note, Relation, Shape, Understanding
from ml_assets.onboarding.wishes import Wishes, column_meant, column_named, unknown_column
from ml_assets.warehouse.store import Workbench

Progress = Callable[[str], None]
_QUERY_NAMES = ("qid", "query_id", "queryid", "query", "search_id", "srch_id", "session_query")
_MOST_GRADE = 5
_LEAST_BEFORE = 0.5


def understand(wishes: Wishes, *, progress: Progress = lambda _: None) -> Understanding:
    """What the data is and what can be predicted from it, with a note for each conclusion.

    Large files are sampled, and notes say so. Raises UnderstandingError (or UnknownNameError for a column nobody has)
    for what cannot be read, and where nothing can be learnt as wished.
    """
    if not wishes.tables:
        raise UnderstandingError(
            "no data is named", expected="files or globs", got="nothing", remedy="name them: --data orders.csv"
        )
    with workbench() as bench:
        tables = []
        for number, (name, files) in enumerate(wishes.tables.items()):
            progress(f"reading {name}: {len(files)} {'file' if len(files) == 1 else 'files'}")
            tables.append(examined(bench, load(bench, name, files, number), number))
        return _Understanding(bench, wishes, tables, progress).told()


class _Understanding:
    """One undertaking: what was found so far about some tables."""

    def __init__(self, bench: Workbench, wishes: Wishes, tables: list[Examined], progress: Progress) -> None:
        self.bench = bench
        self.wishes = wishes
        self.tables = {table.facts.name: table for table in tables}
        self.progress = progress
        self.notes: list[Note] = [note for table in tables for note in table.notes]
        self.name_of_main, self.target = _main_and_target(tables, wishes)

    @property
    def main(self) -> Examined:
        return self.tables[self.name_of_main]

    def column(self, said: str | None, flag: str) -> str | None:
        """The column of the main table that a flag names."""
        return None if said is None else column_named(said, self.main.facts, flag)

    def told(self) -> Understanding:
        self.progress("looking for keys and times")
        entity = self.column(self.wishes.entity, "entity")
        time = self._wished_time()
        self._find_keys(entity)
        if self._is_event_log(entity, time):
            return self._event_log(entity, time)
        if self.target is None:
            raise UnderstandingError(
                "nothing is named that could be predicted", expected="--target COLUMN, or --entity and --time of a log of events",
                got=f"columns {', '.join(column.header for column in self.main.facts.columns[:12])}", remedy="name the column to predict with --target",
            )  # fmt: skip
        return self._examples(self.target, entity, time)

    def _wished_time(self) -> str | None:
        time = self.column(self.wishes.time, "time")
        if time is not None and self.main.facts.column(time).type not in ("date", "timestamp"):
            column = self.main.facts.column(time)
            examples = "(personal data)" if column.personal else ", ".join(column.examples)
            raise UnderstandingError(
                f"column {column.header} is no time", expected="a date or a date with a time of day", got=f"{column.type}: {examples}",
                remedy="name another column with --time, or write its dates alike, best as 2011-01-31 08:26:00",
            )  # fmt: skip
        return time

    def _find_keys(self, entity: str | None) -> None:
        for name, table in self.tables.items():
            is_main = name == self.name_of_main
            not_key = [self.target] if is_main and self.target else []
            self.tables[name], notes = with_key(self.bench, table, not_key, entity if is_main else None)
            self.notes += notes

    def _is_event_log(self, entity: str | None, time: str | None) -> bool:
        if len(self.tables) > 1:
            if self.wishes.horizon_days is not None:
                raise UnderstandingError(
                    "a horizon is of one log of events",
                    expected="one table",
                    got=f"{len(self.tables)} tables",
                    remedy="leave --horizon out, or name one table",
                )
            return False
        if self.wishes.horizon_days is not None:
            return True
        if self.target is not None:
            return False
        found = time or event_time_of(self.main, ())[0]
        who = entity or (acting_entity(self.main, (time,)) if found else None)
        return bool(found and who)

    def _event_log(self, entity: str | None, time: str | None) -> Understanding:
        target = self._summed()
        if time is None:
            time, said = event_time_of(self.main, [name for name in (target, entity) if name])
            self.notes += said
        if time is None:
            raise UnderstandingError(
                "a log of events needs a time",
                expected="a column with dates",
                got="none that fits",
                remedy="name it with --time",
            )
        if entity is None:
            entity = acting_entity(self.main, (target, time))
            if entity is None:
                raise UnderstandingError(
                    "a log of events needs to know who acts",
                    expected="an id column that repeats",
                    got="none that fits",
                    remedy="name it with --entity",
                )
            self._say(
                entity,
                "who acts in this log of events",
                "it is an id that repeats, with the most different values",
                doubt=True,
                flag="--entity",
            )
        elif not repeats(self.main, entity):
            column = self.main.facts.column(entity)
            raise UnderstandingError(
                f"{column.header} hardly ever acts twice: this is no log of events", expected="entities with several rows each",
                got=f"{column.distinct:,} values in {column.rows:,} rows", remedy="name who acts with --entity, or the column to predict with --target",
            )  # fmt: skip
        self._say_incomplete(entity, time)
        self.progress("measuring gaps between events")
        days, note = horizon_of(self.bench, self.main, entity, time, self.wishes.horizon_days)
        self.notes.append(note)
        self._replace_columns({time: whole_span(self.bench, self.main, time)})
        what = f"the sum of {target}" if target else f"whether the {entity} comes again"
        self._say(
            "task",
            f"{'regression' if target else 'binary'}: {what} within {days} days",
            "each entity is judged at regular instants, from its events before",
        )
        return self._finished(
            "event_log", TaskFacts("regression" if target else "binary"), target, entity, time, horizon_days=days
        )

    def _summed(self) -> str | None:
        """The column of an event log that is summed over the horizon."""
        task = self.wishes.task
        if self.target is None:
            if task not in (None, "binary"):
                raise UnderstandingError(
                    f"task {task} needs a target",
                    expected="--target COLUMN",
                    got="none",
                    remedy="name it, or leave --task out",
                )
            return None
        column = self.main.facts.column(self.target)
        if column.type not in ("integer", "float", "decimal") or task not in (None, "regression"):
            raise UnderstandingError(
                f"{column.header} cannot be summed over a horizon", expected="a column of numbers, and a regression", got=f"{column.type}, task {task or 'not said'}",
                remedy="leave --horizon out to predict it for each row, or name a column of numbers",
            )  # fmt: skip
        return self.target

    def _examples(self, target: str, entity: str | None, time: str | None) -> Understanding:
        query = self._query(target)
        self.progress("judging the target")
        task = task_of(
            self.bench, self.main, target, wished=self.wishes.task, positive=self.wishes.positive, query=query
        )
        self.notes += task.notes
        roles = [name for name in (target, query, time, *self.main.facts.key) if name]
        self.progress("looking for columns that are too good")
        self._mark_suspicious(target, task, roles)
        relations, said = (
            relations_of(self.bench, list(self.tables.values()), self.name_of_main)
            if len(self.tables) > 1
            else ([], [])
        )
        if time is None:
            time, dated = event_time_of(self.main, [target, *([query] if query else [])])
            begins = self._begins(time, relations)
            self.notes += [begins] if begins else dated
            time = None if begins else time
        self.notes += said
        key = self.main.facts.key[0] if len(self.main.facts.key) == 1 else None
        group = self._group(target, entity, key, time, query)
        joined = any(self.name_of_main in (relation.child, relation.parent) for relation in relations)
        shape: Shape = "ranking" if task.task == "ranking" else "related" if joined else "flat"
        finished = self._finished(shape, task, target, key, time, group=group, query=query)
        return replace(finished, relations=tuple(relations))

    def _begins(self, time: str | None, relations: Sequence[Relation]) -> Note | None:
        """What to say where the main table's date is when something began, so that what belongs to a row comes after it."""
        for relation in relations:
            child = self.tables[relation.child]
            theirs = event_time_of(child, ())[0] if relation.parent == self.name_of_main else None
            if time is None or theirs is None:
                continue
            before = share_before(self.bench, child, relation, self.main, (theirs, time))
            if before < _LEAST_BEFORE:
                header = self.main.facts.column(time).header
                return Note(
                    header, f"when something began, not when a row is judged: all rows of {relation.child} count, whenever they happened",
                    f"only {before:.0%} of them lie before it; make sure that none is later than the outcome", doubt=True, answered_by=f"--time {header}",
                )  # fmt: skip
        return None

    def _query(self, target: str) -> str | None:
        if self.wishes.query is not None:
            return self.column(self.wishes.query, "query")
        column = self.main.facts.column(target)
        graded = (
            column.type == "integer"
            and 2 <= column.distinct <= _MOST_GRADE + 1
            and isinstance(column.low, int)
            and column.low >= 0
        )
        if self.wishes.task not in (None, "ranking") or not graded:
            return None
        for candidate in self.main.facts.columns:
            if "_".join(plain_words(candidate.header)) in _QUERY_NAMES and candidate.distinct < candidate.rows:
                self._say(
                    candidate.header,
                    "rows of one value are ranked together",
                    "its header says so, and the target is a small grade",
                    doubt=True,
                    flag="--query",
                )
                return candidate.name
        return None

    def _mark_suspicious(self, target: str, task: TaskFacts, roles: list[str]) -> None:
        keep = [column_named(said, self.main.facts, "keep") for said in self.wishes.keep]
        columns = [
            c
            for c in self.main.facts.columns
            if c.name not in (*roles, *keep) and not c.free_text and not c.id_like and c.distinct > 0
        ]
        goal = TargetOf(
            self.main.facts.column(target), task.task if task.task != "ranking" else "regression", task.positive
        )
        found = too_good(self.bench, self.main, goal, columns)
        for name, why in found.items():
            header = self.main.facts.column(name).header
            self._say(
                header,
                "left out: too good to be true",
                f"{why}; probably it is known only afterwards",
                doubt=True,
                flag=f"--keep {header}",
            )
        self._replace_columns(
            {name: replace(self.main.facts.column(name), suspicious=why) for name, why in found.items()}
        )

    def _replace_columns(self, changed: dict[str, ColumnFacts]) -> None:
        facts = self.main.facts
        columns = tuple(changed.get(column.name, column) for column in facts.columns)
        self.tables[self.name_of_main] = replace(self.main, facts=replace(facts, columns=columns))

    def _group(
        self, target: str, entity: str | None, key: str | None, time: str | None, query: str | None
    ) -> str | None:
        wished = self.column(self.wishes.group, "group")
        if wished is not None:
            self._say(wished, "rows of one value stay together in the split", "as wished")
            return wished
        if entity is not None and entity != key:
            why = "as the entity, it has several rows, so it does not name one"
            self._say(
                entity,
                "rows of one value stay together in the split",
                why,
                doubt=True,
                flag="--horizon" if time else "--group",
            )
            return entity
        if time is not None or query is not None:
            return None
        group, said = group_of(self.main, [name for name in (target, key) if name])
        self.notes += said
        return group

    def _say_incomplete(self, entity: str, time: str) -> None:
        for name in (entity, time):
            column = self.main.facts.column(name)
            if column.missing:
                self._say(
                    column.header,
                    f"missing in {column.missing_share:.1%} of the rows",
                    "such rows belong to no history and are not counted",
                    doubt=True,
                )

    def _finished(
        self, shape: Shape, task: TaskFacts, target: str | None, entity: str | None, time: str | None, *, group: str | None = None,
        query: str | None = None, horizon_days: int | None = None,
    ) -> Understanding:  # fmt: skip
        for name, table in self.tables.items():
            when = time if name == self.name_of_main else event_time_of(table, ())[0]
            self.tables[name] = replace(table, facts=replace(table.facts, event_time=when))
        keep = [column_named(said, self.main.facts, "keep") for said in self.wishes.keep]
        sensitive = tuple(column_named(said, self.main.facts, "sensitive") for said in self.wishes.sensitive)
        roles = {
            name: role
            for name, role in (
                (entity, "names the entity"),
                (time, "the event time"),
                (query, "names the query"),
                (group, "names the group"),
            )
            if name
        }
        left_out, said = left_out_of(self.main.facts, target, roles, keep, needs_features=shape in ("flat", "ranking"))
        self.notes += said
        return Understanding(
            self.wishes.name, shape, task.task, tuple(table.facts for table in self.tables.values()), self.name_of_main, target, task.positive, task.classes,
            entity, time, group, query, sensitive, horizon_days, left_out=left_out, notes=tuple(dict.fromkeys(self.notes)),
        )  # fmt: skip

    def _say(self, subject: str, said: str, because: str, *, doubt: bool = False, flag: str = "") -> None:
        self.notes.append(Note(subject, said, because, doubt, flag))


def _main_and_target(tables: list[Examined], wishes: Wishes) -> tuple[str, str | None]:
    """The table whose rows are examples or events, and the target's column in it."""
    named = {table.facts.name: table.facts for table in tables}
    if wishes.target is None:
        fitting = [
            name for name, facts in named.items()
            if all(said is None or column_meant(said, facts) for said in (wishes.entity, wishes.time))
        ]  # fmt: skip
        if len(named) > 1 and (len(fitting) != 1 or wishes.entity is None):
            raise UnderstandingError(
                "of several tables, one has to hold the target",
                expected="--target COLUMN",
                got=f"tables {', '.join(named)}",
                remedy="name the column to predict",
            )
        return (fitting or list(named))[0], None
    table, _, rest = wishes.target.partition(".")
    if rest and table in named and column_meant(rest, named[table]):
        return table, column_meant(rest, named[table])
    found = {name: meant for name, facts in named.items() if (meant := column_meant(wishes.target, facts)) is not None}
    if not found:
        raise unknown_column(wishes.target, named.values(), "target")
    if len(found) > 1:
        with_roles = [
            name
            for name in found
            if all(
                said is None or column_meant(said, named[name]) for said in (wishes.entity, wishes.time, wishes.query)
            )
        ]
        if len(with_roles) != 1:
            raise UnderstandingError(
                f"several tables have a column {wishes.target}", expected="one table with the target", got=", ".join(found),
                remedy=f"name it with its table: --target {next(iter(found))}.{wishes.target}",
            )  # fmt: skip
        return with_roles[0], found[with_roles[0]]
    return next(iter(found.items()))
