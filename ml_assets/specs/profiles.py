"""Declaration of a profile: what differs between development, staging and production."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from ml_assets.specs.base import Name, Spec
from ml_assets.specs.gate import PromotionSpec
from ml_assets.specs.pulls import EnvironmentSpec
from ml_assets.specs.times import Span


def _inside_project(value: str) -> str:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or path.suffix not in (".yaml", ".yml"):
        raise ValueError(
            f"{value!r} is no instance file: give a .yaml file relative to the project's root, without '..'"
        )
    return value


InstanceFile = Annotated[str, AfterValidator(_inside_project)]


class EngineSpec(Spec):
    """How much of the machine one query may use, and how long it waits for the warehouse."""

    memory_limit: str | None = Field(
        default=None, pattern=r"^\d+(\.\d+)?\s*(MB|GB|TB|MiB|GiB|TiB)$",
        description="DuckDB's memory limit, such as 4GB; default 1700MB. $ML_ASSETS_MEMORY_LIMIT goes before it.",
    )  # fmt: skip
    threads: int | None = Field(
        default=None, ge=1, description="Cores that a query may use; default all. $ML_ASSETS_THREADS goes before it."
    )
    lock_deadline_seconds: float = Field(default=300.0, gt=0, description="How long to wait for the warehouse's lock.")


class ProfileSpec(Spec):
    """One way to run the same graph, chosen by $ML_ASSETS_PROFILE."""

    description: str = Field(default="", description="What it is for; shown by `ml-assets profile`.")
    home: str | EnvironmentSpec = Field(
        default=".ml_assets",
        description="State folder, relative to the project's root, or {env: NAME}. $ML_ASSETS_HOME goes before it.",
    )
    engine: EngineSpec = Field(default=EngineSpec(), description="Limits of every query.")
    promotion: PromotionSpec = Field(
        default=PromotionSpec(), description="How versions become champion, for models that declare no promotion."
    )
    fresh_for: Span = Field(
        default="8 days",
        description="Age at which Dagster calls the newest materialisation of a table without snapshots late.",
    )
    dagster: InstanceFile | None = Field(
        default=None, description="Dagster's instance file, copied once into the state folder; default SQLite."
    )
    alert_routes: dict[Name, EnvironmentSpec] = Field(
        default_factory=dict,
        description="Name of a route → the variable that holds its URL, as Apprise has it (extra `alerts`). Incidents are told over it.",
    )

    @field_validator("home")
    @classmethod
    def _home_is_a_folder(cls, value: str | EnvironmentSpec) -> str | EnvironmentSpec:
        if isinstance(value, str) and not value.strip():
            raise ValueError("home is empty: give a folder, or {env: NAME}")
        return value
