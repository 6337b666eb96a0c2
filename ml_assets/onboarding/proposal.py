"""What `init` would write beside what is there: never over a file that somebody has edited."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

State = Literal["new", "same", "changed", "edited", "removed"]
WRITABLE: tuple[State, ...] = ("new", "changed")


@dataclass(frozen=True)
class Proposal:
    """Texts by path below `root`, and the book of what was written last (path → SHA-256), kept in `book`."""

    root: Path
    texts: Mapping[str, str]
    book: Path

    @property
    def states(self) -> dict[str, State]:
        """Of each file: `new`; the `same`; `changed` here and untouched there; `edited` or `removed` by a person."""
        known = self.known
        return {path: self._state(path, known.get(path)) for path in self.texts}

    @property
    def known(self) -> dict[str, str]:
        """The book; empty before the first time."""
        return dict(json.loads(self.book.read_text(encoding="utf-8"))["files"]) if self.book.exists() else {}

    @property
    def given_up(self) -> list[str]:
        """Files that were written once, are still there, and are proposed no more."""
        return sorted(path for path in self.known if path not in self.texts and (self.root / path).exists())

    def _state(self, path: str, written: str | None) -> State:
        there = self._there(path)
        if there is None:
            return "new" if written is None else "removed"
        if there == self.texts[path]:
            return "same"
        return "changed" if written == _digest(there) else "edited"

    def _there(self, path: str) -> str | None:
        file = self.root / path
        return file.read_text(encoding="utf-8") if file.is_file() else None

    def diff(self) -> str:
        """A unified diff from what is there to what is proposed; empty where nothing differs."""
        return "".join(self._diff_of(path) for path, state in self.states.items() if state != "same")

    def _diff_of(self, path: str) -> str:
        there = self._there(path)
        lines = difflib.unified_diff(
            [] if there is None else there.splitlines(keepends=True), self.texts[path].splitlines(keepends=True),
            "/dev/null" if there is None else f"a/{path}", f"b/{path}",
        )  # fmt: skip
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    @contextmanager
    def written(self) -> Iterator[list[str]]:
        """Write what may be written and give its paths; when the block fails, everything is as it was before."""
        paths = [path for path, state in self.states.items() if state in WRITABLE]
        before = {path: self._there(path) for path in paths}
        made = [folder for path in paths for folder in self._new_folders(self.root / path)]
        try:
            for path in paths:
                _write(self.root / path, self.texts[path])
            yield paths
        except BaseException:
            for path, text in before.items():
                if text is None:
                    (self.root / path).unlink(missing_ok=True)
                else:
                    _write(self.root / path, text)
            for folder in sorted(set(made), reverse=True):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
            raise
        self._remember(paths)

    def _new_folders(self, file: Path) -> list[Path]:
        return [folder for folder in file.parents if folder.is_relative_to(self.root) and not folder.exists()]

    def _remember(self, paths: list[str]) -> None:
        """What is the same is remembered too: it may be proposed anew later."""
        same = [path for path, state in self.states.items() if state == "same"]
        files = self.known | {path: _digest(self.texts[path]) for path in {*paths, *same}}
        _write(self.book, json.dumps({"files": dict(sorted(files.items()))}, indent=2) + "\n")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _write(file: Path, text: str) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(file)
