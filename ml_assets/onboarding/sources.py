"""From what a user names on the command line to tables: files that are there, readable, and of one layout each."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ml_assets.errors import UnderstandingError, nearest
from ml_assets.ingest.text import is_packed
from ml_assets.onboarding.dialects import Dialect, dialect_of, kind_of, refusal
from ml_assets.onboarding.naming import warehouse_names

_LEAST_STEM = 3
_PARTS = re.compile(r"[\W_]*(part|chunk|page|file|split)?[\W_]*\d[\d\W_Tt]*$", re.IGNORECASE)


def gather(patterns: Sequence[str]) -> dict[str, tuple[Path, ...]]:
    """Table name → its files, in order of name. Files with the same header are one table, named after their common stem.

    `patterns` are files or globs (`**` for folders in folders). Hidden and unfinished (`.tmp`, `.part`) files that a glob
    meets do not count. Raises UnderstandingError for what is not there, a folder, empty, unreadable or of unknown kind.
    """
    if not patterns:
        raise UnderstandingError(
            "no data is named", expected="files or globs", got="nothing", remedy="name them: --data orders.csv"
        )
    files = list(dict.fromkeys(path for pattern in patterns for path in _expanded(pattern)))
    groups: dict[object, list[Path]] = {}
    for path in files:
        groups.setdefault(_layout(path, dialect_of(path)), []).append(path)
    members = [tuple(sorted(group)) for group in groups.values()]
    names = warehouse_names([common_stem(group) for group in members], "table")
    return dict(zip(names, members, strict=True))


def _layout(path: Path, dialect: Dialect) -> object:
    """What files of one table share. Keys of JSON lines may be absent, so there the stem tells tables apart."""
    if dialect.format.kind == "jsonl":
        return "jsonl", common_stem([path]), path.parent
    return dialect.format.kind, frozenset(dialect.header)


def _expanded(pattern: str) -> list[Path]:
    path = Path(pattern).expanduser()
    if not path.exists() and glob.has_magic(str(path)):
        found = sorted(Path(match) for match in glob.glob(str(path), recursive=True))  # noqa: PTH207 - it knows patterns with a root
        files = [match for match in found if match.is_file() and match.suffix not in (".tmp", ".part")]
        if not files:
            folders = " (it matches folders: add /*.csv)" if found else ""
            raise refusal(
                path,
                "the glob matches no file",
                "at least one file",
                f"none{folders}",
                "correct the glob; quote it, so that the shell leaves it alone",
            )
        return [_checked(file) for file in files]
    return [_checked(path)]


def _checked(path: Path) -> Path:
    if path.is_dir():
        inside = sorted(child.suffix for child in path.iterdir() if child.is_file() and not child.name.startswith("."))
        example = inside[0] if inside else ".csv"
        raise refusal(
            path,
            "a folder is named where a file is wanted",
            "a file or a glob",
            f"a folder with {len(inside)} files",
            f"name its files: {path}/*{example}",
        )
    if not path.exists():
        near = nearest(path.name, _neighbours(path))
        remedy = (
            f"did you mean {' or '.join(str(path.with_name(name)) for name in near)}?" if near else "correct the path"
        )
        raise refusal(
            path,
            "the file is not there",
            "a file",
            "a broken link" if path.is_symlink() else "nothing of that name",
            remedy,
        )
    if not path.is_file():
        raise refusal(
            path, "this is no plain file", "a file", "a device, pipe or socket", "write its content to a file first"
        )
    if not os.access(path, os.R_OK):
        raise refusal(
            path,
            "the file cannot be read",
            "a file that this user may read",
            "permission denied",
            "correct its permissions",
        )
    kind_of(path)
    return path


def _neighbours(path: Path) -> Iterable[str]:
    return [child.name for child in path.parent.iterdir()] if path.parent.is_dir() else ()


def common_stem(files: Sequence[Path]) -> str:
    """What the names of files share, without their dates and numbers; else the name of their folder."""
    stems = [(path.with_suffix("") if is_packed(path) else path).stem for path in files]
    if len(files) == 1 and len(_letters(stems[0])) >= 1:
        shortened = _PARTS.sub("", stems[0])
        return shortened if len(_letters(shortened)) >= _LEAST_STEM else stems[0]
    shared = {_PARTS.sub("", stem) for stem in stems}
    stem = shared.pop() if len(shared) == 1 else _PARTS.sub("", _shared_start(stems)).rstrip("-_. ")
    if len(_letters(stem)) >= _LEAST_STEM:
        return stem
    folders = {path.absolute().parent.name for path in files}
    return folders.pop() if len(folders) == 1 else "data"


def _shared_start(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    end = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:end]


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalpha())
