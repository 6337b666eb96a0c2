"""The baseline of a drill: the state without its newest days, and what an undisturbed run says of each further step."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from ml_assets.errors import DrillError
from ml_assets.operations.backup import inventory_of
from ml_assets.operations.containers import require_room
from ml_assets.operations.drills.ground import (
    Setting,
    Sign,
    Step,
    Track,
    all_files,
    day_steps,
    week_steps,
)
from ml_assets.operations.drills.subject import DatedFile
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.names import literal, quoted

DAYS, LEAST_WEEKS, WEEKS_AFTER_OUTCOME = 4, 4, 3
# A drill keeps a baseline or two, the control and one harmed state at a time, beside the files.
_COPIES = 5


@dataclass(frozen=True)
class ControlPoint:
    """What an undisturbed state says after one step: which signs there are anyway, and what the data is."""

    keys: frozenset[tuple[str, str, str, str]]
    contents: dict[tuple[str, str], str]


@dataclass(frozen=True)
class Leg:
    """A baseline, the steps that follow it, and the control of each."""

    base: Track
    steps: Sequence[Step]
    control: Sequence[ControlPoint]

    @property
    def first_event(self) -> datetime:
        """The first event of what is held back; files of several days begin before the baseline's clock."""
        return min([self.base.clock, *(file.first for step in self.steps for file in step.files)])


@dataclass(frozen=True)
class Prepared:
    """The legs that were asked for; why there is none for weeks where there is none."""

    setting: Setting
    day: Leg
    week: Leg | None
    why_no_week: str
    baseline_rows: int


def weeks_of(setting: Setting) -> int:
    """How many weeks are held back: until the outcome of the first of them is known, and a little longer."""
    return max(LEAST_WEEKS, setting.subject.horizon_weeks + WEEKS_AFTER_OUTCOME)


def prepare(setting: Setting, work: Path, *, weeks: bool) -> Prepared:
    """Build the baseline from the landing files alone, and let the control walk through what is held back.

    Raises `DrillError` when the baseline itself cannot be made.
    """
    files = all_files(setting.subject.files)
    days = day_steps([file for file in files if file.table == setting.subject.table.name], DAYS)
    first_day = days[0].clock - timedelta(days=1)
    others = [file for file in files if file.table != setting.subject.table.name]
    days = [replace(step, files=(*step.files, *_arriving(others, days, number))) for number, step in enumerate(days)]
    why = _why_no_week(setting) if weeks else "not asked for"
    if why:
        base = _baseline(setting, Home(work / "base"), first_day)
        week = None
    else:
        count = weeks_of(setting)
        first_week = first_day - timedelta(weeks=count)
        begin = _baseline(setting, Home(work / "base-week"), first_week)
        steps = week_steps(files, first_day, count)
        control = begin.copied_to(work / "base")
        week = Leg(begin, steps, _walk(control, steps, "control, weeks"))
        base = control
    rows = _known_entities(base, Path(setting.known))
    walker = base.copied_to(work / "control")
    day = Leg(base, days, _walk(walker, days, "control, days"))
    walker.remove()
    return Prepared(setting, day, week, why, rows)


def room_for(home: Home) -> None:
    """Raise `BackupError` when the disk has no room for the copies of a drill."""
    require_room(home.root.parent, _COPIES * inventory_of(home).bytes, "the copies of a drill")


def _arriving(others: Sequence[DatedFile], days: Sequence[Step], number: int) -> list[DatedFile]:
    begin = days[number - 1].clock if number else days[0].clock - timedelta(days=1)
    return [file for file in others if begin <= file.last < days[number].clock]


def _why_no_week(setting: Setting) -> str:
    subject = setting.subject
    if subject.model is None or subject.scores is None:
        return subject.why_no_model or "nothing scores with its model"
    needed = timedelta(weeks=2 * weeks_of(setting))
    dated = subject.files[subject.table.name]
    if dated[-1].last - dated[0].first < needed:
        return f"the files span less than {needed.days} days"
    return ""


def _baseline(setting: Setting, home: Home, clock: datetime) -> Track:
    """A state made from nothing but the landing files that were there at `clock`."""
    track = Track(setting, home, clock)
    later = {track.original(file) for file in all_files(setting.subject.files) if file.last >= clock}
    for path in setting.originals.rglob("*"):
        if path.is_file() and path not in later:
            target = home.root / "landing" / path.relative_to(setting.originals)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    setting.progress("baseline", 0, 1)
    failed = track.run(train=True)
    setting.progress("baseline", 1, 1)
    if failed:
        raise DrillError(
            f"the baseline of {clock:%Y-%m-%d} cannot be made", expected="a run without failures on the files of before that day",
            got=f"{len(failed)} failures", examples=[f"{sign.asset}: {sign.summary}" for sign in failed],
            remedy="hold the drill on a project that runs well, or on the demonstration shop: --demo",
        )  # fmt: skip
    track.notice()
    return track


def _walk(track: Track, steps: Sequence[Step], label: str) -> list[ControlPoint]:
    """Let everything arrive in time and unharmed; what is said after each step."""
    points = []
    for number, step in enumerate(steps):
        track.set_clock(step.clock)
        for file in step.files:
            track.land(file)
        signs = track.day()
        points.append(ControlPoint(keys_of(signs), track.contents()))
        track.setting.progress(label, number + 1, len(steps))
    return points


def keys_of(signs: Sequence[Sign]) -> frozenset[tuple[str, str, str, str]]:
    """What tells these signs from others."""
    return frozenset(sign.key for sign in signs)


def _known_entities(track: Track, target: Path) -> int:
    """Write the entities of the baseline where faults may draw from them; the rows of the harmed table."""
    subject = track.setting.subject
    with track.context().warehouse.reading() as bench:
        if subject.entity is not None:
            name = quoted(subject.entity)
            bench.execute(
                f"copy (select distinct {name} as id from {subject.table.name.quoted} where {name} is not null order by 1) "
                f"to {literal(str(target))} (format parquet)"
            )
        return int(bench.value(f"select count(*) from {subject.table.name.quoted}"))
