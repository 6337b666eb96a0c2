"""`monitoring.<monitor>__days`: a table's days in figures, beside what is usual."""

from __future__ import annotations

from collections.abc import Sequence

from ml_assets.monitoring.days_checks import days_checks
from ml_assets.monitoring.days_picture import days_picture
from ml_assets.monitoring.days_stretches import unusual_stretches
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.specs.tables import RawTableSpec, SqlTableSpec
from ml_assets.warehouse.asset import RunContext, TableAsset
from ml_assets.warehouse.check import Check
from ml_assets.warehouse.computed import ComputedTable, Staged, whole_inputs
from ml_assets.warehouse.manifest import fingerprint
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench

SUFFIX = "days"


class DaysAsset(ComputedTable):
    """`monitoring.<name>__days`: grain (day, signal, column_name); unpartitioned.

    `signal` is what was looked at, `column_name` of which column ('' for the whole table); `value` stands beside `expected`,
    `low` and `high`, which come from earlier days alone and are null where the figure is told and not judged; `since` is the
    first day of the unusual stretch that the day is in. Days are those of the event time, in UTC.
    """

    imports = ("scipy.special",)

    def __init__(self, spec: MonitorSpec, watched: TableAsset, place: str, use_case: str) -> None:
        super().__init__(TableName("monitoring", f"{spec.name}__{SUFFIX}"), spec, place, use_case=use_case)
        self.spec: MonitorSpec = spec
        self.watched = watched

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.watched.name,)

    @property
    def logic(self) -> str:
        table = self._table
        looked_at = table.model_dump(mode="json", include={"event_time", "available_at", "calendar"})
        return fingerprint(
            "days/1", str(self.watched.name), looked_at, self.spec.false_alarms.model_dump(), sorted(self._hidden)
        )

    @property
    def _table(self) -> RawTableSpec | SqlTableSpec:
        spec = self.watched.spec
        assert isinstance(spec, RawTableSpec | SqlTableSpec)
        return spec

    @property
    def _hidden(self) -> frozenset[str]:
        """Columns of which only missing values are told: personal ones, and those that name rows: numbers run on."""
        spec = self._table
        columns = spec.contract.columns if isinstance(spec, RawTableSpec) else spec.columns
        return self.personal | set(spec.key) | {name for name, column in columns.items() if column.pii}

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        """The table, its landing files, and the day of the clock: a day may pass without any row."""
        found = whole_inputs(bench, self.deps)
        for inputs in found.values():
            inputs["day of the clock"] = f"{context.now:%Y-%m-%d}"
            if isinstance(self._table, RawTableSpec):
                inputs["landing files"] = str(
                    bench.value(
                        "select sum(hash(file, sha256, status, rule, rows_read, rows_quarantined, header)) from wh.ops.files where asset = ?",
                        [str(self.watched.name)],
                    )
                )
        return found

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        # Here, so that a command that only looks does not wait for numpy.
        from ml_assets.monitoring.days_calendar import trading_days
        from ml_assets.monitoring.days_files import file_days, file_figures, future_rows
        from ml_assets.monitoring.days_judged import judged_days
        from ml_assets.monitoring.days_measures import Watched, table_days

        watched = Watched(self.watched.name, self._table, self._hidden)
        table = table_days(bench, watched, context.now)
        trading = trading_days(self._table.calendar, table.days, table.ends, context.now)
        files = file_days(bench, watched) if isinstance(self._table, RawTableSpec) else []
        counted = file_figures(files, trading) if files else [future_rows(bench, watched, context.now)]
        rows = judged_days(table, trading, files, counted, self.spec.false_alarms)
        bench.connection.register("judged_rows", rows)
        bench.execute(
            "create or replace temp table judged as select * from judged_rows order by day, signal, column_name"
        )
        bench.connection.unregister("judged_rows")
        stretches = unusual_stretches(bench, "judged")
        newest = stretches[-1:] and f"{stretches[-1].first}: {stretches[-1].signal} {stretches[-1].column}".strip()
        return Staged(
            "judged",
            {"days": len(trading.days), "unusual_stretches": len(stretches), "newest_unusual": newest or "none",
             "picture": days_picture(bench, "judged")},
        )  # fmt: skip

    @property
    def checks(self) -> tuple[Check, ...]:
        return days_checks(self.spec.severity)


def days_table(monitor: str) -> TableName:
    """The table of a monitor's days."""
    return TableName("monitoring", f"{monitor}__{SUFFIX}")
