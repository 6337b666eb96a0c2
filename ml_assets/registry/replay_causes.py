"""Why a version may not come out as it was: what its manifest records, beside what is so now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any, Literal, NamedTuple

from ml_assets.registry.changes import flattened
from ml_assets.specs.models import ModelSpec
from ml_assets.training.model import ModelAsset
from ml_assets.training.provenance import machine

Kind = Literal["parameters", "packages", "machine", "code", "fitting", "declaration", "data", "sql"]
_LEARNING = (
    "task", "estimator", "tuning", "calibration", "costs", "categorical", "unseen_categories", "label", "split", "entity", "features",
    "exclude",
)  # fmt: skip
# What fitting found, not how long it took; a search ended by the clock is repeated by its number of trials.
_FOUND = (
    "rounds",
    "validation_loss",
    "calibration",
    "threshold",
    "left_out_features",
    "rows_trained_on",
    "rule_feature",
)


class Cause(NamedTuple):
    """One field that is not as the manifest has it.

    `explains`: whether it can be why a replay differs. Declarations, SQL and data of today cannot, since a replay takes the
    recorded declaration and the archived rows; they say why training anew would give something else. What fitting found
    (`fitting`) is where a difference shows, not where it comes from.
    """

    kind: Kind
    name: str
    then: str | None
    now: str | None
    explains: bool

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.then or '(none)'} then, {self.now or '(none)'} now"


class _AsRecorded(ModelAsset):
    """The model as its manifest has it, with the features of that time."""

    def __init__(self, spec: ModelSpec, features: Mapping[str, str]) -> None:
        super().__init__(spec, {}, f"models.{spec.name}", "")
        self._features = dict(features)

    @property
    def features(self) -> dict[str, str]:
        return self._features


def causes_of(
    manifest: Mapping[str, Any], spec: ModelSpec, declared: ModelSpec, facts: Mapping[str, Any], data: Mapping[str, Any], ml_assets: str
) -> tuple[Cause, ...]:  # fmt: skip
    """Every field that differs, those that can explain a difference first.

    `spec` is the manifest's declaration, `declared` today's; `facts` are those of the replay's fitting; `data` is what the
    training set is made from today; `ml_assets` is the version of this package.
    """
    found = [
        *_differing("parameters", _twice(manifest), flattened(spec.estimator.model_dump(mode="json")), True),
        *_logic(manifest, spec),
        *_differing("packages", manifest.get("packages", {}), installed_versions(manifest.get("packages", {}), ml_assets), True),
        *_differing("machine", flattened(manifest.get("machine", {})), flattened(machine()), True),
        *_differing("fitting", _found(manifest.get("facts", {})), _found(facts), False),
        *_differing("declaration", _learning(spec), _learning(declared), False),
        *_data(manifest.get("data", {}), data),
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda cause: not cause.explains))


def _differing(kind: Kind, then: Mapping[str, str], now: Mapping[str, str], explains: bool) -> Iterator[Cause]:
    for name in sorted({*then, *now}):
        if then.get(name) != now.get(name):
            yield Cause(kind, name, then.get(name), now.get(name), explains)


def _twice(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The parameters as they stand beside the declaration: a manifest has them twice, and has to say the same."""
    return flattened(manifest.get("estimator", {}))


def _logic(manifest: Mapping[str, Any], spec: ModelSpec) -> Iterator[Cause]:
    """The fingerprint of declaration and training code: another one means that either was changed since."""
    now = _AsRecorded(spec, manifest["features"]).logic
    if manifest.get("logic") != now:
        yield Cause("code", "logic of training", manifest.get("logic"), now, True)


def installed_versions(recorded: Mapping[str, str], ml_assets: str) -> dict[str, str]:
    """The versions there are now of the packages that a manifest names."""
    found = {"ml_assets": ml_assets}
    for name in recorded:
        if name not in found:
            try:
                found[name] = installed_version(name)
            except PackageNotFoundError:
                found[name] = "not installed"
    return found


def _found(facts: Mapping[str, Any]) -> dict[str, str]:
    tuned = facts.get("tuning", {}).get("parameters", {})
    return flattened({**{name: facts.get(name) for name in _FOUND}, "tuned": tuned})


def _learning(spec: ModelSpec) -> dict[str, str]:
    dumped = spec.model_dump(mode="json")
    return flattened({name: dumped[name] for name in _LEARNING})


def _data(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Cause]:
    for table in sorted({*then, *now}):
        before, after = then.get(table, {}), now.get(table, {})
        yield from _differing("sql", _said(table, before, "logic"), _said(table, after, "logic"), False)
        yield from _differing("data", _said(table, before, "content"), _said(table, after, "content"), False)


def _said(table: str, summary: Mapping[str, Any], name: str) -> dict[str, str]:
    value = summary.get(name)
    return {} if value is None else {table: ", ".join(value) if isinstance(value, list) else str(value)}
