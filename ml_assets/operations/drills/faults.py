"""The faults, declared: what goes wrong, how it is injected, what has to notice it, and the runbook that puts it right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# How the drill walks: day by day or week by week through data that was held back, or not at all.
Cadence = Literal["day", "week", "none"]
# `detected`: something has to complain. `prevented`: the design makes it harmless, and that has to be shown.
Expectation = Literal["detected", "prevented"]


@dataclass(frozen=True)
class Fault:
    """One fault. `expected` are codes of checks or errors, any of which counts as having caught it. `lingers`: what goes on being
    said for some days although all is right again, because it tells of what has happened and not of what is."""

    name: str
    what: str
    injected: str
    expected: tuple[str, ...]
    runbook: str
    cadence: Cadence = "day"
    expectation: Expectation = "detected"
    lingers: tuple[str, ...] = ()


_SCHEMA = ("IN002", "DQ007", "DQ008", "DD004", "DD006")
_MISSING = ("DQ001", "DQ003", "DQ008", "DD001")
_VALUES = ("DQ001", "DQ008", "DD003")
_VOLUME = ("DQ004", "DD002")
_DRIFT = ("DR001", "DR002", "DR003", "DR004", "DR005")
_OUTCOME = ("PF001", "PF002", "PF003", "PF004")
# A request for a new version stands until one is trained, which no drill does while it walks.
_UNTRAINED = ("RT001", "requests_are_served")

FAULTS: tuple[Fault, ...] = (
    Fault(
        "column_renamed", "the export calls a column by another name", "the header of the next file", _SCHEMA, "broken-contract"
    ),
    Fault("column_dropped", "the export leaves a column out", "the column is not in the next file", _SCHEMA, "broken-contract"),
    Fault(
        "column_retyped", "numbers come as text with their unit", "`12.5` becomes `12.5 units` in the next file", _SCHEMA,
        "broken-contract",
    ),
    Fault(
        "null_spike", "most values of a column are missing", "87 % of the rows of the next file, as in the real shop's 2011-08-30",
        _MISSING, "broken-contract",
    ),
    Fault(
        "unit_change", "amounts come in cents instead of units", "every value times 100 in each further file", (*_VALUES, *_DRIFT),
        "broken-contract",
    ),
    Fault(
        "currency_mix", "some rows are in another currency", "a third of the values times 150 in each further file",
        (*_VALUES, *_DRIFT), "broken-contract",
    ),
    Fault(
        "file_repeated", "the same file arrives again under another name", "a copy beside the original", ("COPY", "DD006", "DQ006"),
        "broken-contract", expectation="prevented", lingers=("DD006",),
    ),
    Fault(
        "file_truncated", "a file ends in the middle of a line", "the last 60 % of the bytes of the next file are cut off",
        (*_SCHEMA, *_VOLUME), "broken-contract",
    ),
    Fault(
        "file_late", "deliveries come two days after their time", "files are held back, then put there",
        (*_VOLUME, "DD005", "FR001"), "stale-data",
    ),
    Fault(
        "file_future_dated", "rows are dated a year ahead", "the event time of half of the rows of the next file",
        ("DD005", "DQ001"), "broken-contract",
    ),
    Fault(
        "files_out_of_order", "a day's file comes after that of the next day", "put there in the other order",
        (*_VOLUME, "DD005", "FR001"), "stale-data",
    ),
    Fault(
        "entities_duplicated", "a join upstream repeats every row", "each row of the next file three times", ("DQ002", "DQ006", "DD006", *_VOLUME),
        "broken-contract",
    ),
    Fault("upstream_stops", "no file comes any more, and nobody says so", "all further files are held back", ("FR001", *_VOLUME), "stale-data"),
    Fault("clock_skew", "the machine's clock is weeks ahead", "the clock is set 30 days forward", ("FR001", "DD005"), "restore"),
    Fault(
        "label_flip", "the outcome table has 0 and 1 exchanged", "labels of the newest snapshots in the warehouse",
        ("LK002", *_OUTCOME), "restore", "none",
    ),
    Fault(
        "label_delay", "outcomes of half of the entities come weeks late", "their rows are held back from each further file",
        (*_OUTCOME, *_VOLUME, *_DRIFT), "stale-data", "week",
        lingers=_UNTRAINED,
    ),
    Fault(
        "covariate_shift", "what entities do changes, slowly", "values times 1.3 more each week", (*_DRIFT, *_OUTCOME), "drift-alarm", "week",
        lingers=_UNTRAINED,
    ),
    Fault(
        "prior_shift", "the outcome becomes rarer", "half of the known entities are replaced by new ones in each further file",
        (*_OUTCOME, *_DRIFT), "model-regression", "week",
        lingers=_UNTRAINED,
    ),
    Fault(
        "concept_shift", "who acts no longer depends on what was known of them", "entities are exchanged at random in each further file",
        (*_OUTCOME, *_DRIFT), "model-regression", "week",
        lingers=_UNTRAINED,
    ),
    Fault(
        "run_killed", "a run dies in the middle", "a real process, SIGKILL right after its first commit", ("UNFINISHED",), "failed-run"
    ),
    Fault(
        "disk_full", "the disk fills up while a run writes", "a real process under RLIMIT_FSIZE, just above the warehouse's size",
        ("DISK",), "lock-or-full-disk",
    ),
    Fault(
        "warehouse_locked", "another process holds the warehouse", "a real process holds the lock longer than the deadline", ("MLA301",),
        "lock-or-full-disk",
    ),
    Fault(
        "model_corrupted", "bytes of the champion's package change", "one character of the stored package",
        ("MLA410", "MD001", "GT003"), "restore", "none",
    ),
    Fault(
        "cursor_lost", "Dagster forgets everything: cursors, run keys, materialisations", "the instance folder is removed",
        ("SENSOR",), "failed-run", expectation="prevented",
    ),
    Fault(
        "champion_stale", "nobody retrains, and the champion grows old", "its training is dated 200 days back",
        ("RT001", "champion_is_young_enough"), "retrain", "week",
    ),
    Fault(
        "bad_promotion", "a version that never passed the gate is made champion behind its back", "a line in the alias log",
        ("GT001", "MLA700"), "rollback", "none",
    ),
    Fault(
        "archive_damaged", "the rows that the champion learnt from are damaged", "one byte of the archive",
        ("MLA410",), "restore", "none",
    ),
)  # fmt: skip

BY_NAME = {fault.name: fault for fault in FAULTS}
