"""The registry's actions as Dagster jobs: done and audited from the UI, by the same functions as on the command line."""

from typing import Any

import dagster as dg

from ml_assets.components.assets import dagster_failure
from ml_assets.components.keys import asset_key
from ml_assets.errors import MlAssetsError
from ml_assets.registry.actions import Outcome, Registrar
from ml_assets.registry.champion import ChampionAsset
from ml_assets.resources import MlAssetsResource
from ml_assets.warehouse.asset import TableAsset

_VERSION = "Number of the version."
_DESCRIPTIONS = {
    "promote": "Makes a version champion that may serve and, where the policy is approval, is approved.",
    "approve": "Approves a version exactly as it was judged; with enough approvals it becomes champion.",
    "rollback": "Makes the champion before, or the named version, champion again.",
}


def registry_jobs(asset: TableAsset, resource: MlAssetsResource) -> list[dg.JobDefinition]:
    """`promote_<model>`, `approve_<model>` and `rollback_<model>`; none for assets of other kinds."""
    if not isinstance(asset, ChampionAsset):
        return []
    return [_job(action, asset, resource) for action in _DESCRIPTIONS]


def _job(action: str, asset: ChampionAsset, resource: MlAssetsResource) -> dg.JobDefinition:
    name = f"{action}_{asset.spec.name}"
    fields = {
        "by": dg.Field(str, description="Who does it; shown wherever the decision is."),
        "reason": dg.Field(str, description="Why; kept in the log for ever."),
        "version": dg.Field(int, description=_VERSION)
        if action != "rollback"
        else dg.Field(dg.Noneable(int), default_value=None, description=f"{_VERSION} Null: the champion before."),
    }

    @dg.op(name=f"{name}_op", config_schema=fields, description=_DESCRIPTIONS[action], out=dg.Out(dg.Nothing))
    def acted(context: dg.OpExecutionContext) -> None:
        config: dict[str, Any] = context.op_config
        try:
            outcome = _act(asset, resource, action, config, context)
        except MlAssetsError as problem:
            raise dagster_failure(problem) from problem
        _tell(context, asset, outcome)

    @dg.job(
        name=name,
        description=_DESCRIPTIONS[action],
        tags={"ml_assets/action": action, "ml_assets/model": asset.spec.name},
    )
    def job() -> None:
        acted()

    return job


def _act(
    asset: ChampionAsset, resource: MlAssetsResource, action: str, config: dict[str, Any], context: dg.OpExecutionContext
) -> Outcome:  # fmt: skip
    run = resource.context(context.log, context.run.run_id)
    outcome: Outcome = getattr(Registrar(run, asset, config["by"], config["reason"]), action)(config["version"])
    return outcome


def _tell(context: dg.OpExecutionContext, asset: ChampionAsset, outcome: Outcome) -> None:
    """The decision in the run's tags, its log, and on the asset's own page."""
    context.log.info("%s, by %s: %s", outcome.sentence, outcome.by, outcome.reason)
    tags = {
        "ml_assets/by": outcome.by,
        "ml_assets/version": str(outcome.version),
        "ml_assets/reason": outcome.reason[:200],
    }
    context.instance.add_run_tags(context.run.run_id, tags)
    facts = {name: value for name, value in outcome.to_json().items() if value is not None}
    context.log_event(dg.AssetObservation(asset_key(asset.name), description=outcome.sentence, metadata=facts))
