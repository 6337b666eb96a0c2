"""Scratch folders: where a workbench spills to and stages results, gone with the process that made them."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_SWEPT: set[Path] = set()
_SWEPT_LOCK = threading.Lock()
_UNFINISHED = ".new-"


class Scratch:
    """The folder of scratch folders. Each is locked by its owner, so that the remains of a dead one can be told.

    Process ids would not do: they are given out again, and two containers on one volume have their own.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new folder, removed afterwards. The first one of a process sweeps what dead processes left."""
        self._sweep_once()
        name = f"{os.getpid()}-{uuid4().hex[:8]}"
        unfinished, folder = self.root / f"{_UNFINISHED}{name}", self.root / name
        unfinished.mkdir(parents=True)
        owner = os.open(unfinished, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(owner, fcntl.LOCK_EX)
            # Renamed once it is locked: a sweep never sees a live folder that looks dead.
            unfinished.rename(folder)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(owner)

    def sweep(self) -> int:
        """Remove folders of processes that no longer live; how many."""
        return sum(self._removed(folder) for folder in self.root.glob("[!.]*") if folder.is_dir())

    def _sweep_once(self) -> None:
        with _SWEPT_LOCK:
            first = self.root not in _SWEPT
            _SWEPT.add(self.root)
        if first:
            self.sweep()

    def _removed(self, folder: Path) -> bool:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            shutil.rmtree(folder, ignore_errors=True)
            return True
        finally:
            os.close(descriptor)
