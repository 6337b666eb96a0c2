"""What to type next, by what an incident is about."""

from __future__ import annotations

from collections.abc import Iterator

from ml_assets.operations.causes import Cause
from ml_assets.operations.incident_book import Incident
from ml_assets.operations.runbooks import how_to_read
from ml_assets.operations.watch import Watch
from ml_assets.scoring.example_scores import ExampleScoresAsset
from ml_assets.scoring.scores import ScoresAsset
from ml_assets.specs.models import ModelSpec


def next_steps(one: Incident, watch: Watch) -> list[str]:
    """Commands in the order in which one would type them, the runbook first."""
    found = [how_to_read(one.runbook)]
    if one.status == "open":
        found.append(f"ml-assets incidents acknowledge {one.number} --note TEXT")
    found += commands_for(one.cause, one.asset, model_of(one.asset, watch) or next(iter(one.affected.models), ""))
    return list(dict.fromkeys(found))


def commands_for(cause: Cause, asset: str, model: str) -> Iterator[str]:
    """By cause: look, repair, make again."""
    if cause in ("lock", "disk", "sensor"):
        yield "ml-assets doctor"
    if cause in ("late_upstream", "stale", "failed_run", "code") and asset:
        yield f"ml-assets plan +{asset}"
    if cause == "candidate" and model:
        yield f"ml-assets registry list {model}"
    elif cause in ("drift", "base_rate", "performance", "model", "parameters") and model:
        yield f"ml-assets registry list {model}"
        yield (
            f"ml-assets rollback {model} --reason TEXT"
            if cause == "model"
            else f"ml-assets run models.{model}__champion --retrain"
        )
    elif asset:
        yield f"ml-assets explain {asset}"
        yield f"ml-assets run {asset}+"
    yield "ml-assets incidents update"


def model_of(name: str, watch: Watch) -> str:
    """The model that a table belongs to; empty where it belongs to none."""
    asset = watch.asset(name)
    if asset is None:
        return ""
    if isinstance(asset, ScoresAsset | ExampleScoresAsset):
        return asset.model.name
    return asset.spec.name if isinstance(asset.spec, ModelSpec) else ""
