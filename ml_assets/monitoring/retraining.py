"""Whether a challenger is due, and the request for it. Whether it may serve is for the gate alone to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ml_assets.features.labels import LabelAsset
from ml_assets.monitoring.retraining_triggers import (
    LearntFrom,
    TriggerState,
    age_state,
    decay_findings,
    decay_state,
    drift_findings,
    drift_state,
    in_words,
    labels_state,
    rows_since,
)
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs.monitors import MonitorSpec
from ml_assets.specs.times import snapshot_key, span_length
from ml_assets.training.versions import stored_version
from ml_assets.warehouse.aliases import version_at
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.check import Check, CheckScope
from ml_assets.warehouse.computed import ComputedTable, Staged
from ml_assets.warehouse.manifest import UNPARTITIONED, fingerprint, manifest_of
from ml_assets.warehouse.names import TableName, quoted
from ml_assets.warehouse.results import CheckFinding
from ml_assets.warehouse.retrain_requests import (
    RetrainRequest,
    newest_version,
    open_requests,
    request_retraining,
    retrain_requests,
)
from ml_assets.warehouse.store import Workbench

_COLUMNS = 'trigger varchar, value double, "limit" double, unit varchar, met boolean, declared boolean, said varchar'
_LONGEST_WAIT = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class _Decided(Staged):
    """With the request that is to be made, if any."""

    request: RetrainRequest | None


class RetrainingAsset(ComputedTable):
    """`monitoring.<monitor>__retraining`: grain one trigger. Requests are appended to `ops.retrain_requests`.

    A request makes the training set due; the version that comes of it goes through the same gate as every other. None is made
    while one waits, within `at_most_every` of the last, or while there is nothing to learn that the newest version has not seen.
    """

    kinds = ("duckdb",)

    def __init__(
        self, spec: MonitorSpec, scores: ScoresAsset, labels: LabelAsset | None, place: str, use_case: str
    ) -> None:
        super().__init__(TableName("monitoring", f"{spec.name}__retraining"), spec, place, use_case=use_case)
        self.spec: MonitorSpec = spec
        self.scores = scores
        self.labels = labels
        self.performance = TableName("monitoring", f"{spec.name}__performance")
        self.drift = TableName("monitoring", f"{spec.name}__drift")

    @property
    def description(self) -> str:
        return f"Whether a new version of {self.scores.model.name} is to be trained: each trigger with value and limit."

    @property
    def deps(self) -> tuple[TableName, ...]:
        return (self.scores.champion, self.drift, self.performance, *self._outcomes)

    @property
    def _outcomes(self) -> tuple[TableName, ...]:
        """Where outcomes are read from."""
        if self.scores.model.source is not None:
            return (TableName("training", self.scores.model.name), TableName.parse(self.scores.model.source))
        return () if self.labels is None else (self.labels.name,)

    @property
    def logic(self) -> str:
        return fingerprint("retraining/1", self.spec.retrain.model_dump(mode="json"))

    def inputs(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> dict[str, dict[str, str]]:
        serving = self._serving(bench)
        if serving is None:
            return {}
        found = {
            str(table): fingerprint({key: row.content for key, row in manifest_of(bench, table).items()})
            for table in self.deps
        }
        said = [[*drift_findings(bench, self.drift)], [*decay_findings(bench, self.performance)]]
        return {
            UNPARTITIONED: found | {
                "findings": fingerprint(said), "serving version": str(serving),
                "newest version": str(newest_version(bench, self.scores.model.name)), "day": snapshot_key(context.now),
            }
        }  # fmt: skip

    def refuse_blocked_inputs(self, bench: Workbench, partitions: Sequence[str]) -> None:
        """Nothing is refused: a model that must not be used is all the more reason to ask for another."""

    def _serving(self, bench: Workbench) -> int | None:
        spec = self.scores.spec
        return spec.version if spec.version is not None else version_at(bench, spec.model, spec.alias)

    def compute(self, bench: Workbench, context: RunContext, partitions: Sequence[str]) -> Staged:
        serving = self._serving(bench)
        assert serving is not None
        model = self.scores.model.name
        learnt = self._learnt_from(bench, serving)
        states = self._states(bench, context, learnt)
        newest = newest_version(bench, model)
        unseen = learnt.new if newest == serving else self._learnt_from(bench, newest).new
        reason, words = self._why_not(bench, context.now, unseen), in_words(states)
        request = None
        if words and not reason:
            facts = {one.trigger: one._asdict() for one in states} | {"serving": serving, "unseen": unseen}
            request = RetrainRequest(model, self.spec.name, newest, words, facts, context.now)
        bench.execute(f"create or replace temp table triggers ({_COLUMNS})")
        columns = [list(column) for column in zip(*states, strict=True)]
        bench.execute(f"insert into triggers select {', '.join(['unnest(?)'] * len(columns))}", columns)
        decision = (
            f"a new version is asked for: {words}"
            if request
            else f"nothing is asked for: {reason or 'no trigger is met'}"
        )
        met = f"; met: {words}" if words and not request else ""
        return _Decided("(select * from triggers order by trigger)", {"decision": decision + met}, request=request)

    def _states(self, bench: Workbench, context: RunContext, learnt: LearntFrom) -> list[TriggerState]:
        spec = self.spec.retrain
        rows = bench.rows(
            f"select coalesce(strftime(snapshot, '%Y-%m-%d'), ''), max(model_version) from {self.performance.quoted} group by 1"
            if bench.has_table(self.performance)
            else "select null, null where false"
        )
        return [
            drift_state(spec, drift_findings(bench, self.drift), snapshots=self.scores.snapshots is not None),
            decay_state(spec, decay_findings(bench, self.performance), dict(rows), learnt.version),
            age_state(spec, learnt, context.now),
            labels_state(spec, learnt),
        ]

    def _learnt_from(self, bench: Workbench, version: int) -> LearntFrom:
        stored = stored_version(bench, self.scores.model.name, version).manifest
        training = stored["training_set"]
        learnt = sum(training["parts"].get(part, {}).get("rows", 0) for part in ("train", "validation"))
        if self.scores.model.source is not None:
            new = self._labelled_examples(bench, self.scores.model.source) - int(training["rows"])
        else:
            new = 0 if self.labels is None else rows_since(bench, self.labels.name, training["inputs"])
        return LearntFrom(version, datetime.fromisoformat(stored["trained_at"]).astimezone(UTC), learnt, max(0, new))

    def _labelled_examples(self, bench: Workbench, source: str) -> int:
        label = quoted(self.scores.model.label_column.column)
        return int(bench.value(f"select count({label}) from {TableName.parse(source).quoted}"))

    def _why_not(self, bench: Workbench, now: datetime, unseen: int) -> str:
        """Why no request is made whatever the triggers say; the empty text where one may be."""
        model = self.scores.model.name
        waiting, made = open_requests(bench, model), retrain_requests(bench, model)
        if waiting:
            return f"one waits since {waiting[0].requested_at:%Y-%m-%d}"
        if made and now - made[-1].requested_at < span_length(self.spec.retrain.at_most_every):
            return f"the last was made on {made[-1].requested_at:%Y-%m-%d}, at most one in {self.spec.retrain.at_most_every}"
        return "" if unseen else "there is no outcome that the newest version has not seen"

    def after_write(self, bench: Workbench, context: RunContext, staged: Staged) -> None:
        assert isinstance(staged, _Decided)
        if staged.request is not None:
            request_retraining(bench, staged.request)

    @property
    def checks(self) -> tuple[Check, ...]:
        return (_waiting_check(self.spec, self.scores.model.name),)


def _waiting_check(spec: MonitorSpec, model: str) -> Check:
    name = "requests_are_served"

    def judge(scope: CheckScope) -> list[CheckFinding]:
        made, waiting = retrain_requests(scope.bench, model), open_requests(scope.bench, model)
        if not made:
            return [CheckFinding(name, "not_applicable", "no new version was ever asked for")]
        since = max((scope.now - one.requested_at for one in waiting), default=timedelta())
        said = f"{len(made)} made, the last {made[-1].said}"
        if waiting:
            said = f"waits for {since.days} days, limit {_LONGEST_WAIT.days}: {waiting[0].said}"
        numbers: dict[str, Any] = {"made": len(made), "waiting": len(waiting), "days": since.days}
        return [CheckFinding.judged(name, since <= _LONGEST_WAIT, said, numbers=numbers)]

    return Check(name, "RT001", "No request for a new version waits longer than a week.", judge, spec.severity)
