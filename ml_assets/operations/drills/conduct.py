"""Holding a drill: each fault on a copy of the baseline, step by step until somebody notices, then the way back."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ml_assets.errors import MlAssetsError
from ml_assets.operations.drills.faults import Fault
from ml_assets.operations.drills.ground import Sign, Track
from ml_assets.operations.drills.injectors import FILE_FAULTS, Injection
from ml_assets.operations.drills.prepare import ControlPoint, Leg, Prepared
from ml_assets.operations.drills.report import FaultReport
from ml_assets.operations.drills.special import SPECIAL, Harm, SensorAsks
from ml_assets.operations.drills.told import told_of


@dataclass(frozen=True)
class Conduct:
    """Holds faults on a prepared ground, in folders below `work`. `sensor` is None where Dagster is not at hand."""

    prepared: Prepared
    work: Path
    sensor: SensorAsks | None = None
    keep: bool = False

    def hold(self, faults: Sequence[Fault]) -> Iterator[FaultReport]:
        """One report a fault, as they are held."""
        for fault in faults:
            started = time.monotonic()
            report = self._held(fault)
            yield replace(report, seconds=time.monotonic() - started)

    def _held(self, fault: Fault) -> FaultReport:
        leg = self.prepared.week if fault.cadence == "week" else self.prepared.day
        if leg is None:
            return FaultReport(fault, "not_applicable", self.prepared.why_no_week)
        subject = self.prepared.setting.subject
        why = (
            FILE_FAULTS[fault.name].missing(subject)
            if fault.name in FILE_FAULTS
            else SPECIAL[fault.name].missing(subject)
        )
        if fault.name == "cursor_lost" and self.sensor is None:
            why = "Dagster is not at hand"
        if why:
            return FaultReport(fault, "not_applicable", why)
        track = leg.base.copied_to(self.work / fault.name)
        try:
            return self._on_files(fault, track, leg) if fault.name in FILE_FAULTS else self._special(fault, track, leg)
        finally:
            if not self.keep:
                track.remove()

    def _on_files(self, fault: Fault, track: Track, leg: Leg) -> FaultReport:
        injection, arrive = Injection(track), FILE_FAULTS[fault.name].arrive
        good = track.good_rows(leg.first_event)
        caught: list[Sign] = []
        new: list[Sign] = []
        point = leg.control[0]
        for number, (step, point) in enumerate(zip(leg.steps, leg.control, strict=True)):
            track.set_clock(step.clock)
            arrive(injection, step, number)
            new = [sign for sign in track.day() if sign.key not in point.keys]
            caught = [sign for sign in new if sign.code in fault.expected]
            if caught:
                break
        detected = step.clock
        harmed = track.good_rows(leg.first_event)
        lost = [] if harmed == good else [f"rows of before the fault: {good[0]} then, {harmed[0]} while it lasted"]
        told = told_of(track, caught)
        injection.put_right()
        track.set_clock(step.clock)
        left, missing = _after(track, point)
        return _report(fault, caught, new, (injection.began_at, detected), told, left, [*lost, *missing])

    def _special(self, fault: Fault, track: Track, leg: Leg) -> FaultReport:
        harm = Harm(track, leg, self.work, self.sensor)
        special = SPECIAL[fault.name]
        try:
            signs = special.harm(harm)
            caught = [sign for sign in signs if sign.code in fault.expected]
            told = [] if special.told_afterwards else told_of(track, signs)
            special.put_right(harm)
            if special.told_afterwards:
                track.notice()
                told = told_of(track, signs)
        finally:
            harm.end()
        point = leg.control[0] if harm.stepped else harm.point
        alike = (
            {key: content for key, content in point.contents.items() if not key[0].startswith(harm.unlike)}
            if harm.unlike
            else point.contents
        )
        left, missing = _after(track, replace(point, contents=alike))
        left = [sign for sign in left if sign.key not in harm.point.keys]
        return _report(fault, caught, signs, (harm.began_at, track.clock), told, left, missing)


def _after(track: Track, point: ControlPoint) -> tuple[list[Sign], list[str]]:
    """After the way back: what is still wrong, and what of the data is not as it would have been."""
    try:
        left = [sign for sign in track.day(check=True) if sign.key not in point.keys]
        now = track.contents()
    except MlAssetsError as problem:
        return [Sign(problem.code, "run", "", "", "error", str(problem))], ["the state cannot be read"]
    return [sign for sign in left if sign.severity != "info"], [
        f"{asset} {key}".strip() + f": {content} without the fault, {now.get((asset, key), 'nothing')} now"
        for (asset, key), content in sorted(point.contents.items())
        if now.get((asset, key)) != content
    ]


def _report(
    fault: Fault, caught: Sequence[Sign], signs: Sequence[Sign], times: tuple[datetime | None, datetime], told: Sequence[str],
    left: Sequence[Sign], lost: Sequence[str],
) -> FaultReport:  # fmt: skip
    began, detected = times
    others = [sign for sign in signs if sign not in caught]
    left = [sign for sign in left if sign.code not in fault.lingers]
    report = FaultReport(
        fault,
        "caught",
        "",
        tuple(caught),
        len(others),
        began,
        detected if caught else None,
        tuple(told),
        tuple(left),
        tuple(lost),
    )
    if lost:
        return replace(report, status="lost", why=lost[0])
    if not caught:
        seen = ", ".join(sorted({f"{sign.code} {sign.asset}" for sign in others})) or "nothing at all"
        return replace(report, status="undetected", why=f"seen instead: {seen}")
    if left:
        return replace(report, status="not_recovered", why=f"{left[0].code} {left[0].asset}: {left[0].summary}")
    return report if fault.expectation == "detected" else replace(report, status="prevented")
