"""What every declaration shares: frozen, strict, described fields."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,62}")


class Spec(BaseModel):
    """A frozen declaration; a field nobody knows is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _valid_name(value: str) -> str:
    if not NAME_PATTERN.fullmatch(value) or "__" in value:
        raise ValueError(
            f"{value!r} is not a valid name: use lower-case letters, digits and single underscores, starting with "
            "a letter, at most 63 characters (it becomes a table name)"
        )
    return value


Name = Annotated[str, AfterValidator(_valid_name)]
Severity = Literal["error", "warn"]


class Described(Spec):
    """What every declared table carries for the people who meet it."""

    name: Name = Field(description="Name of the table in its schema, and of the asset.")
    description: str = Field(default="", description="One or two sentences: what a row is, and what it is for.")
    owners: tuple[str, ...] = Field(
        default=(), description="Who answers for it: e-mail addresses, or `team:name`. Shown in the UI and in alerts."
    )
    tags: dict[str, str] = Field(default_factory=dict, description="Free labels, shown and selectable in the UI.")
