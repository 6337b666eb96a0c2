"""What a drill found, as plain data and as the table of the documentation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from ml_assets.operations.drills.faults import Fault
from ml_assets.operations.drills.ground import Sign

Status = Literal["caught", "prevented", "undetected", "lost", "not_recovered", "not_applicable"]
FAILURES: tuple[Status, ...] = ("undetected", "lost", "not_recovered")


@dataclass(frozen=True)
class FaultReport:
    """One fault. `delay` is data time from the first bad event to detection; `left` what was still wrong after recovery;
    `lost` what of the data was not as without the fault. `told` names owner and route."""

    fault: Fault
    status: Status
    why: str = ""
    caught_by: Sequence[Sign] = ()
    others: int = 0
    began_at: datetime | None = None
    detected_at: datetime | None = None
    told: Sequence[str] = ()
    left: Sequence[Sign] = ()
    lost: Sequence[str] = ()
    seconds: float = 0.0

    @property
    def delay(self) -> timedelta | None:
        """How long it went unnoticed, by data time."""
        if self.began_at is None or self.detected_at is None:
            return None
        return max(self.detected_at - self.began_at, timedelta())

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"delay_hours": None if self.delay is None else self.delay.total_seconds() / 3600}


@dataclass(frozen=True)
class DrillReport:
    """A whole drill: its faults and what it was held on."""

    faults: Sequence[FaultReport]
    table: str
    rows: int
    first_clock: datetime
    last_clock: datetime
    seconds: float
    held_at: datetime
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> list[FaultReport]:
        """Faults that nobody noticed, that lost data, or that could not be put right."""
        return [report for report in self.faults if report.status in FAILURES]

    def to_json(self) -> dict[str, Any]:
        return {
            "faults": [report.to_json() for report in self.faults], "failed": [report.fault.name for report in self.failed],
            "table": self.table, "rows": self.rows, "first_clock": self.first_clock, "last_clock": self.last_clock,
            "seconds": round(self.seconds, 1), "held_at": self.held_at, **self.facts,
        }  # fmt: skip


def delay_in_words(delay: timedelta | None) -> str:
    """Such as `16 h` or `5.2 d`."""
    if delay is None:
        return ""
    hours = delay.total_seconds() / 3600
    return "at once" if hours < 1 / 60 else f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.1f} d"


def caught_in_words(report: FaultReport) -> str:
    """`CODE check` on asset, at most two, the errors first."""
    order = sorted(
        report.caught_by, key=lambda sign: (sign.severity != "error", report.fault.expected.index(sign.code))
    )
    distinct = list(dict.fromkeys((sign.code, sign.name, sign.asset) for sign in order))[:2]
    said = [
        f"{'' if code == name else f'{code} '}{name}{f' on {asset}' if asset else ''}" for code, name, asset in distinct
    ]
    return "; ".join(said)


def markdown_table(report: DrillReport) -> str:
    """The detection table, one row a fault, and the figures it was made with."""
    lines = [
        "| fault | what goes wrong | caught by | after | told | runbook | put right | nothing lost |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in report.faults:
        runbook = f"[{one.fault.runbook}](runbooks/{one.fault.runbook}.md)"
        if one.status == "not_applicable":
            lines.append(f"| `{one.fault.name}` | {one.fault.what} | not applicable: {one.why} | | | {runbook} | | |")
            continue
        caught = caught_in_words(one) if one.caught_by else f"**nothing**: {one.why}"
        caught = f"harmless by design: {caught}" if one.status == "prevented" else caught
        after = delay_in_words(one.delay) if one.caught_by else ""
        lines.append(
            f"| `{one.fault.name}` | {one.fault.what} | {_cell(caught)} | {after} | {_cell(', '.join(one.told))} | {runbook} | "
            f"{_word(one, not one.left)} | {_word(one, not one.lost)} |"
        )
    return "\n".join(lines) + "\n"


def _word(report: FaultReport, good: bool) -> str:
    return "" if report.status == "undetected" and not report.left and not report.lost else "yes" if good else "**no**"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


BEGIN, END = "<!-- drills:begin -->", "<!-- drills:end -->"


def written_into(page: str, report: DrillReport) -> str:
    """The page with the table between its marks; a page without them is nothing but the table.

    A drill of some faults replaces the rows of these in a table that has them, and leaves the rest with its figures.
    """
    before, mark, rest = page.partition(BEGIN)
    old, _, after = rest.partition(END)
    known = [line for line in old.splitlines() if line.startswith("| `")]
    rows = {line.split("`")[1]: line for line in markdown_table(report).splitlines() if line.startswith("| `")}
    if len(rows) < len(known) and rows.keys() <= {line.split("`")[1] for line in known}:
        kept = [rows.get(line.split("`")[1], line) if line.startswith("| `") else line for line in old.splitlines()]
        table = [line for line in kept if line.startswith("| `") and "| not applicable: " not in line]
        good = sum("**" not in line for line in table)
        text = re.sub(r"\d+ of \d+ faults", f"{good} of {len(table)} faults", "\n".join(kept), count=1)
        return f"{before}{BEGIN}{text}\n{END}{after}"
    made = f"{BEGIN}\n{_figures(report)}\n\n{markdown_table(report)}{END}"
    return f"{before}{made}{after}" if mark else f"{made}\n"


def _figures(report: DrillReport) -> str:
    held = [one for one in report.faults if one.status != "not_applicable"]
    good = [one for one in held if one.status not in FAILURES]
    return (
        f"Made by `ml-assets drill faults` on {report.held_at:%Y-%m-%d}, in {report.seconds:.0f} s, on `{report.table}` "
        f"({report.rows:,} rows before what comes day by day, {report.first_clock:%Y-%m-%d} to {report.last_clock:%Y-%m-%d} by data "
        f"time): {len(good)} of {len(held)} faults that apply were noticed, or are harmless by design, and were put right without loss."
    )
