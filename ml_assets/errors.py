"""One error tree. Constructors take facts, keep them as attributes and build the message.

A message always answers, in this order: where, what was expected, what was found, what to do next.
Nothing here does I/O, so every layer may import it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

MAX_EXAMPLES = 5
MAX_VALUE_LENGTH = 160


def shortened(value: object, limit: int = MAX_VALUE_LENGTH) -> str:
    """`value` as text of at most `limit` characters, line breaks made visible."""
    text = str(value).replace("\r", "\\r").replace("\n", "\\n")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def nearest(name: str, valid: Iterable[str]) -> list[str]:
    """Up to three valid names that a person may have meant by `name`."""
    return difflib.get_close_matches(name, sorted(valid), n=3, cutoff=0.5)


class Place(str):
    """A file, with a line where it is known, printed as `path:line` so that editors and CI can jump to it."""

    __slots__ = ()

    @classmethod
    def of(cls, path: Path | str, line: int | None = None) -> Place:
        return cls(f"{path}:{line}" if line else str(path))


class MlAssetsError(Exception):
    """Something a user can understand and act on; `transient` says whether trying again may help."""

    transient = False
    code = "MLA000"

    def __init__(
        self,
        subject: str,
        *,
        expected: object = None,
        got: object = None,
        remedy: str | None = None,
        place: Path | str | None = None,
        examples: Sequence[object] = (),
    ) -> None:
        self.subject = subject
        self.expected = expected
        self.got = got
        self.remedy = remedy
        self.place = place
        self.examples = tuple(examples)[:MAX_EXAMPLES]
        super().__init__(self._message())

    def _message(self) -> str:
        lines = [f"{self.place}: {self.subject}" if self.place else self.subject]
        if self.expected is not None:
            lines.append(f"  expected: {shortened(self.expected, 600)}")
        if self.got is not None:
            lines.append(f"  got:      {shortened(self.got, 600)}")
        lines += [f"  example:  {shortened(example)}" for example in self.examples]
        if self.remedy:
            lines.append(f"  remedy:   {shortened(self.remedy, 600)}")
        return "\n".join(lines)


class DeclarationError(MlAssetsError):
    """A declaration (YAML or SQL file) that cannot mean anything."""

    code = "MLA100"


class UnknownNameError(DeclarationError):
    """A declaration names something that nobody declares."""

    code = "MLA101"

    def __init__(
        self, kind: str, name: str, valid: Iterable[str], *, place: Path | str | None = None, remedy: str | None = None
    ) -> None:
        self.kind = kind
        self.name = name
        known = sorted(valid)
        near = nearest(name, known)
        if near:
            remedy = f"did you mean {' or '.join(near)}?"
        listed = ", ".join(known[:20]) or "none"
        super().__init__(
            f"unknown {kind} {name!r}", expected=f"one of: {listed}", got=name, place=place,
            remedy=remedy or f"declare {kind} {name}, or correct the name",
        )  # fmt: skip


class SqlError(DeclarationError):
    """A SQL file that cannot be parsed, breaks a rule of its kind, or is refused by the engine."""

    code = "MLA110"


class LandingFileError(MlAssetsError):
    """A landing file that is refused as a whole; nothing of it was loaded."""

    code = "MLA200"

    def __init__(
        self, rule: str, subject: str, *, place: Path | str, expected: object, got: object, remedy: str
    ) -> None:
        self.rule = rule
        super().__init__(subject, expected=expected, got=got, remedy=remedy, place=place)


class PullError(MlAssetsError):
    """A table that cannot be fetched from another database; the landing file stands as it was."""

    code = "MLA210"


class SourceUnreachableError(PullError):
    """The other database does not answer, or is in use. Transient: it may answer later."""

    transient = True
    code = "MLA211"


class WarehouseError(MlAssetsError):
    """The warehouse file cannot be used as asked."""

    code = "MLA300"


class WarehouseLockedError(WarehouseError):
    """The lock was not to be had before the deadline. Transient: the holder will finish."""

    transient = True
    code = "MLA301"


class OvertakenError(WarehouseError):
    """Another run committed to the same table after this one had made its plan. Transient: a new plan will do."""

    transient = True
    code = "MLA304"


class NotMaterializedError(WarehouseError):
    """A table or partition that is needed has not been made yet."""

    code = "MLA302"


class BackupError(MlAssetsError):
    """A backup cannot be made or is not what its manifest says; the state that is there stays as it is."""

    code = "MLA310"


class DrillError(MlAssetsError):
    """A drill cannot be held on this project or machine; the real state was not touched."""

    code = "MLA320"


class BlockedError(MlAssetsError):
    """An input holds a failed blocking check, whichever run found it; consuming it is refused."""

    code = "MLA303"


class TrainingError(MlAssetsError):
    """A model cannot be trained honestly from what there is."""

    code = "MLA400"


class PackageError(MlAssetsError):
    """A stored model package is damaged or not what its manifest says."""

    code = "MLA410"


class ScoringError(MlAssetsError):
    """Scores cannot be made for the asked population."""

    code = "MLA500"


class SelectionError(MlAssetsError):
    """A selection given on the command line matches nothing or names nothing known."""

    code = "MLA600"


class RegistryError(MlAssetsError):
    """The registry refuses a version, or what somebody wants to do with it."""

    code = "MLA700"


class UnderstandingError(MlAssetsError):
    """Data that nobody has described cannot be understood as asked."""

    code = "MLA800"
