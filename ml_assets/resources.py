"""Dagster resources: the project's state and clock, built from configuration."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import dagster as dg
from pydantic import Field

from ml_assets import __version__
from ml_assets.graph.profile import Profile, load_profile
from ml_assets.sql_files import sql_root
from ml_assets.warehouse.asset import Progress, RunContext
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.store import EngineSettings, Warehouse

RESOURCE_KEY = "ml_assets"


class MlAssetsResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the state lives and how much of the machine a query may use."""

    project_root: str = Field(description="Folder that holds sql/ and, by default, the state folder .ml_assets/.")
    home: str | None = Field(default=None, description="State folder; default $ML_ASSETS_HOME, else the profile's.")
    memory_limit: str | None = Field(
        default=None, description="DuckDB memory limit, such as 2GB; default the profile's."
    )
    threads: int | None = Field(default=None, description="Cores that a query may use; default the profile's.")
    lock_deadline_seconds: float | None = Field(
        default=None, description="How long to wait for the warehouse's lock; default the profile's."
    )

    @property
    def state(self) -> Home:
        return Home(Path(self.home)) if self.home else self.profile.home

    @property
    def profile(self) -> Profile:
        """What `$ML_ASSETS_PROFILE` chooses."""
        return load_profile(Path(self.project_root))

    def context(
        self, log: dg.DagsterLogManager | None = None, run_id: str = "", progress: Progress | None = None
    ) -> RunContext:
        """What a step may use, with the clock read once."""
        defaults = self.profile.engine
        settings = EngineSettings(
            self.memory_limit or defaults.memory_limit, self.threads or defaults.threads,
            self.lock_deadline_seconds or defaults.deadline_seconds,
        )  # fmt: skip
        state = self.state
        context = RunContext(
            Warehouse(state.warehouse, state.scratch, settings), state, sql_root(Path(self.project_root)), state.clock()(),
            __version__, run_id, retrain=retrain_forced(),
        )  # fmt: skip
        if log is not None:
            context = replace(context, log=log.info)
        return replace(context, progress=progress) if progress is not None else context


def retrain_forced() -> bool:
    """Whether this process was asked to retrain whatever the schedule says."""
    return os.environ.get("ML_ASSETS_RETRAIN") == "1"
