"""What a monitor has to say on a page: how far every column is from its reference now, and was before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_assets.evaluation.page import card, code, escaped, table
from ml_assets.evaluation.svg import Chart
from ml_assets.monitoring.drift_pictures import LINES, histogram_picture, history_picture
from ml_assets.monitoring.measures import MEASURES_SHOWN
from ml_assets.monitoring.reference_rows import ReferenceColumn
from ml_assets.specs.monitors import MonitorSpec

_MOST_PICTURES = 6
_ROLES = ("feature", "score", "label")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class DriftFacts:
    """Rows of drift as dictionaries, every snapshot's; the references of the version behind the newest ones."""

    spec: MonitorSpec
    scores: str
    rows: Sequence[Row]
    columns: Sequence[ReferenceColumn]

    @property
    def newest(self) -> list[Row]:
        """Of the newest snapshot: features by their effect on the score, then score and label."""
        last = max((row["snapshot"] for row in self.rows if row["snapshot"] is not None), default=None)
        found = [row for row in self.rows if row["snapshot"] == last]
        return sorted(found, key=lambda row: (_ROLES.index(row["role"]), row["rank"] or 0, row["column_name"]))

    def pictures(self, most: int = _MOST_PICTURES) -> list[tuple[Chart, str]]:
        """Histograms of what drifted in the newest snapshot, features of most effect first, with their titles."""
        by_key = {(column.watched.role, column.watched.column): column for column in self.columns}
        drifted = [row for row in self.newest if row["flagged"]][:most]
        return [
            (_histogram(by_key[row["role"], row["column_name"]], row), title_of(row))
            for row in drifted
            if (row["role"], row["column_name"]) in by_key
        ]


def title_of(row: Row) -> str:
    """Name of a column with its largest distance in thresholds."""
    return f"{row['column_name']}: {strongest(row)[1]:.2f} times its threshold"


def strongest(row: Row) -> tuple[str, float]:
    """The measure that is most times its threshold, and how many times."""
    found = {
        name: row[name] / row[f"{name}_threshold"] for name in MEASURES_SHOWN if row[name] is not None and row[f"{name}_threshold"]
    }  # fmt: skip
    name = max(found, key=lambda measure: found[measure], default="")
    return name, found.get(name, 0.0)


def drift_sections(facts: DriftFacts) -> list[str]:
    """Verdict, pictures, the newest snapshot column by column, and earlier alarms."""
    newest = facts.newest
    if not newest:
        return ["<h2>Drift</h2><p class='soft'>There are no rows to judge yet.</p>"]
    return [_verdict(facts, newest), _pictures(facts), _columns(newest), _alarms(facts), _method(facts, newest)]


def _verdict(facts: DriftFacts, newest: Sequence[Row]) -> str:
    drifted = [row for row in newest if row["flagged"]]
    names = ", ".join(f"{code(row['column_name'])}{_effect_words(row)}" for row in drifted)
    said = (
        f"{len(drifted)} of {len(newest)} columns have drifted: {names}."
        if drifted
        else f"None of {len(newest)} columns has drifted."
    )
    moment = newest[0]["snapshot"]
    where = f"snapshot {moment:%Y-%m-%d}" if moment is not None else "rows that no version learnt from"
    return (
        f"<h2>Drift</h2><div class='verdict'><p>{said}</p></div><p class='soft'>{escaped(facts.scores)}, {where}, "
        f"{max(row['rows'] for row in newest):,} rows against {max(row['reference_rows'] for row in newest):,} test rows of "
        f"version {newest[0]['model_version']}.</p>"
    )  # fmt: skip


def _effect_words(row: Row) -> str:
    if row["effect"] is None:
        return ""
    return f" (moves the mean score by {row['effect']:+.3g} {escaped(row['effect_unit'])})"


