"""Somebody who reads a page and does what it says: writes its files, applies its changes, types its commands.

What a page's fences mean, in the order in which they stand:

- `bash` is typed, in the folder and with the exported variables that the block before left. `exit=N` behind the word: it
  ends with N. `by-hand`: it needs another machine or a browser, and is tested apart.
- `text` after it: every line is seen in what was said, in any place; `…` stands for anything within a line.
- `diff` changes the file that the line before the fence names: the lines without `+` stand there once and become those
  without `-`.
- Any other fence is the whole content of the file that the line before it names (a path in backticks, then a colon); without
  such a line it only shows something. So does `console`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ml_assets_tests.e2e.state import ROOT

DOCS = ROOT / "docs"
_FENCE = re.compile(r"^```(\w+)([^\n`]*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
_NAMED_FILE = re.compile(r"`([\w./-]+\.\w+)`[^`]*:$")
_KEEPS_STATE = 'trap \'export -p > "$READER_STATE/exported"; pwd > "$READER_STATE/folder"\' EXIT\n'


@dataclass(frozen=True)
class Block:
    """One fence of a page."""

    language: str
    words: tuple[str, ...]
    text: str
    file: str | None
    line: int

    @property
    def exit_code(self) -> int:
        return next((int(word.removeprefix("exit=")) for word in self.words if word.startswith("exit=")), 0)


def blocks(page: Path) -> list[Block]:
    """All fences of a page in order."""
    text = page.read_text(encoding="utf-8")
    return [_block(text, found) for found in _FENCE.finditer(text)]


def _block(text: str, found: re.Match[str]) -> Block:
    before = text[: found.start()]
    named = _NAMED_FILE.search(before.rstrip().rpartition("\n")[2])
    return Block(
        found[1], tuple(found[2].split()), found[3], named[1] if named else None, before.count("\n") + 1
    )  # fmt: skip


def texts(page: Path, language: str) -> list[str]:
    """The text of all fences in one language."""
    return [block.text for block in blocks(page) if block.language == language]


def programs(folder: Path, *further: Path) -> str:
    """A PATH on which `ml-assets` is the one that is tested."""
    folder.mkdir(parents=True)
    wrapper = folder / "ml-assets"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ml_assets.cli "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    return os.pathsep.join(map(str, (folder, Path(sys.executable).parent, *further, "/usr/bin", "/bin")))


@dataclass
class Reader:
    """In a folder, with programs and variables of its own; `own` is where it keeps its state, outside that folder."""

    folder: Path
    own: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    further_programs: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        self._path = programs(self.own / "bin", *self.further_programs)

    def follow(self, page: Path) -> str:
        """Do all that the page says; what was said on the way. Every claim of the page is asserted."""
        return "".join(said for _, said in self.steps(page))

    def steps(self, page: Path) -> Iterator[tuple[Block, str]]:
        """One fence after the other, each with what its commands said."""
        said = ""
        for block in blocks(page):
            place = f"{page.relative_to(ROOT)}:{block.line}"
            match block.language:
                case "bash" if "by-hand" not in block.words:
                    said = self.type(block.text, exit_code=block.exit_code, place=place)
                    yield block, said
                case "text":
                    unseen = _unseen(block.text, said)
                    assert not unseen, f"{place}: not seen: {unseen}\n--- what was said:\n{said}"
                case "diff":
                    self._change(block, place)
                case "console" | "bash":
                    said = ""
                case _ if block.file is not None:
                    path = self.standing / block.file
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(block.text, encoding="utf-8")

    @property
    def standing(self) -> Path:
        """The folder in which the reader now stands."""
        kept = self.own / "folder"
        return Path(kept.read_text(encoding="utf-8").strip()) if kept.exists() else self.folder

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": self._path, "PYTHONPATH": str(ROOT), "HOME": str(self.folder), "DO_NOT_TRACK": "1",
            "DAGSTER_DISABLE_TELEMETRY": "yes", "COLUMNS": "200", "READER_STATE": str(self.own), **self.variables,
        }  # fmt: skip

    def type(self, commands: str, *, exit_code: int = 0, place: str = "") -> str:
        """Both streams of commands, typed where the last ones left off."""
        exported = self.own / "exported"
        before = f"source {exported}\n" if exported.exists() else ""
        result = subprocess.run(
            ["bash", "-c", f"set -euo pipefail\n{before}{_KEEPS_STATE}{commands}"],
            cwd=self.standing, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            stdin=subprocess.DEVNULL, check=False, timeout=240,
        )  # fmt: skip
        assert result.returncode == exit_code, f"{place}: ended with {result.returncode}\n{commands}\n{result.stdout}"
        return result.stdout

    def _change(self, block: Block, place: str) -> None:
        assert block.file is not None, f"{place}: the line before does not name the file that changes"
        path = self.standing / block.file
        lines = block.text.splitlines()
        old = "\n".join(line[1:] for line in lines if not line.startswith("+")) + "\n"
        new = "\n".join(line[1:] for line in lines if not line.startswith("-")) + "\n"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{place}: stands {text.count(old)} times in {path}:\n{old}\n--- it is:\n{text}"
        path.write_text(text.replace(old, new), encoding="utf-8")


def _unseen(expected: str, said: str) -> list[str]:
    """The expected lines that do not occur, whatever the spaces."""
    seen = [" ".join(line.split()) for line in said.splitlines()]
    patterns = {
        line: re.compile(".*".join(map(re.escape, re.split(" ?… ?", " ".join(line.split())))))
        for line in expected.splitlines()
        if line.strip(" …")
    }
    return [line for line, pattern in patterns.items() if not any(pattern.search(each) for each in seen)]
