"""Faults of landing files: how each is done to the files of a step, and how it is undone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ml_assets.operations.drills.ground import Step, Track
from ml_assets.operations.drills.rewriting import Columns, Rewrite, rewritten
from ml_assets.operations.drills.subject import DatedFile, Subject
from ml_assets.warehouse.names import quoted


@dataclass
class Injection:
    """A fault under way on one state. `began_at` is the first bad event, or the instant at which something was due."""

    track: Track
    began_at: datetime | None = None
    harmed: dict[Path, DatedFile] = field(default_factory=dict)
    added: list[Path] = field(default_factory=list)
    waiting: list[DatedFile] = field(default_factory=list)

    @property
    def subject(self) -> Subject:
        return self.track.setting.subject

    def begins(self, moment: datetime) -> None:
        """Something is wrong since `moment`; only the first one counts."""
        self.began_at = moment if self.began_at is None else min(self.began_at, moment)

    def own(self, step: Step) -> list[DatedFile]:
        """The step's files of the table that is harmed; those of others arrive as they are."""
        for file in step.files:
            if file.table != self.subject.table.name:
                self.track.land(file)
        return [file for file in step.files if file.table == self.subject.table.name]

    def rewrite(self, file: DatedFile, rewrite: Rewrite, known: str = "") -> None:
        """Let a file arrive harmed."""
        path = self.track.land(file)
        rewritten(path, self.subject.spec, rewrite, known)
        self.harmed[path] = file
        self.begins(file.first)

    def put_right(self) -> None:
        """What the runbooks ask of the source: the correct file under the same name, what is missing, nothing else."""
        for file in [*self.harmed.values(), *self.waiting]:
            self.track.land(file)
        for path in self.added:
            path.unlink(missing_ok=True)
        self.waiting.clear()


Arrival = Callable[[Injection, Step, int], None]
Reason = Callable[[Subject], str]


@dataclass(frozen=True)
class FileFault:
    """`arrive` lets the files of step number n (from 0) come in; `missing` says why a project has nothing to harm so."""

    arrive: Arrival
    missing: Reason = lambda _subject: ""


def _measured(subject: Subject) -> str:
    return "" if subject.measure else "the table declares no number besides keys and times"


def _entity_known(subject: Subject) -> str:
    return "" if subject.entity else subject.why_no_model or "the model's entity is no column of the table"


def _every(rewrite: Callable[[Subject, int], Rewrite], *, once: bool) -> Arrival:
    """Rewrite the table's files of the first step, or of every step."""

    def arrive(injection: Injection, step: Step, number: int) -> None:
        for file in injection.own(step):
            if number and once:
                injection.track.land(file)
            else:
                injection.rewrite(file, rewrite(injection.subject, number), injection.track.setting.known)

    return arrive


def _column(subject: Subject) -> str:
    return subject.measure or next(name for name in subject.spec.contract.columns if name != subject.spec.event_time)


def _renamed(subject: Subject, _number: int) -> Rewrite:
    name = subject.source_of(_column(subject))
    return lambda _columns: f"select * rename ({quoted(name)} as {quoted(f'{name}_2')}) from arrived"


def _dropped(subject: Subject, _number: int) -> Rewrite:
    return lambda columns: f"select * exclude ({columns.source(_column(subject))}) from arrived"


def _retyped(subject: Subject, _number: int) -> Rewrite:
    def sql(columns: Columns) -> str:
        name = columns.source(_column(subject))
        return f"select * replace (cast({name} as varchar) || ' units' as {name}) from arrived"

    return sql


def _nulled(subject: Subject, _number: int) -> Rewrite:
    def sql(columns: Columns) -> str:
        name = columns.source(str(subject.nullable))
        return f"select * replace (case when hash(_n) % 100 < 87 then null else {name} end as {name}) from arrived"

    return sql


def _scaled(factor: str, share: int) -> Callable[[Subject, int], Rewrite]:
    """Values times a factor (SQL; `{n}` is the number of the step) in `share` percent of the rows."""

    def of(subject: Subject, number: int) -> Rewrite:
        def sql(columns: Columns) -> str:
            column = str(subject.measure)
            name = columns.source(column)
            scaled = columns.written(column, f"{columns.number(column)} * ({factor.format(n=number + 1)})")
            return f"select * replace (case when hash(_n) % 100 < {share} then {scaled} else {name} end as {name}) from arrived"

        return sql

    return of


def _tripled(_subject: Subject, _number: int) -> Rewrite:
    return lambda _columns: "select arrived.* from arrived, range(3)"


def _a_year_ahead(subject: Subject, _number: int) -> Rewrite:
    def sql(columns: Columns) -> str:
        event = str(subject.spec.event_time)
        name = columns.source(event)
        return (
            f"select * replace (case when _n % 2 = 0 then {columns.moment(event, 'interval 1 year')} else {name} end as {name}) "
            "from arrived"
        )

    return sql


