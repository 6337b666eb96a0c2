"""What `check` found, told to whoever listens as a run in which nothing was made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ml_assets.errors import shortened
from ml_assets.graph.events import FailedCheck, Listener, RunBegan, RunEnded, StepEnded, model_of
from ml_assets.graph.verdict import Verdict
from ml_assets.warehouse.asset import TableAsset

COMMAND = "check"


def tell_verdict(
    listener: Listener, run_id: str, began: datetime, verdict: Verdict, assets: Sequence[TableAsset]
) -> None:
    """One step for each asset that was to be judged; what could not be judged counts as failed."""
    now = datetime.now(UTC)
    listener(RunBegan(run_id, COMMAND, began, len(assets)))
    unjudged = 0
    for asset in assets:
        name = str(asset.name)
        bad = [one for one in verdict.of("error", "failed", "warned") if one.asset == name]
        failed = tuple(
            FailedCheck(one.check, one.code, one.severity, one.partition,
                        "could not be judged" if one.outcome == "error" else shortened(one.summary, 300))
            for one in bad
        )  # fmt: skip
        broken = any(one.outcome == "error" for one in bad)
        unjudged += broken
        keys = tuple(sorted({found.partition for found in verdict.findings.get(asset.name, ())}))
        listener(
            StepEnded(
                run_id,
                COMMAND,
                asset.name,
                keys,
                "failed" if broken else "judged",
                now,
                now,
                model=model_of(asset),
                failed_checks=failed,
            )
        )
    listener(RunEnded(run_id, COMMAND, began, now, len(assets) - unjudged, unjudged, 0))
