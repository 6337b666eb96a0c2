"""What each operational indicator means: its unit, what it counts over which time, and when there is none.

The definitions stand here once: the page, `ml-assets kpi --explain` and docs/monitoring/kpis.md say them as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True)
class KpiDefinition:
    """One indicator. `unit` "share" is from 0 to 1; "cost" is CPU-seconds, or the declared currency where there is a price.

    `better` says which way is good, None where neither is. `over`: which events belong to a window, or that it is about now.
    `absent`: when there is no value.
    """

    name: str
    title: str
    unit: str
    better: Better | None
    definition: str
    over: str
    absent: str


NOW = "what is so now; the window plays no part"
CATALOGUE: tuple[KpiDefinition, ...] = (
    KpiDefinition(
        "step_success_rate", "Steps that succeed", "share", "higher",
        "A step is one asset in one run, of the command line or of Dagster; whatever was tried again within it counts once. It "
        "fails when it raised at its last try, when one of its checks could not be judged, or when a blocking check keeps "
        "consumers out; what was skipped because of it was no step. Runs of `ml-assets check` make nothing and do not count, nor does the step that makes these indicators. "
        "A process that was killed leaves no step.",
        "steps by the clock of their run", "no step ran",
    ),
    KpiDefinition(
        "run_success_rate", "Runs that succeed", "share", "higher",
        "Runs in which no step failed, of all runs with a step (as above).",
        "runs by the clock of their first step", "nothing ran",
    ),
    KpiDefinition(
        "check_pass_rate", "Checks that hold", "share", "higher",
        "Verdicts that passed, of those that passed or failed; errors and warnings alike. The same verdict on the same content "
        "counts once a day. What could not be judged counts on neither side.",
        "verdicts by day of the clock", "no check was judged",
    ),
    KpiDefinition(
        "time_to_detect", "Time to detect", "hours", "lower",
        "Median time from the first bad event to the opening of its incident: from when it happened, not from when it landed.",
        "incidents opened in the window", "no incident was opened",
    ),
    KpiDefinition(
        "time_to_acknowledge", "Time to acknowledge", "hours", "lower",
        "Median time from the opening of an incident, or its coming back, until somebody took it.",
        "incidents acknowledged in the window", "no incident was acknowledged",
    ),
    KpiDefinition(
        "time_to_recover", "Time to recover", "hours", "lower",
        "Median time from the opening of an incident to its closing. Those that are still open have no such time yet and are told "
        "beside it; so this looks better than it is while a long one lasts. One that a person dismissed did not recover.",
        "incidents closed in the window, whenever they were opened", "no incident was closed",
    ),
    KpiDefinition(
        "incidents_open", "Open incidents", "count", "lower",
        "Incidents that were opened before the window's end and had not been closed by then.",
        "what is so at the end of the window", "never; without incidents it is 0",
    ),
    KpiDefinition(
        "oldest_open_incident", "Oldest open incident", "hours", "lower",
        "Age of the open incident that was opened first.",
        "what is so at the end of the window", "no incident is open",
    ),
    KpiDefinition(
        "scoring_p95", "Scoring, 95th percentile", "seconds", "lower",
        "The least time that 95 % of the steps that wrote scores took no longer than, from begin to end with checks and waits "
        "for the lock, on the wall clock. Batch scoring alone: nothing else serves predictions yet.",
        "steps by the clock of their run", "no step wrote scores",
    ),
    KpiDefinition(
        "scoring_p95_per_1000", "Scoring of 1,000 rows, 95th percentile", "seconds", "lower",
        "As above, each step's time divided by the thousands of rows it wrote. Small steps look slow: what a step costs "
        "whatever it makes is divided by few rows.",
        "steps by the clock of their run", "no step wrote scores",
    ),
    KpiDefinition(
        "freshness_attainment", "Days on which data was fresh", "share", "higher",
        "Days of tables on which the last verdict of the freshness check (FR001) held, of all such days with a verdict. "
        "Freshness is judged by the time of events and the table's trading calendar.",
        "verdicts by day of the clock", "no table declares freshness, or none was judged",
    ),
    KpiDefinition(
        "monitoring_coverage", "Production that is watched", "share", "higher",
        "Production is every scored output, the champion behind it and every raw table upstream. Watched are scores and "
        "champions by a Monitor of the scores, raw tables by a Monitor of the table or by a declared freshness; a raw table "
        "without event time by its contract.",
        NOW, "no scored output is declared",
    ),
    KpiDefinition(
        "rollback_readiness", "Models that could be rolled back", "share", "higher",
        "Models in production with a champion before the present one that may serve now (its verdict counts, or an override) and "
        "gives its golden rows the scores it gave when it was judged, to the last bit. The first champion has none before it.",
        NOW, "no scored output is declared",
    ),
    KpiDefinition(
        "documentation", "Documentation that is stated", "share", "higher",
        "What people have to state, as far as they have: owners and description of each declaration, a description of each "
        "declared column, and each text of each model's card.",
        NOW, "nothing is declared",
    ),
    KpiDefinition(
        "cost_per_1000_predictions", "Cost of 1,000 predictions", "cost", "lower",
        "CPU time of the steps that make scores, failed ones too, by the thousand rows of scores they wrote. What comes before, such "
        "as features, is not in it. The interval says how far the division among steps that ran at once may be off.",
        "steps by the clock of their run", "no scores were written, or their CPU time is not known",
    ),
    KpiDefinition(
        "cost_per_training_run", "Cost of a training run", "cost", "lower",
        "CPU time of all steps of training sets, models, evaluations and verdicts, failed ones too, by the versions trained. The "
        "interval is as above.",
        "steps by the clock of their run", "no version was trained, or its CPU time is not known",
    ),
    KpiDefinition(
        "deployment_frequency", "Promotions in 30 days", "count", None,
        "Moves of a champion alias to another version, by the gate or a person, scaled to 30 days. Rollbacks are none.",
        "promotions by the clock", "no model is declared",
    ),
    KpiDefinition(
        "change_failure_rate", "Promotions that failed", "share", "lower",
        "Promotions whose version was rolled back afterwards, until now, of all promotions.",
        "promotions by the clock", "nothing was promoted",
    ),
    KpiDefinition(
        "gain_correlation", "Offline gain and online gain", "correlation", "higher",
        "Pearson's correlation over promotions: by how much the gate's comparison said a version was better than the champion "
        "before it, and by how much its scores were better once their outcomes were known; with Fisher's 95 % interval. "
        "Whether what is measured beforehand says what will happen.",
        "all promotions whose outcomes are known, whenever they were", "there are fewer than five such pairs",
    ),
)  # fmt: skip
BY_NAME = {one.name: one for one in CATALOGUE}