def _other_entity(subject: Subject, _number: int) -> Rewrite:
    """Half of the known entities become new ones, each always the same."""

    def sql(columns: Columns) -> str:
        name = columns.source(str(subject.entity))
        integer = subject.spec.contract.columns[str(subject.entity)].type == "integer"
        whole = f"cast(cast({name} as double) as bigint)"
        new = f"{whole} + (select max(id) from known)" if integer else f"{name} || '-2'"
        new = f"cast({new} as varchar)" if columns.is_text else new
        key = f"{whole}" if integer else name
        return f"select * replace (case when hash({key}) % 2 = 0 and {name} is not null then {new} else {name} end as {name}) from arrived"

    return sql


def _any_entity(subject: Subject, number: int) -> Rewrite:
    """Every entity of a file becomes another known one, by chance."""

    def sql(columns: Columns) -> str:
        name = columns.source(str(subject.entity))
        integer = subject.spec.contract.columns[str(subject.entity)].type == "integer"
        key = f"cast(cast({name} as double) as bigint)" if integer else name
        drawn = "list_extract((select list(id order by id) from known), "
        drawn += f"cast(hash({key}, {number}) % (select count(*) from known) as bigint) + 1)"
        drawn = f"cast({drawn} as varchar)" if columns.is_text else drawn
        return f"select * replace (case when {name} is null then null else {drawn} end as {name}) from arrived"

    return sql


def _first_half(subject: Subject, _number: int) -> Rewrite:
    def sql(columns: Columns) -> str:
        name = columns.source(str(subject.entity))
        return f"select * from arrived where {name} is null or hash({name}) % 2 = 0"

    return sql


def _truncated(injection: Injection, step: Step, number: int) -> None:
    for file in injection.own(step):
        path = injection.track.land(file)
        if number == 0:
            data = path.read_bytes()
            path.write_bytes(data[: _middle_of_a_line(data, len(data) * 2 // 5)])
            injection.harmed[path] = file
            injection.begins(file.first)


def _middle_of_a_line(data: bytes, near: int) -> int:
    """A place near `near` that is inside a line, after its first field."""
    return data.find(b"\n", near) + 4 if data.find(b"\n", near) > 0 else near


def _repeated(injection: Injection, step: Step, number: int) -> None:
    for file in injection.own(step):
        path = injection.track.land(file)
        if number == 0:
            again = path.with_name(
                f"{path.name.partition('.')[0]}-again{path.name[len(path.name.partition('.')[0]) :]}"
            )
            shutil.copyfile(path, again)
            injection.added.append(again)
            injection.begins(file.first)


def _late(injection: Injection, step: Step, number: int) -> None:
    """The files of the first two steps come with those of the third."""
    injection.waiting += injection.own(step)
    injection.begins(step.clock)
    if number == 2:
        injection.put_right()


def _out_of_order(injection: Injection, step: Step, number: int) -> None:
    """The second step's files come first, those of the first a step later."""
    files = injection.own(step)
    if number == 0:
        injection.waiting += files
        injection.begins(step.clock)
        return
    for file in files:
        injection.track.land(file)
    if number == 2:
        injection.put_right()


def _stopped(injection: Injection, step: Step, _number: int) -> None:
    injection.waiting += injection.own(step)
    injection.begins(step.clock)


FILE_FAULTS: Mapping[str, FileFault] = {
    "column_renamed": FileFault(_every(_renamed, once=True)),
    "column_dropped": FileFault(_every(_dropped, once=True)),
    "column_retyped": FileFault(_every(_retyped, once=True), _measured),
    "null_spike": FileFault(_every(_nulled, once=True), lambda s: "" if s.nullable else "no column could be missing"),
    "unit_change": FileFault(_every(_scaled("100", 100), once=False), _measured),
    "currency_mix": FileFault(_every(_scaled("150", 33), once=False), _measured),
    "file_repeated": FileFault(_repeated),
    "file_truncated": FileFault(_truncated),
    "file_late": FileFault(_late),
    "file_future_dated": FileFault(_every(_a_year_ahead, once=True)),
    "files_out_of_order": FileFault(_out_of_order),
    "entities_duplicated": FileFault(_every(_tripled, once=True)),
    "upstream_stops": FileFault(_stopped),
    "label_delay": FileFault(_every(_first_half, once=False), _entity_known),
    "covariate_shift": FileFault(_every(_scaled("1.3 ** {n}", 100), once=False), _measured),
    "prior_shift": FileFault(_every(_other_entity, once=False), _entity_known),
    "concept_shift": FileFault(_every(_any_entity, once=False), _entity_known),
}
