"""A scripted month: events written into the books as the system writes them, and every indicator reckoned by hand.

The clock stands at 2024-04-01 00:00; the window of 31 days holds all of March and that instant.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ml_assets.monitoring.kpi_catalogue import CATALOGUE
from ml_assets.monitoring.kpi_facts import Declared, read_facts, window_of
from ml_assets.monitoring.kpis import Kpi, Stated, computed_kpis
from ml_assets.monitoring.production import ProductionAsset
from ml_assets.operations.incident_book import Affected, Incident, Status, store
from ml_assets.registry.book import Action, Hashes, store_action
from ml_assets.specs.monitors import OperationsSpec
from ml_assets.warehouse.aliases import move
from ml_assets.warehouse.asset import Made
from ml_assets.warehouse.cpu import CpuTime
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.results import CheckFinding, record_findings
from ml_assets.warehouse.results import Status as Outcome
from ml_assets.warehouse.steps import StepRecord, StepStatus, next_step, record_step
from ml_assets.warehouse.store import Warehouse

NOW = datetime(2024, 4, 1, tzinfo=UTC)
SPEC = OperationsSpec(name="operations", window="31 days")
PRICED = OperationsSpec.model_validate({**SPEC.model_dump(), "cost": {"cpu_hour": 0.36, "currency": "EUR"}})
RULES = {"rows_are_good": ("DQ001", "error", True), "data_is_fresh": ("FR001", "warn", False)}
SCORES, CHAMPION, ORDERS = (TableName.parse(name) for name in ("scores.again", "models.again__champion", "raw.orders"))
DECLARED = Declared(
    production=(
        ProductionAsset(SCORES, "scores", "shop", ("team:shop",), "x:1", "again", "again", ("again",)),
        ProductionAsset(CHAMPION, "champion", "shop", ("team:shop",), "x:1", "again", "again", ("again",)),
        ProductionAsset(ORDERS, "raw", "shop", (), "y:1"),
    ),
    models=(("again", "binary"),),
    documented=Stated(7, 9, ("Model again: card.ethical", "RawTable orders: owners")),
)


def at(text: str) -> datetime:
    """A moment of 2024, as `03-05 06:00`."""
    return datetime.strptime(f"2024-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


@dataclass
class Books:
    """The books of a warehouse, written through the functions that the system writes them with."""

    warehouse: Warehouse
    spec: OperationsSpec = SPEC
    declared: Declared = DECLARED
    _incidents: list[Incident] = field(default_factory=list)

    def step(
        self, run: str, asset: str, day: str, seconds: float, cpu: CpuTime | None, *, rows: int | None = None,
        status: StepStatus = "made", message: str = "", command: str = "run", changed: bool = True,
    ) -> None:  # fmt: skip
        """One asset in one run; by the real clock it was in 2026. Without a CPU time it is one of an older version."""
        made = () if rows is None else (Made("", rows, "c", changed, ""),)
        moment = at(f"{day} 06:00")
        began = moment if cpu is None else datetime(2026, 1, 1, tzinfo=UTC)
        with self.warehouse.committing() as bench:
            record_step(
                bench,
                StepRecord(
                    run, next_step(bench, run), command, TableName.parse(asset), ("",), status, began,
                    began + timedelta(seconds=seconds), message, made, clock_time=None if cpu is None else moment, cpu=cpu,
                ),
            )  # fmt: skip

    def verdict(self, moment: str, check: str, status: Outcome, said: str = "said") -> None:
        with self.warehouse.committing() as bench:
            record_findings(bench, ORDERS, RULES, {"": "1:a"}, [CheckFinding(check, status, said)], at(moment))

    def incident(
        self,
        began: str,
        opened: str,
        acknowledged: str | None = None,
        closed: str | None = None,
        status: Status | None = None,
        came_back: str | None = None,
    ) -> None:
        number = len(self._incidents) + 1
        found = status or ("closed" if closed else "acknowledged" if acknowledged else "open")
        one = Incident(
            number=number, fingerprint=f"f{number}", cause="nulls", asset="raw.orders", column="", title="t", severity="major",
            status=found, owner="team:shop", runbook="", route="", began_at=at(began), opened_at=at(opened), waiting_since=at(came_back or opened), signals=(),
            affected=Affected(), acknowledged_at=at(acknowledged) if acknowledged else None, closed_at=at(closed) if closed else None,
        )  # fmt: skip
        self._incidents.append(one)
        with self.warehouse.committing() as bench:
            store(bench, [one])

    def promoted(self, version: int, moment: str, model: str = "again") -> None:
        with self.warehouse.committing() as bench:
            move(bench, model, "champion", version, at=at(moment), by="gate", reason="passed")

    def rolled_back(self, version: int, to: int, moment: str, model: str = "again") -> None:
        """As `Registrar.rollback` writes it."""
        action = Action(version, "rollback", Hashes("", "", "", ""), "ann", "complaints", at(moment), other=to)
        with self.warehouse.committing() as bench:
            store_action(bench, model, action)
            move(bench, model, "champion", to, at=at(moment), by="ann", reason=f"rollback from {version}: complaints")

    def kpis(self, now: datetime = NOW, *, before: bool = False) -> dict[str, Kpi]:
        window = window_of(self.spec, now)
        with self.warehouse.reading() as bench:
            facts = read_facts(bench, self.spec, self.declared, window.before if before else window, now)
        return {kpi.name: kpi for kpi in computed_kpis(facts)}


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(Warehouse(tmp_path / "warehouse.duckdb", tmp_path / "scratch"))


def write_steps(books: Books) -> None:
    # A: 2 steps, 1 failed
    books.step("A", "raw.orders", "03-05", 4, CpuTime(2, 0), rows=10)
    books.step("A", "features.habits", "03-05", 1, CpuTime(1, 0), status="failed", message="wrong")
    # B: 2 steps; 400 rows scored in 2 s, 1 CPU-second (0.2 uncertain)
    books.step("B", "features.habits", "03-06", 6, CpuTime(3, 0), rows=10)
    books.step("B", "scores.again", "03-06", 2, CpuTime(1.0, 0.2), rows=400)
    # C: Dagster makes and judges apart: 1 step of 3 + 1 s, 1.5 + 0.5 CPU-seconds (0.1 uncertain), 600 rows
    books.step("C", "scores.again", "03-12", 3, CpuTime(1.5, 0.0), rows=600, command="dagster")
    books.step("C", "scores.again", "03-12", 1, CpuTime(0.5, 0.1), status="judged", command="dagster")
    # I: an older version wrote no CPU time and no clock: 1 step, 2,000 rows scored in 8 s
    books.step("I", "scores.again", "03-15", 8, None, rows=2000)
    # D: 4 steps, 80 CPU-seconds (3 uncertain), one version
    for asset, cpu in (
        ("training.again", CpuTime(5, 0)),
        ("models.again", CpuTime(30, 1)),
        ("evaluation.again", CpuTime(40, 2)),
        ("models.again__champion", CpuTime(5, 0)),
    ):
        books.step("D", asset, "03-20", 10, cpu, rows=1)
    # E: 1 step, failed, 10 CPU-seconds
    books.step("E", "models.again", "03-25", 20, CpuTime(10, 0), status="failed", message="no rows")
    # F: 3 steps, 1 of them blocks its consumers; a second version, 30 CPU-seconds (1 uncertain); scores found unchanged
    books.step("F", "models.again", "03-28", 20, CpuTime(20, 1), rows=2)
    books.step("F", "evaluation.again", "03-28", 20, CpuTime(10, 0), rows=5, message="a blocking check failed")
    books.step("F", "scores.again", "03-28", 0.5, CpuTime(0.1, 0), rows=600, changed=False)
    # None of these counts: only judged; the indicators' own; before the window
    books.step("G", "raw.orders", "03-30", 1, CpuTime(9, 0), status="judged", command="check")
    books.step("G2", "monitoring.operations", "03-30", 1, CpuTime(9, 0), status="failed", message="ours")
    books.step("H", "scores.again", "02-28", 9, CpuTime(4, 0), rows=100)


def write_verdicts(books: Books) -> None:
    books.verdict("02-20 06:00", "rows_are_good", "failed")
    books.verdict("02-20 06:00", "data_is_fresh", "failed")
    for _ in range(2):  # the same twice a day counts once: 2 passed
        books.verdict("03-05 06:00", "rows_are_good", "passed")
        books.verdict("03-05 06:00", "data_is_fresh", "passed")
    books.verdict("03-06 06:00", "rows_are_good", "failed")  # 1 failed
    books.verdict("03-06 06:00", "data_is_fresh", "failed", "late")  # 1 failed
    books.verdict("03-06 12:00", "data_is_fresh", "passed", "came")  # 1 passed, and the day's last word
    books.verdict("03-07 06:00", "rows_are_good", "not_applicable")  # counts on neither side
    books.verdict("03-07 06:00", "data_is_fresh", "failed", "late again")  # 1 failed
    books.verdict("04-01 00:00", "rows_are_good", "passed")  # now is in the window: 1 passed


def write_incidents(books: Books) -> None:
    books.incident("03-02 06:00", "03-02 10:00", "03-02 11:00", "03-03 10:00")  # detect 4, acknowledge 1, recover 24 h
    books.incident("02-25 00:00", "03-01 12:00", None, "03-10 12:00")  # began before: detect 132, recover 216 h
    # opened before, and came back on the 29th of February: acknowledge 30, recover 288 h
    books.incident("02-20 00:00", "02-21 00:00", "03-01 06:00", "03-04 00:00", came_back="02-29 00:00")
    books.incident("03-30 00:00", "03-30 02:00", "03-30 05:00")  # detect 2, acknowledge 3, still open
    books.incident("03-28 00:00", "03-28 08:00", None, "03-29 00:00", "dismissed")  # detect 8, never recovered
    books.incident("03-16 12:00", "03-15 12:00", None, "03-15 18:00")  # dated ahead: no time to detect; recover 6 h
    books.incident("01-09 00:00", "01-10 00:00", "01-10 01:00", "01-12 00:00")  # long over
    books.incident("02-10 00:00", "02-10 00:00")  # open since 51 days = 1,224 h


def write_promotions(books: Books) -> None:
    books.promoted(1, "01-10 00:00")
    books.promoted(2, "03-20 00:00")  # 1, rolled back two days later
    books.rolled_back(2, 1, "03-22 00:00")
    books.promoted(3, "03-28 00:00")  # 2
    with books.warehouse.committing() as bench:
        move(bench, "again", "challenger", 4, at=at("03-29 00:00"), by="gate", reason="waits")


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Books:
    """Not to be changed."""
    root = tmp_path_factory.mktemp("month")
    books = Books(Warehouse(root / "warehouse.duckdb", root / "scratch"))
    write_steps(books)
    write_verdicts(books)
    write_incidents(books)
    write_promotions(books)
    return books


# Name → value, numerator, denominator; low and high where there are such.
BY_HAND: dict[str, tuple[float | None, ...]] = {
    # A 2, B 2, C 1, I 1, D 4, E 1, F 3 steps; habits of A, models of E and evaluation of F failed
    "step_success_rate": (11 / 14, 11, 14),
    # A, E and F of A, B, C, I, D, E, F failed
    "run_success_rate": (4 / 7, 4, 7),
    "check_pass_rate": (4 / 7, 4, 7),
    # 2, 4, 8, 132
    "time_to_detect": (6, 146, 4),
    # 1, 3, 30
    "time_to_acknowledge": (3, 34, 3),
    # 6, 24, 216, 288
    "time_to_recover": (120, 534, 4),
    "incidents_open": (2, 2, None),
    "oldest_open_incident": (1224, 1224, 2),
    # 2, 4 and 8 s: of three the third
    "scoring_p95": (8, None, 3),
    # 2/0.4 = 5, 4/0.6 = 6.67, 8/2 = 4 s
    "scoring_p95_per_1000": (4 / 0.6, None, 3),
    # fresh on the 5th, by its last word on the 6th, not on the 7th
    "freshness_attainment": (2 / 3, 2, 3),
    "monitoring_coverage": (2 / 3, 2, 3),
    "rollback_readiness": (0, 0, 1),
    "documentation": (7 / 9, 7, 9),
    # B 1, C 2, F 0.1 CPU-seconds, 0.3 uncertain, for 1,000 rows
    "cost_per_1000_predictions": (3.1, 3.1, 1.0, 2.8, 3.4),
    # D 80, E 10, F 30 CPU-seconds, 4 uncertain, for 2 versions
    "cost_per_training_run": (60, 120, 2, 58, 62),
    # 2 in 31 days
    "deployment_frequency": (60 / 31, 2, 31),
    "change_failure_rate": (1 / 2, 1, 2),
    "gain_correlation": (None, None, 0),
}


def test_month_gives_every_indicator_of_the_catalogue_as_reckoned_by_hand(month: Books) -> None:
    found = month.kpis()
    assert list(found) == [one.name for one in CATALOGUE] == list(BY_HAND)
    for name, expected in BY_HAND.items():
        kpi = found[name]
        values = [kpi.value, kpi.numerator, kpi.denominator, kpi.low, kpi.high]
        wanted = [*expected, None, None][:5]
        assert values == [None if value is None else pytest.approx(value, rel=1e-9) for value in wanted], name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("time_to_detect", "1 began after the clock"),
        ("time_to_recover", "2 still open"),
        ("monitoring_coverage", "missing: raw.orders"),
        ("rollback_readiness", "missing: again (there is no again@1)"),
        ("cost_per_1000_predictions", "1 steps without a CPU time are left out"),
        ("change_failure_rate", "again@2"),
        ("gain_correlation", "0 pairs, and at least 5 are needed"),
    ],
)
def test_month_says_what_has_to_be_known_beside_a_number(month: Books, name: str, said: str) -> None:
    assert month.kpis()[name].reason == said


def test_month_costs_money_where_a_price_is_declared(month: Books) -> None:
    found = replace(month, spec=PRICED).kpis()
    # 0.36 EUR an hour are 0.0001 EUR a CPU-second
    assert found["cost_per_1000_predictions"].unit == found["cost_per_training_run"].unit == "EUR"
    assert found["cost_per_1000_predictions"].value == pytest.approx(0.00031)
    assert found["cost_per_training_run"][6:] == (pytest.approx(0.0058), pytest.approx(0.0062))
    assert month.kpis()["cost_per_training_run"].unit == "CPU-seconds"


def test_promotion_fails_by_the_rollback_that_follows_it_and_by_no_later_one(books: Books) -> None:
    books.promoted(1, "03-01 00:00")
    books.promoted(2, "03-02 00:00")
    books.promoted(3, "03-03 00:00")
    books.promoted(2, "03-04 00:00")
    books.rolled_back(2, 3, "03-05 00:00")
    # 1, 2, 3 and 2 again were promoted; the last of them was taken back
    assert books.kpis()["change_failure_rate"][3:6] == (1, 4, "again@2")


def test_run_over_midnight_is_of_the_window_in_which_it_began(books: Books) -> None:
    for run, asset, moment in (
        ("A", "raw.orders", "02-29"),
        ("A", "scores.again", "03-01"),
        ("B", "raw.orders", "03-01"),
    ):
        books.step(run, asset, moment, 1, CpuTime(1, 0))
    assert books.kpis()["step_success_rate"].denominator == 2
    books.step("A", "raw.orders", "03-01", 1, CpuTime(1, 0), status="judged", command="dagster")
    assert books.kpis()["step_success_rate"].denominator == 2


def test_month_before_knows_only_what_had_happened_by_then(month: Books) -> None:
    found = month.kpis(before=True)
    assert found["step_success_rate"][3:5] == (1, 1)
    assert found["check_pass_rate"].value == 0
    # the one that was open on the 1st of March too
    assert found["incidents_open"].value == 2
    assert found["time_to_acknowledge"].value is None
    assert found["cost_per_1000_predictions"].value == pytest.approx(40)
    assert found["deployment_frequency"].value == 0


def test_steps_that_only_happened_by_the_real_clock_are_not_of_the_replayed_month(month: Books) -> None:
    late = datetime(2026, 1, 15, tzinfo=UTC)
    assert month.kpis(late)["step_success_rate"].value is None


def test_empty_window_has_no_value_and_never_zero(books: Books) -> None:
    found = replace(books, declared=Declared()).kpis()
    zero = {"incidents_open"}
    assert {name: kpi.value for name, kpi in found.items() if kpi.value is not None} == dict.fromkeys(zero, 0)
    assert all(kpi.reason for name, kpi in found.items() if name not in zero)
