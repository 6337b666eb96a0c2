"""Which version may serve: the one place where a reference becomes a version, or is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ml_assets.errors import NotMaterializedError, RegistryError, UnknownNameError
from ml_assets.registry.book import Action, StoredVerdict, override_of, verdicts
from ml_assets.warehouse.aliases import ALIASES, CHALLENGER, version_at
from ml_assets.warehouse.names import TableName
from ml_assets.warehouse.store import Workbench


@dataclass(frozen=True)
class Standing:
    """Whether one version may serve, and by what. `refusal` is empty when it may."""

    model: str
    version: int
    package_sha256: str
    verdict: StoredVerdict | None
    override: Action | None

    @property
    def refusal(self) -> str:
        """Why it may not serve, in words."""
        if self.override is not None:
            return ""
        if self.verdict is None:
            return "the gate has not judged it"
        if self.verdict.hashes.package_sha256 != self.package_sha256:
            return f"its verdict is about package {self.verdict.hashes.package_sha256}, not {self.package_sha256}"
        return "" if self.verdict.passed else f"the gate refused it: {self.verdict.reasons}"

    @property
    def said(self) -> str:
        """The standing in words, with the override wherever there is one."""
        if self.override is not None:
            return f"{self.model}@{self.version} by {self.override}"
        return f"{self.model}@{self.version} {self.refusal or 'passed the gate'}"


def standing(bench: Workbench, model: str, version: int, now: datetime) -> Standing:
    """How a version stands at `now`, by its last verdict and overrides of its very package. Raises for an unknown one."""
    sha = package_of(bench, model, version)
    given = verdicts(bench, model, version)
    return Standing(model, version, sha, given[-1] if given else None, override_of(bench, model, version, sha, now))


def package_of(bench: Workbench, model: str, version: int) -> str:
    """SHA-256 of a stored version's package."""
    table = TableName("models", model)
    found = (
        bench.value(f"select package_sha256 from {table.quoted} where version = ?", [version])
        if bench.has_table(table)
        else None
    )
    if found is None:
        known = (
            [str(row[0]) for row in bench.rows(f"select version from {table.quoted} order by 1")]
            if bench.has_table(table)
            else []
        )
        raise NotMaterializedError(
            f"there is no {model}@{version}", expected=f"a version of {table}: {', '.join(known) or 'none so far'}", got=version,
            remedy=f"name one of these, or train one: ml-assets run {table}",
        )  # fmt: skip
    return str(found)


def resolve(bench: Workbench, model: str, alias: str, version: int | None, now: datetime) -> Standing:
    """The pinned version, or the one the alias points to, as far as it may serve; anything else is an error.

    Whoever wants predictions for others asks here: a version without a passing verdict on its exact package is refused,
    unless an override of that package counts at `now`.
    """
    number = version if version is not None else version_at(bench, model, alias)
    if number is None:
        raise _without_alias(bench, model, alias)
    found = standing(bench, model, number, now)
    if found.refusal:
        raise refused(found)
    return found


def refused(found: Standing) -> RegistryError:
    """The error that says why a version may not serve, and what can be done."""
    return RegistryError(
        f"{found.model}@{found.version} may not serve", expected="a passing verdict of the gate on exactly this package",
        got=found.refusal,
        remedy=f"ml-assets registry rollback {found.model}, or train a better one; a person may answer for it for a time: "
        f"ml-assets registry override {found.model}@{found.version} --reason … --until DATE",
    )  # fmt: skip


def _without_alias(bench: Workbench, model: str, alias: str) -> NotMaterializedError:
    waiting = version_at(bench, model, CHALLENGER) if alias != CHALLENGER else None
    remedies = {
        "champion": f"ml-assets run models.{model}__champion trains, judges and promotes one",
        "challenger": "a passing version becomes challenger where the promotion policy is approval",
        "pinned": f"ml-assets registry pin {model}@VERSION",
    }
    got, remedy = "none so far", remedies.get(alias, "")
    if waiting is not None and alias == "champion":
        got, remedy = f"version {waiting} waits for approval", f"ml-assets registry approve {model}@{waiting}"
    return NotMaterializedError(
        f"{model} has no {alias}", expected=f"a version that passed the gate and became {alias}", got=got, remedy=remedy
    )


def version_named(bench: Workbench, model: str, which: str | None) -> int:
    """A version by number or alias (champion where nothing is said); existence is checked, standing is not."""
    word = which or "champion"
    if word.isdecimal():
        package_of(bench, model, int(word))
        return int(word)
    if word not in ALIASES:
        raise UnknownNameError("alias or version", word, ALIASES)
    found = version_at(bench, model, word)
    if found is None:
        raise _without_alias(bench, model, word)
    return found
