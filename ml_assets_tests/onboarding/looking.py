"""Files of a test's own, what is understood of them, and whether they load as they were understood."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.onboarding.sources import gather
from ml_assets.onboarding.understand import understand
from ml_assets.onboarding.understanding import TableFacts, Understanding
from ml_assets.onboarding.wishes import Wishes
from ml_assets.specs.tables import RawTableSpec
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.home import Home
from ml_assets.warehouse.store import EngineSettings, Warehouse


def lines(header: str, rows: Sequence[str]) -> str:
    """A file's text."""
    return "\n".join([header, *rows]) + "\n"


def looked_at(folder: Path, files: Mapping[str, bytes | str], data: Sequence[str] = (), **wished: Any) -> Understanding:
    """Write files, and understand them (`data`: names or globs in the folder; default all files)."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return understand(Wishes("shop", gather([str(folder / name) for name in data or files]), **wished))


def said(understood: Understanding, *, doubts: bool = False) -> str:
    """All notes (or the doubts alone) as text."""
    notes = [note for note in understood.notes if note.doubt or not doubts]
    return "\n".join(f"{note.subject}: {note.said}, because {note.because} [{note.answered_by}]" for note in notes)


def declared(table: TableFacts) -> RawTableSpec:
    """The plainest declaration that the facts of a table give."""
    columns = {
        column.name: {
            "type": column.type,
            "source": None if column.header == column.name else column.header,
            "format": column.format,
        }
        for column in table.columns
    }
    return RawTableSpec.model_validate({
        "name": table.name, "files": "*", "format": table.format.model_dump(), "key": table.key, "event_time": table.event_time,
        "contract": {
            "columns": columns, "missing": table.missing, "extra_columns": "discard" if table.discarded else "freeze", "max_quarantine_share": 1,
        },
    })  # fmt: skip


@dataclass(frozen=True)
class Ingested:
    """Rows of a raw table in order, and what was put aside."""

    rows: list[tuple[Any, ...]]
    quarantine: list[tuple[Any, ...]]
    refused: list[str]


def ingested(folder: Path, table: TableFacts) -> Ingested:
    """Load the table's files into a real warehouse as they were understood."""
    home = Home(folder / "home")
    landing = home.landing("shop")
    landing.mkdir(parents=True)
    for path in table.files:
        shutil.copy(path, landing)
    warehouse = Warehouse(home.warehouse, home.scratch, EngineSettings(threads=1))
    asset = RawTableAsset(declared(table), "defs/x/defs.yaml:1", "shop")
    asset.materialize(RunContext(warehouse, home, folder / "sql", datetime(2030, 1, 1, tzinfo=UTC), "test"), [""])
    listed = ", ".join(f'"{column.name}"' for column in table.columns)
    with warehouse.reading() as bench:
        return Ingested(
            bench.rows(f"select {listed} from wh.raw.{table.name} order by _file, _row"),
            bench.rows(
                f"select _line, rule, column_name, value from wh.raw.{table.name}__quarantine order by _file, _row"
            ),
            [row[0] for row in bench.rows("select reason from wh.ops.files where status = 'refused'")],
        )
