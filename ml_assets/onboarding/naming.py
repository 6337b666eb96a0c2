"""Valid, unique warehouse names for whatever headers and files are called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_MOST = 55
_WRITTEN_OUT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "æ": "ae", "ø": "o", "ł": "l"}
    | {"€": " eur ", "$": " usd ", "£": " gbp ", "%": " percent ", "#": " number ", "&": " and "}
)
# What SQL reserves (a generated statement would have to quote it), and names that tables made from this one use themselves.
RESERVED = frozenset((
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "both", "case", "cast", "check",
    "collate", "column", "constraint", "create", "default", "deferrable", "desc", "describe", "distinct", "do",
    "else", "end", "except", "false", "fetch", "for", "foreign", "from", "group", "having", "in", "initially",
    "intersect", "into", "lambda", "lateral", "leading", "limit", "not", "null", "offset", "on", "only", "or",
    "order", "pivot", "pivot_longer", "pivot_wider", "placing", "primary", "qualify", "references", "returning",
    "select", "show", "some", "summarize", "symmetric", "table", "then", "to", "trailing", "true", "union", "unique",
    "unpivot", "using", "variadic", "when", "where", "window", "with", "label", "row_id", "snapshot", "part", "reason",
))  # fmt: skip

# Words of a header which say that its values are names of something.
ID_WORDS = frozenset(
    """id ids nr no num number key index idx uuid guid code row pk rowid hash ref reference token account ean isbn nummer kennung
    sku""".split()  # noqa: SIM905 - a list of words reads best as words
)


def plain_words(text: str) -> list[str]:
    """Lower-case ASCII words of a header: camelCase, blanks, punctuation and digits' edges divide them."""
    plain = unicodedata.normalize("NFKD", text.translate(_WRITTEN_OUT)).encode("ascii", "ignore").decode()
    plain = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", plain)
    plain = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", plain)
    return re.findall(r"[a-z0-9]+", plain.lower())


def warehouse_name(text: str, fallback: str) -> str:
    """A valid name close to `text`; `fallback` where nothing of it can be written."""
    name = "_".join(plain_words(text))[:_MOST].strip("_")
    if not name:
        return fallback
    if not name[0].isalpha():
        name = f"n_{name}"
    return f"{name}_" if name in RESERVED else name


def warehouse_names(headers: Sequence[str], kind: str = "column") -> tuple[str, ...]:
    """One name a header, in order, all different in any case."""
    taken: set[str] = set()
    names = []
    for position, header in enumerate(headers, 1):
        name = warehouse_name(header, f"{kind}_{position}")
        names.append(_free(name, taken))
        taken.add(names[-1])
    return tuple(names)


def _free(name: str, taken: Iterable[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name.rstrip('_')}_{number}"
    return free
