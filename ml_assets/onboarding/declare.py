"""From what was understood to the files of a project: a pure function."""

from __future__ import annotations

from ml_assets.onboarding import event_log, flat, related
from ml_assets.onboarding.raw_tables import raw_table
from ml_assets.onboarding.understanding import TableFacts, Understanding

_MOST_LINES = 30
# Of a table's columns in a project of several tables, which has room for more.
_MOST_COLUMN_LINES = 24


def declarations(understanding: Understanding, defs: str = "defs") -> dict[str, str]:
    """Path relative to the project's root → text, of every declaration and statement; `defs` is where declarations lie.

    Equal understandings give equal texts. A flat file of up to 20 columns comes to at most 30 lines that are neither
    blank nor comments, over all files.
    """
    u = understanding
    base = f"{defs}/{u.name}"
    tables = declared_tables(u)
    if u.shape == "event_log":
        found = event_log.files(u, base)
    elif len(tables) > 1:
        found = related.files(u, base)
    else:
        return _flat(u, base)
    raw = {f"{base}/{table.name}/defs.yaml": raw_table(u, table, _MOST_COLUMN_LINES) for table in tables}
    return dict(sorted((raw | found).items()))


def declared_tables(understanding: Understanding) -> tuple[TableFacts, ...]:
    """The main table and those that something ties to it; an event log stands alone."""
    u = understanding
    return (u.table(u.main),) if u.shape == "event_log" else tuple(related.tables_in_use(u))


def _flat(u: Understanding, base: str) -> dict[str, str]:
    table = u.table(u.main)
    files = {
        f"{base}/model/defs.yaml": flat.model(u, f"raw.{u.main}", flat.feature_candidates(u, table), u.entity),
        f"{base}/scores/defs.yaml": flat.scores(u),
    }
    others = sum(map(declared_lines, files.values()))
    frame = declared_lines(raw_table(u, table, 0)) - _column_lines(u)
    files[f"{base}/{table.name}/defs.yaml"] = raw_table(u, table, max(_MOST_LINES - others - frame, 6))
    return dict(sorted(files.items()))


def _column_lines(u: Understanding) -> int:
    """Lines of the columns where as many as can be are declared together."""
    text = raw_table(u, u.table(u.main), 0).splitlines()
    start = next(i for i, line in enumerate(text) if line in ("    columns:", "    alike:"))
    return declared_lines("\n".join(line for line in text[start:] if not line.startswith("    missing:")))


def declared_lines(text: str) -> int:
    """Lines that are neither blank nor a comment."""
    return sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in text.splitlines())
