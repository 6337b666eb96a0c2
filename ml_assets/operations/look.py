"""One look at the project: incidents brought up to date, then people told. What commands and sensors call."""

from __future__ import annotations

from collections.abc import Sequence

from ml_assets.operations.alerts.delivery import deliver
from ml_assets.operations.alerts.outbox import Change, send_due, write_log
from ml_assets.operations.incidents import update
from ml_assets.operations.signals import QUICK, Kind, Signal
from ml_assets.operations.surroundings import keep_unbooked, signal_of_problem
from ml_assets.operations.watch import Watch


def look(watch: Watch, kinds: frozenset[Kind] = QUICK, more: Sequence[Signal] = ()) -> list[Change]:
    """What changed since the last look. Costs a few milliseconds where nothing is wrong and nothing waits to be sent."""
    outcome = update(watch, kinds, more)
    if outcome.alerts_wait:
        send_due(watch)
    return list(outcome.changes)


def tell_of_unusable_warehouse(watch: Watch, problem: Exception) -> bool:
    """A held lock or a full disk keeps incidents from being booked: people are told at once, and the next look that reaches
    the warehouse opens the incident. False where the problem is another one, or was told already."""
    signal = signal_of_problem(problem, watch)
    if signal is None or not keep_unbooked(watch.context.home, signal):
        return False
    text = f"[critical] not booked yet: {signal.summary}\nthe warehouse cannot be used; nothing is made until it can\nnext: ml-assets doctor"
    write_log(watch, text)
    for found in deliver(watch.profile, {route: [text] for route in watch.profile.alert_routes}).values():
        for one in found:
            if one.problem:
                watch.context.log(f"alert not sent over {one.route}: {one.problem}")
    return True
