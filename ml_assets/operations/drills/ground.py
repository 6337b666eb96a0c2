"""The drill ground: scratch states, the steps of time through held-back files, and what a state says at an instant."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ml_assets.errors import MlAssetsError
from ml_assets.graph.compile import Graph
from ml_assets.graph.plan import out_of_date
from ml_assets.graph.run import run_graph
from ml_assets.graph.verdict import PartitionChoice, verdict_on
from ml_assets.operations.drills.subject import DatedFile, Subject
from ml_assets.operations.incident_book import incidents_where
from ml_assets.operations.incidents import update
from ml_assets.operations.signals import QUICK, THOROUGH, Kind, Signal
from ml_assets.operations.watch import Watch
from ml_assets.specs.profiles import ProfileSpec
from ml_assets.warehouse.asset import Progress, RunContext, TableAsset
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.manifest import whole_manifest
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.store import EngineSettings, Warehouse

# What runs leave out after the baseline: training again would hide what the champion of before does with new data.
_TRAINS = ("training", "evaluation")
_COMPARED = ("raw", "staging", "features", "labels", "scores")


@dataclass(frozen=True)
class Step:
    """An instant to which the clock is moved, and the files that arrive with it."""

    clock: datetime
    files: tuple[DatedFile, ...]


@dataclass(frozen=True)
class Sign:
    """One thing that complained: a check, a refusal, a failure. `code` is the check's or the error's."""

    code: str
    name: str
    asset: str
    partition: str
    severity: str
    summary: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What tells it from others, whatever its figures."""
        return self.code, self.name, self.asset, self.partition


@dataclass(frozen=True)
class Setting:
    """What all states of one drill share: the project, its declarations, the machine's limits, and how to speak."""

    project_root: Path
    graph: Graph
    sql_root: Path
    engine: EngineSettings
    package_version: str
    subject: Subject
    originals: Path
    known: str = ""
    profile: ProfileSpec = field(default_factory=ProfileSpec)
    progress: Progress = field(default=lambda _label, _done, _total: None)


