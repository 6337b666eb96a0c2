"""CPU time of steps, several of which may run in one process at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple


class CpuTime(NamedTuple):
    """CPU seconds of one step. `error`: by how much they may be off, 0 for a step that ran alone."""

    seconds: float
    error: float


def thread_seconds(thread: int) -> float:
    """CPU seconds of a thread of this process; 0 on systems that cannot tell of another thread, so that all is shared."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


@dataclass(eq=False)
class _Running:
    thread: int
    thread_seconds: float
    seconds: float = 0.0
    error: float = 0.0


class CpuMeter:
    """Divides the CPU time of this process among the steps that run in it; what no step ran beside is charged to none.

    A step is charged with the time of its own thread, and with an equal share of what all other threads (the engine's, a
    library's, imports ahead) used while it ran. So the charges add up to the time that the process used while any step ran,
    and only the division of the other threads' time among steps that ran at once is not known: at most all of it, less the
    share, is what `error` adds up. Children of the process are not counted; no step starts any.
    """

    def __init__(
        self, process: Callable[[], float] = time.process_time, thread: Callable[[int], float] = thread_seconds
    ) -> None:
        self._process = process
        self._thread = thread
        self._lock = threading.Lock()
        self._running: list[_Running] = []
        self._seen = 0.0

    @contextmanager
    def step(self) -> Iterator[CpuUse]:
        """A block of one step, in the thread that works on it."""
        one = _Running(threading.get_ident(), self._thread(threading.get_ident()))
        with self._lock:
            self._charge()
            self._running.append(one)
        try:
            yield CpuUse(self, one)
        finally:
            with self._lock:
                self._charge()
                self._running.remove(one)

    def read(self, one: _Running) -> CpuTime:
        with self._lock:
            self._charge()
            return CpuTime(one.seconds, one.error)

    def _charge(self) -> None:
        now = self._process()
        rest, self._seen = now - self._seen, now
        for one in self._running:
            own = self._thread(one.thread)
            used, one.thread_seconds = own - one.thread_seconds, own
            one.seconds += used
            rest -= used
        # The clocks are read one after the other, so that the difference may be a few microseconds below zero.
        share = max(rest, 0.0) / max(len(self._running), 1)
        for one in self._running:
            one.seconds += share
            one.error += share * (len(self._running) - 1)


@dataclass(frozen=True)
class CpuUse:
    """What a running step has used."""

    meter: CpuMeter
    running: _Running

    def so_far(self) -> CpuTime:
        return self.meter.read(self.running)


METER = CpuMeter()
