"""The profile that holds: its file below `deploy/profiles/`, what the environment puts before it, and what is missing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from ml_assets.errors import DeclarationError, UnknownNameError
from ml_assets.graph.invalid import invalid_declaration
from ml_assets.graph.yaml_document import Document, read_documents
from ml_assets.specs.profiles import ProfileSpec
from ml_assets.specs.pulls import EnvironmentSpec
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.store import EngineSettings

VARIABLE, DEFAULT = "ML_ASSETS_PROFILE", "development"
_FOLDER = Path("deploy") / "profiles"


@dataclass(frozen=True)
class Profile:
    """One profile of one project. `file` is None where the project has no file for development: then defaults hold."""

    name: str
    spec: ProfileSpec
    project_root: Path
    file: Path | None

    @property
    def place(self) -> str:
        """Where it is declared, relative to the project's root."""
        return self.file.relative_to(self.project_root).as_posix() if self.file else f"profile {self.name} (built in)"

    @property
    def home(self) -> Home:
        """`$ML_ASSETS_HOME`, else the declared folder; `DeclarationError` names a variable that is not set."""
        if os.environ.get("ML_ASSETS_HOME"):
            return Home.locate(self.project_root)
        declared = self.spec.home
        if isinstance(declared, EnvironmentSpec):
            folder = os.environ.get(declared.env, "").strip()
            if not folder:
                raise DeclarationError(
                    f"the environment variable {declared.env} is not set", place=self.place,
                    expected=f"the state folder of profile {self.name}", got="nothing",
                    remedy=f"export {declared.env}=/path/of/its/state, or take another profile by {VARIABLE}",
                )  # fmt: skip
            declared = folder
        return Home((self.project_root / Path(declared).expanduser()).resolve())

    @property
    def engine(self) -> EngineSettings:
        """The declared limits; what the environment says goes before them."""
        declared = self.spec.engine
        surrounding = EngineSettings()
        memory, threads = surrounding.memory_limit, surrounding.threads
        if declared.memory_limit is not None and "ML_ASSETS_MEMORY_LIMIT" not in os.environ:
            memory = declared.memory_limit
        if declared.threads is not None and "ML_ASSETS_THREADS" not in os.environ:
            threads = declared.threads
        return EngineSettings(memory, threads, declared.lock_deadline_seconds)

    @property
    def instance_file(self) -> Path | None:
        """Dagster's declared instance file; `DeclarationError` where it is not there."""
        if self.spec.dagster is None:
            return None
        path = self.project_root / self.spec.dagster
        if not path.is_file():
            raise DeclarationError(
                f"there is no instance file {self.spec.dagster}", place=self.place, expected="a dagster.yaml in the project",
                got=path, remedy="correct dagster, or leave it out for SQLite",
            )  # fmt: skip
        return path

    def instance_variables(self) -> tuple[str, ...]:
        """The environment variables that the instance file takes its values from."""
        path = self.instance_file
        if path is None:
            return ()
        documents = read_documents(path.read_text(encoding="utf-8"), str(self.spec.dagster))
        return tuple(sorted({name for document in documents for name in _variables(document.data)}))


def load_profile(project_root: Path) -> Profile:
    """The profile that `$ML_ASSETS_PROFILE` names, development by default; read once for an unchanged file.

    Raises `UnknownNameError` for a profile without a file, `DeclarationError` for what a file must not say.
    """
    name = os.environ.get(VARIABLE, "").strip() or DEFAULT
    file = project_root / _FOLDER / f"{name}.yaml"
    try:
        stamp = file.stat().st_mtime_ns
    except FileNotFoundError:
        if name == DEFAULT:
            return Profile(name, ProfileSpec(), project_root, None)
        known = {path.stem for path in (project_root / _FOLDER).glob("*.yaml")} | {DEFAULT}
        raise UnknownNameError(
            "profile",
            name,
            known,
            place=f"${VARIABLE}",
            remedy=f"write {_FOLDER.as_posix()}/{name}.yaml, or take one of these",
        ) from None
    return Profile(name, _read(file, file.relative_to(project_root).as_posix(), stamp), project_root, file)


@lru_cache(maxsize=8)
def _read(file: Path, shown: str, _stamp: int) -> ProfileSpec:
    documents = read_documents(file.read_text(encoding="utf-8"), shown)
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        raise DeclarationError(
            "not a profile", place=shown, expected="one mapping of fields", got=f"{len(documents)} documents",
            remedy=f"write its fields: {', '.join(ProfileSpec.model_fields)}",
        )  # fmt: skip
    return _validated(documents[0])


def _validated(document: Document) -> ProfileSpec:
    try:
        return ProfileSpec.model_validate(document.data)
    except ValidationError as problem:
        fields = f"a profile has the fields {', '.join(ProfileSpec.model_fields)}"
        raise invalid_declaration(problem, ProfileSpec, document, "profile", fields) from problem


def _variables(data: object) -> set[str]:
    if isinstance(data, dict):
        env = data.get("env")
        own = {env} if isinstance(env, str) and len(data) == 1 else set()
        return own.union(*(_variables(value) for value in data.values()))
    return set().union(*(_variables(value) for value in data)) if isinstance(data, list) else set()