class Track:
    """One scratch state and its clock."""

    def __init__(self, setting: Setting, home: Home, clock: datetime) -> None:
        self.setting, self.home = setting, home
        self.said: list[str] = []
        self.problem: MlAssetsError | None = None
        self.set_clock(clock)

    def set_clock(self, clock: datetime) -> None:
        """Let it be `clock` for every process that works on this state."""
        self.clock = clock
        self.home.root.mkdir(parents=True, exist_ok=True)
        self.home.replay_file.write_text(clock.isoformat() + "\n", encoding="utf-8")

    def copied_to(self, folder: Path) -> Track:
        """The same state, to be harmed."""
        shutil.copytree(
            self.home.root, folder, ignore=shutil.ignore_patterns("scratch", "warehouse.lock", "warehouse.gate")
        )
        return Track(self.setting, Home(folder), self.clock)

    def context(self, deadline_seconds: float | None = None) -> RunContext:
        """What a step gets on this state."""
        engine = self.setting.engine
        if deadline_seconds is not None:
            engine = replace(engine, deadline_seconds=deadline_seconds)
        warehouse = Warehouse(self.home.warehouse, self.home.scratch, engine)
        return RunContext(
            warehouse, self.home, self.setting.sql_root, self.clock, self.setting.package_version, log=self.said.append
        )

    def landing(self, file: DatedFile) -> Path:
        """Where a file of a table arrives."""
        return self.home.landing(self.setting.graph[file.table].use_case) / file.file

    def original(self, file: DatedFile) -> Path:
        """The file as it was at its source."""
        return self.setting.originals / self.setting.graph[file.table].use_case / file.file

    def land(self, file: DatedFile) -> Path:
        """Put a file there as it was at its source; its path."""
        path = self.landing(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.tmp")
        shutil.copyfile(self.original(file), unfinished)
        unfinished.replace(path)
        return path

    def run(self, *, train: bool = False, deadline_seconds: float | None = None) -> list[Sign]:
        """Make what is out of date; what failed, as signs. Without `train` the versions stay what they are."""
        assets = [asset for asset in self.setting.graph if train or not trains(asset)]
        context = replace(self.context(deadline_seconds), retrain=train)
        try:
            report = run_graph(context, assets)
        except MlAssetsError as problem:
            if deadline_seconds is not None:
                self.problem = problem
            return [Sign(problem.code, "run", "", "", "error", str(problem))]
        return [
            Sign(self._code_of(asset), "making_it_succeeds", asset, "", "error", message)
            for asset, message in report.failures.items()
        ]

    def _code_of(self, asset: str) -> str:
        with self.context().warehouse.reading() as bench:
            facts = bench.value(
                "select facts ->> '$.error' from wh.ops.steps where asset = ? and status = 'failed' order by started_at desc limit 1",
                [asset],
            )
        return str(facts) if facts else "FAILED"

    def day(self, *, check: bool = False) -> list[Sign]:
        """What the work of a day finds: a run, then a look at the incidents, as `ml-assets run` takes it. With `check` the
        tables of the data are judged again in between, as runbooks ask for at their end."""
        failed = self.run()
        if check:
            self.judged(lambda asset: asset.name.schema in ("raw", "staging"))
        self.notice(QUICK)
        return [*failed, *self.signs()]

    def notice(self, kinds: frozenset[Kind] = THOROUGH) -> None:
        """Bring this state's incidents up to date; nobody is told."""
        update(self.watch(), kinds)

    def watch(self) -> Watch:
        """The state as operations look at it."""
        return Watch(self.context(), self.setting.graph, self.setting.profile)

    def signs(self) -> list[Sign]:
        """What the lasting incidents are made of, and landing files that repeat others. A check counts as it does for people:
        a monitor's only while no later snapshot is better."""
        with self.context().warehouse.reading() as bench:
            copies = bench.rows("select asset, file, reason from wh.ops.files where status = 'copy' order by all")
            lasting = incidents_where(bench, "status <> 'closed'")
        return [
            *(Sign(one.code or one.name, one.name, one.asset, "", one.severity, one.summary)
              for incident in lasting for one in incident.signals if not self._waits(one)),
            *(Sign("COPY", "file_is_known_by_content", asset, file, "info", reason) for asset, file, reason in copies),
        ]  # fmt: skip

    def _waits(self, signal: Signal) -> bool:
        """Whether it only says that no new version is trained while a drill walks."""
        asset = self.watch().asset(signal.asset)
        return signal.kind in ("stale", "request") and asset is not None and trains(asset)

    def unfinished(self) -> list[Sign]:
        """What a run would make now."""
        context = self.context()
        with context.warehouse.reading() as bench:
            stale = out_of_date(bench, context, [asset for asset in self.setting.graph if not trains(asset)])
        return [
            Sign("UNFINISHED", "out_of_date", asset, key, "error", why)
            for asset, keys in stale.items() for key, why in keys.items()
        ]  # fmt: skip

    def judged(self, only: Callable[[TableAsset], bool] = lambda _asset: True) -> list[Sign]:
        """What `ml-assets check` says of the newest snapshot of everything, as the nightly round does."""
        assets = [asset for asset in self.setting.graph if only(asset)]
        verdict = verdict_on(self.context(), self.setting.graph, assets, PartitionChoice())
        return [
            Sign(outcome.code, outcome.check, outcome.asset, "", outcome.severity, outcome.summary)
            for outcome in verdict.of("error", "failed", "warned")
        ]

    def contents(self) -> dict[tuple[str, str], str]:
        """(asset, partition) → row count and hash of the data itself; monitors and books have a history and are left out."""
        with self.context().warehouse.reading() as bench:
            manifest = whole_manifest(bench)
        return {
            (asset, key): row.content
            for asset, rows in manifest.items() if asset.partition(".")[0] in _COMPARED
            for key, row in rows.items()
        }  # fmt: skip

    def good_rows(self, before: datetime) -> tuple[int, str]:
        """Count and hash of the rows of the harmed table with events before an instant, by their declared columns."""
        table = self.setting.subject.table
        columns = ", ".join(quoted(name) for name in table.spec.contract.columns)
        with self.context().warehouse.reading() as bench:
            count, total = bench.rows(
                f'select count(*), coalesce(sum(hash({columns})), 0)::varchar from {table.name.quoted} where "{table.spec.event_time}" < ?',
                [before.astimezone(UTC).replace(tzinfo=None)],
            )[0]
        return int(count), str(total)

    def remove(self) -> None:
        """The state is not needed any more."""
        shutil.rmtree(self.home.root, ignore_errors=True)


def trains(asset: TableAsset) -> bool:
    """Whether a run makes new versions by it; what monitors keep of versions is no version."""
    champion = asset.name.schema == "models" and not asset.name.table.endswith("__reference")
    return asset.name.schema in _TRAINS or champion


def day_steps(files: Sequence[DatedFile], days: int) -> list[Step]:
    """The newest `days` days on which files end: the clock at the midnight after each, with the files of that day."""
    by_day: dict[datetime, list[DatedFile]] = {}
    for file in files:
        midnight = file.last.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        by_day.setdefault(midnight, []).append(file)
    return [Step(clock, tuple(by_day[clock])) for clock in sorted(by_day)[-days:]]


def week_steps(files: Sequence[DatedFile], end: datetime, weeks: int) -> list[Step]:
    """`weeks` steps of seven days up to `end`, each with the files whose last event lies in it."""
    clocks = [end - timedelta(weeks=weeks - 1 - number) for number in range(weeks)]
    return [
        Step(clock, tuple(file for file in files if clock - timedelta(weeks=1) <= file.last < clock))
        for clock in clocks
    ]


def all_files(files: Mapping[TableName, Sequence[DatedFile]]) -> list[DatedFile]:
    """The files of all tables, oldest first."""
    return sorted(
        (file for dated in files.values() for file in dated), key=lambda file: (file.last, str(file.table), file.file)
    )
