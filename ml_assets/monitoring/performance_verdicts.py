"""What the numbers of one snapshot amount to: as promised or not, base rate moved or not, estimate right or not.

`rows` are those of `monitoring.<monitor>__performance` of one snapshot, `rates` those of `monitoring.<monitor>__base_rate`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ml_assets.evaluation.catalogue import LOSS, PRIMARY, metric_info
from ml_assets.evaluation.slices import MinimumSize
from ml_assets.monitoring.performance_words import ALL_ROWS, POSITIVE_RATE

Row = Mapping[str, Any]
_NORMAL = 1.959964


class Tested(NamedTuple):
    """One comparison: two values, how many standard deviations the first is off, and the probability of that by chance."""

    slice: str
    metric: str
    value: float
    other: float
    deviations: float
    p_value: float


class Verdict(NamedTuple):
    """`held` is None where nothing can be said; `said` says what, or why not."""

    held: bool | None
    said: str
    tested: tuple[Tested, ...] = ()
    limit: float | None = None


def judged_metrics(task: str) -> tuple[str, str]:
    """What a model is held to: how well it ranks (or explains), and its loss."""
    return PRIMARY[task], LOSS[task]


def as_promised(task: str, rows: Sequence[Row], chance: float) -> Verdict:
    """Whether no judged metric is worse than promised by more than chance explains, test snapshots' own spread included."""
    tested, absent = [], []
    for metric in judged_metrics(task):
        row = _row(rows, ALL_ROWS, metric)
        found = None if row is None else _worse_than_promised(task, row)
        if found is None:
            absent.append(f"{metric}: {_why(row, 'observed', 'promised')}")
        else:
            tested.append(found)
    if not tested:
        return Verdict(None, absent[0])
    return _verdict(tested, chance, "promised", "as promised")


def _worse_than_promised(task: str, row: Row, less: float = 0.0) -> Tested | None:
    """Observed against promised, `less` the amount (in the direction of worse) that is explained already."""
    observed, error = row["observed"], _error(row, "observed")
    promised, known_to = row["promised"], _error(row, "promised")
    if observed is None or promised is None or error is None or known_to is None:
        return None
    worse = _worse(task, row["metric"], observed - promised) - less
    total = math.sqrt(error**2 + known_to**2 + (row["promised_spread"] or 0.0) ** 2)
    if not total > 0 and worse > 0:
        return None
    # Without any spread, as of a ranking that makes no mistake, what is not worse is as promised.
    deviations = worse / total if total > 0 else 0.0
    return Tested(row["slice"], row["metric"], observed, promised, deviations, _upper_tail(deviations))


def _worse(task: str, metric: str, difference: float) -> float:
    return -difference if metric_info(task, metric).higher_is_better else difference


def slices_hold(task: str, rows: Sequence[Row], chance: float) -> Verdict:
    """Whether no slice has become worse against its promise by more than all rows have, and by more than chance explains.

    What is worse everywhere is one finding and not one a slice.
    """
    judged = [row for row in rows if row["slice"] != ALL_ROWS and row["metric"] in judged_metrics(task)]
    if not judged:
        return Verdict(None, "slices of a ranking are not judged" if task == "ranking" else "no slices are declared")
    everywhere = {metric: _row(rows, ALL_ROWS, metric) for metric in judged_metrics(task)}
    tested, reason = [], ""
    for row in judged:
        lacking = MinimumSize().lacking(rows=row["matured"], positives=row["positives"], clusters=row["matured"])
        whole = everywhere[row["metric"]]
        if whole is None or row["observed"] is None or whole["observed"] is None or lacking is not None:
            reason = reason or f"{row['slice']}: {_why(row, 'observed') if row['observed'] is None else lacking}"
            continue
        common = (
            0.0 if whole["promised"] is None else _worse(task, row["metric"], whole["observed"] - whole["promised"])
        )
        found = _worse_than_promised(task, row, common)
        if found is None:
            reason = reason or f"{row['slice']}: {_why(row, 'promised')}"
        else:
            tested.append(found)
    if not tested:
        return Verdict(None, reason)
    return _verdict(
        tested, chance, "promised", f"{len(tested)} comparisons of slices: none worse by more than all rows are"
    )


