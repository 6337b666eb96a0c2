"""YAML as a person writes it: short flow style for columns, quotes where YAML 1.1 would misread, comments that wrap."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import yaml

WIDTH = 118
_TEXT = "tag:yaml.org,2002:str"
_PLAIN = re.compile(r"[A-Za-z0-9_/][A-Za-z0-9_./()*+%&= -]*(?<! )")
_PLAIN_IN_BLOCK = re.compile(r"[A-Za-z0-9_/][A-Za-z0-9_./()*+%&=,;' -]*(?<! )")
# Booleans that YAML 1.1 knows and the reader here does not; another one may.
_MORE_BOOLEANS = frozenset({"y", "n"})
_NAMED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Pair(NamedTuple):
    """One `key: value` in a list, which needs no braces."""

    key: str
    value: str


def scalar(value: object, *, block: bool = False) -> str:
    """`value` such that YAML 1.1 reads exactly it, in flow style (or at least in `block` style, where commas are free)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    text = str(value)
    plain = (_PLAIN_IN_BLOCK if block else _PLAIN).fullmatch(text)
    if plain and text.lower() not in _MORE_BOOLEANS and _resolved(text) == _TEXT:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


@lru_cache(maxsize=10_000)
def _resolved(text: str) -> str:
    """The tag that YAML 1.1 gives a plain word: numbers, dates and truth values are no texts."""
    return str(yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


def _number(value: float) -> str:
    """YAML 1.1 wants a point and a sign: 1e+20 alone would be a text."""
    if not math.isfinite(value):
        raise ValueError(f"{value} cannot be declared")
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    text = repr(value)
    mantissa, letter, exponent = text.partition("e")
    return text if not letter else f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent):+d}"


def _escaped(character: str) -> str:
    if character in _NAMED:
        return _NAMED[character]
    if character == " " or (character.isprintable() and character != "\ufeff"):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def flow(value: object) -> str:
    """A value in flow style, on one line."""
    return " ".join(_tokens(value))


def _tokens(value: object) -> list[str]:
    """Words of a flow value, between which a line may break."""
    if isinstance(value, Pair):
        return _led(f"{scalar(value.key)}: ", _tokens(value.value))
    if isinstance(value, Mapping):
        items = [_led(f"{scalar(key)}: ", _tokens(item)) for key, item in value.items()]
        return _enclosed("{", items, "}")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return _enclosed("[", [_tokens(item) for item in value], "]")
    return [scalar(value)]


def _led(lead: str, tokens: list[str]) -> list[str]:
    return [lead + tokens[0], *tokens[1:]]


def _enclosed(opening: str, items: list[list[str]], closing: str) -> list[str]:
    words: list[str] = []
    for position, item in enumerate(items):
        words += [*item[:-1], item[-1] + ("," if position < len(items) - 1 else "")]
    return (
        [opening + closing]
        if not words
        else [opening + words[0], *words[1:-1], words[-1] + closing]
        if len(words) > 1
        else [opening + words[0] + closing]
    )


def field(name: str, value: object, indent: int = 2, *, after: str = "", lead: str = "") -> list[str]:
    """`name: value` in flow style, wrapped; `after` is a comment at the end of a single line, `lead` as `- `."""
    start = " " * indent + lead + (f"{scalar(name)}: " if name else "")
    if isinstance(value, str):
        return [start + scalar(value, block=True) + (f"  # {one_line(after)}" if after else "")]
    lines, line = [], start
    for word in _tokens(value):
        if len(line) + len(word) + 1 > WIDTH and line.strip() and line != start:
            lines.append(line.rstrip())
            line = " " * (indent + len(lead) + 2)
        line += word if line in (start, " " * len(line)) else f" {word}"
    lines.append(line)
    if after and len(lines) == 1:
        lines[0] += f"  # {one_line(after)}"
    return lines


def comment(text: str, indent: int = 0) -> list[str]:
    """A comment, wrapped."""
    lead = " " * indent + "# "
    return textwrap.wrap(
        one_line(text),
        WIDTH,
        initial_indent=lead,
        subsequent_indent=lead,
        break_long_words=False,
        break_on_hyphens=False,
    )


def one_line(text: str) -> str:
    """Text that cannot end a comment: no line breaks, nothing unprintable."""
    return "".join(c if c.isprintable() else " " for c in text).strip()


def document(head: Iterable[str], kind: str, lines: Iterable[str]) -> str:
    """A declaration: comments at the head, the component's type, its attributes."""
    heading = [line for text in head for line in comment(text)]
    return "\n".join([*heading, f"type: ml_assets.{kind}", "attributes:", *lines]) + "\n"
