"""Markdown with numbered sources."""

from __future__ import annotations

from collections.abc import Sequence

NOT_STATED = "not stated"
# Sums of a million terms of size one are off by no more.
_ROUNDING = 1e-10


class CardText:
    """A text that grows by sections; every source gets one number, in order of first mention."""

    def __init__(self, title: str) -> None:
        self._lines = [f"# {title}", ""]
        self._sources: dict[str, int] = {}

    def source(self, place: str) -> str:
        """The mark of a source, to be put behind a number."""
        return f"[^{self._sources.setdefault(place, len(self._sources) + 1)}]"

    def section(self, title: str) -> None:
        self._lines += [f"## {title}", ""]

    def say(self, text: str) -> None:
        """A paragraph."""
        self._lines += [_one_line(text), ""]

    def item(self, text: str) -> None:
        """One item of a list; the list ends with the next paragraph, table or section."""
        if self._lines[-1] == "" and len(self._lines) > 1 and self._lines[-2].startswith("- "):
            self._lines.pop()
        self._lines += [f"- {_one_line(text)}", ""]

    def pairs(self, rows: Sequence[tuple[str, str]]) -> None:
        """Names with their values."""
        for name, value in rows:
            self.item(f"**{name}:** {value}")

    def table(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self._lines += [_row(names), _row(["---"] * len(names)), *(_row(row) for row in rows), ""]

    def text(self) -> str:
        """Everything, with the sources at the end."""
        notes = [f"[^{position}]: {_one_line(place)}" for place, position in self._sources.items()]
        return "\n".join([*self._lines, *notes]) + "\n"


def number(value: float | None) -> str:
    """Up to six significant digits, without an exponent for sizes that people write out; noise of rounding is 0."""
    if value is None:
        return "not defined"
    if abs(value) < _ROUNDING:
        return "0"
    return f"{value:.0f}" if 1e6 <= abs(value) < 1e15 else f"{value:.6g}"


def in_brackets(low: float | None, high: float | None) -> str:
    """An interval behind its value; empty where it is not known."""
    return "" if low is None or high is None else f" [{number(low)}, {number(high)}]"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _row(values: Sequence[str]) -> str:
    return "| " + " | ".join(_one_line(value).replace("|", "\\|") for value in values) + " |"