def estimate_right(task: str, rows: Sequence[Row], chance: float) -> Verdict:
    """Whether the observed metrics are what the scores alone had led to expect."""
    tested, said, absent = [], [], []
    for metric in judged_metrics(task):
        row = _row(rows, ALL_ROWS, metric)
        if row is None or row["estimated"] is None or row["observed"] is None:
            absent.append(f"{metric}: {_why(row, 'estimated', 'observed')}")
            continue
        if row["matured"] < row["rows"]:
            return Verdict(None, f"{row['matured']:,} of {row['rows']:,} outcomes are known: the others may differ")
        error = _error(row, "estimated")
        if error:
            off = (row["observed"] - row["estimated"]) / error
            tested.append(Tested(ALL_ROWS, metric, row["observed"], row["estimated"], off, 2 * _upper_tail(abs(off))))
        if row["adjusted"] is not None:
            said.append(f"{metric} {row['adjusted']:.4g} ({row['observed'] - row['adjusted']:+.2g})")
    if not tested:
        return Verdict(None, absent[0] if absent else "the estimate has no interval")
    found = _verdict(tested, chance, "estimated", "as estimated")
    return found._replace(said=found.said + (f"; adjusted by the base rate {', '.join(said)}" if said else ""))


def base_rate_held(rates: Sequence[Row], chance: float) -> Verdict:
    """Whether the rate of positives, as far as it can be told by now, is what the scores say."""
    known = [row for row in rates if row["p_value"] is not None]
    if not known:
        return Verdict(
            None, "no earlier snapshots to project from" if rates else "no whole part of the outcome window has passed"
        )
    row = max(known, key=lambda one: one["age_days"])
    test = Tested(ALL_ROWS, POSITIVE_RATE, row["projected"], row["mean_score"], row["deviations"], row["p_value"])
    ended = row["references"] is None
    at = "observed" if ended else f"projected at {row['age_days']:g} days"
    within = "" if ended else f" ({row['projected_low']:.3f} to {row['projected_high']:.3f})"
    limit = deviations_of(chance / 2)
    said = (
        f"{at} {row['projected']:.3f}{within}, mean score {row['mean_score']:.3f}: "
        f"{row['deviations']:+.1f} deviations, limit {limit:.1f}"
    )
    return Verdict(row["p_value"] >= chance, said, (test,), limit)


def _verdict(tested: Sequence[Tested], chance: float, other: str, good: str) -> Verdict:
    bad = sorted((one for one in tested if one.p_value < chance), key=lambda one: one.p_value)
    limit = deviations_of(chance)
    shown = bad or [one for one in tested if one.slice == ALL_ROWS]
    said = "; ".join(
        f"{one.metric}{f' of {one.slice}' if one.slice != ALL_ROWS else ''} {one.value:.4g}, {other} {one.other:.4g} "
        f"({one.deviations:+.1f} deviations{f', limit {limit:.1f}' if one in bad else ''})"
        for one in shown[:5]
    )  # fmt: skip
    more = f" and {len(bad) - 5} more" if len(bad) > 5 else ""
    return Verdict(not bad, f"{said}{more}" if shown else good, tuple(tested), limit)


def _row(rows: Sequence[Row], name: str, metric: str) -> Row | None:
    return next((row for row in rows if row["slice"] == name and row["metric"] == metric), None)


def _why(row: Row | None, *columns: str) -> str:
    """Why one of these columns has no value, as the row itself says."""
    if row is None:
        return "no rows"
    parts = str(row["reason"] or "").split("; ")
    found = [part.removeprefix(f"{name}: ") for name in columns for part in parts if part.startswith(f"{name}: ")]
    return found[0] if found else "there is no interval to judge by"


def _error(row: Row, column: str) -> float | None:
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    return None if low is None or high is None else (high - low) / (2 * _NORMAL)


def _upper_tail(deviations: float) -> float:
    return math.erfc(deviations / math.sqrt(2)) / 2


def deviations_of(chance: float) -> float:
    """How many standard deviations a normal number exceeds with this probability."""
    from scipy.special import ndtri

    return float(-ndtri(chance))