def _pictures(facts: DriftFacts) -> str:
    legend = (("negative", "reference"), ("positive", "now"))
    note = "Share of rows in bins that hold equally many reference rows." if facts.columns else ""
    cards = [card(title, chart.svg(), note, legend) for chart, title in facts.pictures()]
    history = _history(facts)
    return f"<h2>Pictures</h2><div class='cards'>{''.join([*cards, *history])}</div>" if cards or history else ""


def _history(facts: DriftFacts) -> list[str]:
    moments = sorted({row["snapshot"] for row in facts.rows if row["snapshot"] is not None})
    if len(moments) < 2:
        return []
    newest = facts.newest
    wanted = [row for row in newest if row["role"] == "score" or row["flagged"]] + list(newest)
    names = list(dict.fromkeys((row["role"], row["column_name"]) for row in wanted))[: len(LINES)]
    at = {(row["role"], row["column_name"], row["snapshot"]): strongest(row)[1] for row in facts.rows}
    ratios = {column: [at.get((role, column, moment)) for moment in moments] for role, column in names}
    legend = list(zip(LINES, ratios, strict=False))
    note = "The largest of a column's distances, in thresholds; above the dashed line it has drifted."
    return [card("Over time", history_picture(ratios, moments).svg(), note, legend, wide=True)]


def _columns(newest: Sequence[Row]) -> str:
    measures = [name for name in MEASURES_SHOWN if any(row[name] is not None for row in newest)]
    header = ["column", "effect on the score", "mean, before", "missing, before", *map(_heading, measures)]
    rows = [
        [
            f"<b>{escaped(row['column_name'])}</b>" if row["flagged"] else escaped(row["column_name"]),
            "" if row["effect"] is None else f"{row['effect']:+.3g}",
            _now_before(_number(row["mean"]), _number(row["reference_mean"])),
            _now_before(_share(row["missing_share"]), _share(row["reference_missing_share"])),
            *(_measure(row, name) for name in measures),
        ]
        for row in newest
    ]  # fmt: skip
    note = (
        "Below each mean and share that of the reference, below each distance its threshold; what lies above is bold."
    )
    return f"<h2>Column by column</h2><p class='soft'>{note}</p>{table(header, rows)}"


def _now_before(now: str, before: str) -> str:
    return f'{now}<span class="range">{before}</span>'


def _heading(measure: str) -> str:
    return measure.replace("_", " ")


def _measure(row: Row, name: str) -> str:
    if row[name] is None:
        return ""
    value = f"<b>{row[name]:.3g}</b>" if name in row["flags"] else f"{row[name]:.3g}"
    return f'{value}<span class="range">{row[f"{name}_threshold"]:.3g}</span>'


def _alarms(facts: DriftFacts) -> str:
    rows = [
        [f"{row['snapshot']:%Y-%m-%d}" if row["snapshot"] is not None else "", code(row["column_name"]), escaped(row["role"]),
         escaped(", ".join(row["flags"])), f"{strongest(row)[1]:.2f}", "" if row["effect"] is None else f"{row['effect']:+.3g}"]
        for row in sorted(facts.rows, key=lambda row: (str(row["snapshot"]), row["role"], row["rank"] or 0), reverse=True)
        if row["flagged"]
    ]  # fmt: skip
    if not rows:
        return "<h2>All that drifted</h2><p class='soft'>Nothing, in any snapshot that is kept.</p>"
    header = ["snapshot", "column", "role", "measures", "times its threshold", "effect on the score"]
    return f"<h2>All that drifted</h2>{table(header, rows, text_columns=4)}"


def _method(facts: DriftFacts, newest: Sequence[Row]) -> str:
    budget, bases = facts.spec.false_alarms, sorted({row["basis"] for row in newest})
    return (
        f"<h2>How thresholds are set</h2><p>For at most {budget.at_most:g} false alarms a {budget.per} by all columns and "
        f"measures together, from chance and from how much columns moved before: {escaped('; '.join(bases))}.</p>"
    )


def _histogram(column: ReferenceColumn, row: Row) -> Chart:
    missing = row["rows"] - sum(row["counts"])
    return histogram_picture(row["column_name"], column.bins, column.sketch, row["counts"], missing)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
