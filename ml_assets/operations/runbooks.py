"""Which runbook belongs to a check's code or to a cause: that of the monitor, of the project, or the built-in one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ml_assets.errors import SelectionError, nearest
from ml_assets.operations.causes import CAUSES, Cause, cause_of_code
from ml_assets.specs.monitors import MonitorSpec, OperationsSpec

FOLDER = "docs/runbooks"
SLUGS = (
    "failed-run", "stale-data", "broken-contract", "drift-alarm", "model-regression", "rollback", "pin", "backfill", "retrain",
    "lock-or-full-disk", "restore", "move-a-machine",
)  # fmt: skip
_OF_CAUSE: Mapping[Cause, str] = {
    "lock": "lock-or-full-disk", "disk": "lock-or-full-disk", "schema": "broken-contract", "quarantine": "broken-contract",
    "late_upstream": "stale-data", "nulls": "broken-contract", "volume": "broken-contract", "duplicates": "broken-contract",
    "values": "broken-contract", "code": "failed-run", "parameters": "retrain", "model": "rollback", "drift": "drift-alarm",
    "base_rate": "drift-alarm", "performance": "model-regression", "candidate": "retrain", "unwatched": "failed-run", "stale": "stale-data", "failed_run": "failed-run",
    "sensor": "failed-run",
}  # fmt: skip
_OF_CODE: Mapping[str, str] = {
    "RT": "retrain", "MD": "restore", "SC002": "failed-run", "MLA410": "restore", "MLA301": "lock-or-full-disk",
}  # fmt: skip


def has_own_runbook(code: str) -> bool:
    """Whether a code has another runbook than its cause."""
    return code in _OF_CODE or code.rstrip("0123456789") in _OF_CODE


def slug_of(code_or_cause: str) -> str:
    """The built-in runbook of a check's code or of a cause; what nobody has placed is a failed run."""
    word = code_or_cause
    own = _OF_CODE.get(word) or _OF_CODE.get(word.rstrip("0123456789"))
    cause = next((known for known in CAUSES if known == word), None) or cause_of_code(word)
    return own or (_OF_CAUSE[cause] if cause is not None else "failed-run")


def runbook_of(code_or_cause: str, operations: OperationsSpec | None, monitor: MonitorSpec | None) -> str:
    """A file below the project's root, or a link: the monitor's own before the project's before the built-in one.

    `operations.runbooks` may name codes, and causes too.
    """
    if monitor is not None and monitor.runbook is not None:
        return monitor.runbook
    if operations is not None and code_or_cause in operations.runbooks:
        return operations.runbooks[code_or_cause]
    return f"{FOLDER}/{slug_of(code_or_cause)}.md"


def how_to_read(runbook: str) -> str:
    """What to type or open to read a runbook: the built-in ones come with the library, whatever folder one is in."""
    slug = runbook.removeprefix(f"{FOLDER}/").removesuffix(".md")
    return f"ml-assets runbook {slug}" if runbook == f"{FOLDER}/{slug}.md" and slug in SLUGS else f"read {runbook}"


def text_of(slug: str, project_root: Path | None) -> str:
    """The Markdown of a runbook: the project's own file, else the built-in one. `SelectionError` for an unknown name."""
    if slug not in SLUGS:
        near = nearest(slug, SLUGS)
        raise SelectionError(
            f"there is no runbook {slug!r}", expected=f"one of: {', '.join(SLUGS)}", got=slug,
            remedy=f"did you mean {' or '.join(near)}?" if near else "ml-assets runbook lists them",
        )  # fmt: skip
    package = Path(__file__).resolve().parents[1]
    # A wheel carries them in the package; a source tree has them beside it.
    own = [] if project_root is None else [project_root / FOLDER]
    pages = [folder / f"{slug}.md" for folder in (*own, package / "_runbooks", package.parent / FOLDER)]
    return next(page for page in pages if page.is_file()).read_text(encoding="utf-8")


def title_of(text: str) -> str:
    """The first heading of a page."""
    return text.partition("\n")[0].removeprefix("# ").strip()
