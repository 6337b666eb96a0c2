"""Faults of processes, of the warehouse's own tables and of the registry: how each is done, seen and put right."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from ml_assets.errors import MlAssetsError
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.operations.backup import back_up
from ml_assets.operations.drills.ground import Sign, Track
from ml_assets.operations.drills.prepare import ControlPoint, Leg, keys_of
from ml_assets.operations.drills.processes import killed_in_the_middle, lock_holder, note_trouble, run_with_small_disk
from ml_assets.operations.drills.subject import Subject
from ml_assets.operations.restore import restore
from ml_assets.registry.actions import Registrar
from ml_assets.registry.replay import replay_version
from ml_assets.training.versions import stored_version
from ml_assets.warehouse.aliases import CHAMPION, version_at
from ml_assets.warehouse.manifest import naive_utc
from ml_assets.warehouse.names import TableName

# What a drill borrows from above: how many runs the landing sensor of a table asks for on a state, and what it says.
SensorAsks = Callable[[RawTableAsset, Path, datetime], tuple[int, str]]
_DISK = re.compile(r"no space left|file too large|disk full|could not write|errno 2[78]", re.IGNORECASE)
_SECONDS_OF_PATIENCE = 1.0
_AGED, _AHEAD = timedelta(days=200), timedelta(days=30)


@dataclass
class Harm:
    """One special fault under way. `point` is what the state said before; `stepped`: the next day's files have come."""

    track: Track
    leg: Leg
    work: Path
    sensor: SensorAsks | None = None
    began_at: datetime | None = None
    stepped: bool = False
    process: subprocess.Popen[str] | None = None
    # Schemas that the way back itself changes: a new version scores otherwise.
    unlike: tuple[str, ...] = ()
    point: ControlPoint = field(init=False)

    def __post_init__(self) -> None:
        self.began_at = self.track.clock
        self.point = ControlPoint(keys_of(self.looked_at()), self.track.contents())

    @property
    def model(self) -> str:
        """The model whose champion is harmed."""
        found = self.track.setting.subject.model
        assert found is not None
        return found.spec.name

    def step(self) -> None:
        """Let the next day come."""
        step = self.leg.steps[0]
        self.track.set_clock(step.clock)
        for file in step.files:
            self.track.land(file)
        self.began_at, self.stepped = step.clock, True

    def new(self, signs: list[Sign]) -> list[Sign]:
        """Those that were not there before."""
        known = self.point.keys | (self.leg.control[0].keys if self.stepped else frozenset())
        return [sign for sign in signs if sign.key not in known]

    def looked_at(self) -> list[Sign]:
        """What the nightly check says, and a thorough look at the incidents after it."""
        judged = self.track.judged()
        self.track.notice()
        return [*self.track.signs(), *judged]

    @property
    def backup(self) -> Path:
        """Where the state was backed up to before it was harmed."""
        return self.work / f"{self.track.home.root.name}.backup.tar"

    def save(self) -> None:
        """Back the state up, as every night."""
        back_up(self.track.context(), list(self.track.setting.graph), self.backup)

    def restore(self) -> None:
        """The runbook's step; what stood there is moved aside and, in a drill, then removed."""
        clock = self.track.clock
        report = restore(self.backup, self.track.home, replace=True, progress=self.track.setting.progress)
        if report.moved_aside is not None:
            Track(self.track.setting, replace(self.track.home, root=report.moved_aside), clock).remove()
        self.track.set_clock(clock)

    def end(self) -> None:
        """Whatever happened: no process and no backup is left."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
        self.backup.unlink(missing_ok=True)


@dataclass(frozen=True)
class Special:
    """`harm` does it and gathers what complains, `put_right` does what the runbook says."""

    harm: Callable[[Harm], list[Sign]]
    put_right: Callable[[Harm], None]
    missing: Callable[[Subject], str] = lambda _subject: ""
    # The warehouse cannot be written while it lasts: incidents are booked by the first look afterwards.
    told_afterwards: bool = False


def _needs_model(subject: Subject) -> str:
    return "" if subject.model is not None else subject.why_no_model


def _needs_labels(subject: Subject) -> str:
    return _needs_model(subject) or ("" if subject.labels is not None else "the label is a column of the source")


def _nothing(_harm: Harm) -> None:
    """The next run is the way back, and it is made anyway."""


def _killed(harm: Harm) -> list[Sign]:
    harm.step()
    code = killed_in_the_middle(harm.track)
    dead = Sign("KILLED", "exit_code", "", "", "error", f"the process ended with {code}")
    return [dead, *harm.track.unfinished()]


def _full_disk(harm: Harm) -> list[Sign]:
    harm.step()
    size = harm.track.home.warehouse.stat().st_size
    code, said = run_with_small_disk(harm.track, size // 2)
    line = next((line.strip() for line in said.splitlines() if _DISK.search(line)), "")
    if code == 0 or not line:
        return [Sign("RAN", "exit_code", "", "", "error", f"exit code {code}; {said[-300:]}")]
    full = Sign("DISK", "exit_code", "", "", "error", f"exit code {code}: {line}")
    return [full, *harm.new(harm.looked_at())]


def _locked(harm: Harm) -> list[Sign]:
    harm.step()
    harm.process = lock_holder(harm.track)
    signs = harm.track.run(deadline_seconds=_SECONDS_OF_PATIENCE)
    if harm.track.problem is not None:
        note_trouble(harm.track.watch(), harm.track.problem)
    return signs


def _release(harm: Harm) -> None:
    harm.end()
    harm.process = None


def _set_clock_ahead(harm: Harm) -> list[Sign]:
    """A run under it makes labels and snapshots before their time, of rows that are not there yet."""
    harm.save()
    harm.step()
    harm.track.set_clock(harm.track.clock + _AHEAD)
    signs = harm.new([*harm.track.run(), *harm.looked_at()])
    harm.track.set_clock(harm.leg.steps[0].clock)
    return signs


def _back_to_the_evening_before(harm: Harm) -> None:
    harm.restore()
    harm.step()


def _corrupt_model(harm: Harm) -> list[Sign]:
    harm.save()
    with harm.track.context().warehouse.committing() as bench:
        table = TableName("models", harm.model).quoted
        version = version_at(bench, harm.model, CHAMPION)
        stored = stored_version(bench, harm.model, version)
        name = max(stored.files, key=lambda file: len(stored.files[file]))
        text = stored.files[name]
        place = next(index for index in range(len(text) // 2, len(text)) if text[index].isdigit())
        changed = stored.files | {name: text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]}
        bench.execute(
            f"update {table} set files = map(?, ?) where version = ?", [list(changed), list(changed.values()), version]
        )
    return harm.new(harm.looked_at())


def _flip_labels(harm: Harm) -> list[Sign]:
    harm.save()
    table = TableName("labels", harm.model).quoted
    with harm.track.context().warehouse.committing() as bench:
        newest = [row[0] for row in bench.rows(f"select distinct snapshot from {table} order by 1 desc limit 4")]
        bench.execute(f"update {table} set label = 1 - label where snapshot in (select unnest(?))", [newest])
    return harm.new([*harm.track.run(), *harm.looked_at()])


def _promote_behind_its_back(harm: Harm) -> list[Sign]:
    """A copy of the champion with another learning history: nobody judged it."""
    with harm.track.context().warehouse.committing() as bench:
        table = TableName("models", harm.model).quoted
        newest = bench.value(f"select max(version) from {table}")
        bench.execute(
            f"insert into {table} by name select * replace ((version + 1)::integer as version, sha256(package_sha256) as package_sha256) "
            f"from {table} where version = ?",
            [newest],
        )
        bench.execute(
            "insert into wh.ops.aliases values (?, ?, ?, ?, ?, ?)",
            [harm.model, CHAMPION, newest + 1, naive_utc(harm.track.clock), "somebody", "it looked fine"],
        )
    harm.step()
    return harm.new([*harm.track.run(), *harm.looked_at()])


def _roll_back(harm: Harm) -> None:
    model = harm.track.setting.subject.model
    assert model is not None
    Registrar(harm.track.context(), model, "drill", "never judged").rollback()


def _age(harm: Harm) -> list[Sign]:
    with harm.track.context().warehouse.committing() as bench:
        table = TableName("models", harm.model).quoted
        bench.execute(f"update {table} set trained_at = trained_at - interval {_AGED.days} day")
    return harm.new(harm.looked_at())


def _retrain(harm: Harm) -> None:
    """With what a week has brought: equal rows are not trained on twice."""
    harm.step()
    harm.unlike = ("scores",)
    harm.track.run(train=True)


def _damage_archive(harm: Harm) -> list[Sign]:
    harm.save()
    path = next(iter(sorted((harm.track.home.root / "training" / harm.model).glob("*.parquet"))))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    context = harm.track.context()
    model = harm.track.setting.subject.model
    assert model is not None
    with context.warehouse.reading() as bench:
        version = version_at(bench, harm.model, CHAMPION)
    try:
        replay_version(context, model.spec, int(version or 0))
    except MlAssetsError as problem:
        return [Sign(problem.code, "replay", str(model.name), "", "error", str(problem))]
    return []


def _forget_dagster(harm: Harm) -> None:
    shutil.rmtree(harm.track.home.dagster, ignore_errors=True)


def _lose_cursor(harm: Harm) -> list[Sign]:
    """The sensor asks for what is new, and after Dagster has lost everything it asks for no more and no less."""
    harm.step()
    found = [_asked(harm)]
    _forget_dagster(harm)
    found.append(_asked(harm))
    harm.track.run()
    _forget_dagster(harm)
    found.append(_asked(harm))
    said = found[-1][1]
    if [count for count, _ in found] != [1, 1, 0]:
        return [Sign("ASKED", "landing_sensor", "", "", "error", f"runs asked for: {found}")]
    table = str(harm.track.setting.subject.table.name)
    return [
        Sign(
            "SENSOR",
            "landing_sensor_compares_state",
            table,
            "",
            "info",
            f"one run before and after the loss, then: {said}",
        )
    ]


def _asked(harm: Harm) -> tuple[int, str]:
    assert harm.sensor is not None
    return harm.sensor(harm.track.setting.subject.table, harm.track.home.root, harm.track.clock)


SPECIAL: Mapping[str, Special] = {
    "run_killed": Special(_killed, _nothing),
    "disk_full": Special(_full_disk, _nothing),
    "clock_skew": Special(_set_clock_ahead, _back_to_the_evening_before),
    "warehouse_locked": Special(_locked, _release, told_afterwards=True),
    "model_corrupted": Special(_corrupt_model, Harm.restore, _needs_model),
    "label_flip": Special(_flip_labels, Harm.restore, _needs_labels),
    "bad_promotion": Special(_promote_behind_its_back, _roll_back, _needs_model),
    "champion_stale": Special(_age, _retrain, _needs_model),
    "archive_damaged": Special(_damage_archive, Harm.restore, _needs_model),
    "cursor_lost": Special(_lose_cursor, _nothing),
}
