"""The manifest of a backup: every file with its hash, and what the warehouse said when it was copied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ml_assets.errors import BackupError
from ml_assets.warehouse.names import quoted
from ml_assets.warehouse.store import Workbench

FORMAT = 1
NAME = "manifest.json"


@dataclass(frozen=True)
class BackedUpFile:
    """One file of the state; `path` is relative to the state folder, with forward slashes."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class WarehouseFacts:
    """What the warehouse holds: `manifest` is the hash of its manifest, `tables` the rows of every table."""

    manifest: str
    partitions: int
    tables: Mapping[str, int]

    @property
    def rows(self) -> int:
        """Rows of all tables, books included."""
        return sum(self.tables.values())


@dataclass(frozen=True)
class BackupManifest:
    """What a backup holds and what has to be true of it again. `clock` is what time it was for the data, `made_at` the real one.

    `out_of_date`: asset → why a run would have made it; None where the declarations could not be read. `changed`: landing
    files that were written to while they were copied. `warehouse` is None for a state that has no warehouse yet.
    """

    made_at: str
    clock: str
    package_version: str
    files: Sequence[BackedUpFile]
    warehouse: WarehouseFacts | None
    out_of_date: Mapping[str, str] | None
    changed: Sequence[str] = field(default=())

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)

    def to_text(self) -> str:
        """JSON with the hash of its own content."""
        body = json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True, indent=1)
        return json.dumps({"sha256": _hash(body), "backup": json.loads(body)}, sort_keys=True, indent=1) + "\n"

    @classmethod
    def from_text(cls, text: str, place: str) -> BackupManifest:
        """The manifest as written. Raises `BackupError` when it is damaged or of a newer format."""
        try:
            whole: dict[str, Any] = json.loads(text)
            body, said = whole["backup"], whole["sha256"]
        except (ValueError, KeyError, TypeError) as problem:
            raise damaged(place, [f"{NAME} cannot be read: {problem}"]) from problem
        if _hash(json.dumps(body, sort_keys=True, indent=1)) != said:
            raise damaged(place, [f"{NAME} is not what was written"])
        if body.pop("format") != FORMAT:
            raise BackupError(
                "a backup of another format", place=place, expected=f"format {FORMAT}", got=whole["backup"],
                remedy="restore it with the version of ml_assets that made it",
            )  # fmt: skip
        warehouse = body["warehouse"]
        return cls(
            **body | {
                "files": tuple(BackedUpFile(**file) for file in body["files"]),
                "warehouse": WarehouseFacts(**warehouse) if warehouse else None,
                "changed": tuple(body["changed"]),
            }
        )  # fmt: skip


def damaged(place: object, faults: Sequence[str]) -> BackupError:
    """The error that says what of a backup is not as it was written."""
    return BackupError(
        "the backup is damaged", place=str(place), expected="every file as its manifest says", got=f"{len(faults)} faults",
        examples=faults, remedy="take another backup; nothing was changed",
    )  # fmt: skip


def warehouse_facts(bench: Workbench) -> WarehouseFacts:
    """Inside a reading block: the manifest's hash, and the rows of every table."""
    lines = "concat_ws('|', asset, partition, inputs, logic, rows, content, batch)"
    digest, partitions = bench.rows(
        f"select coalesce(sha256(string_agg({lines}, chr(10) order by asset, partition)), ''), count(*) from wh.ops.manifest"
    )[0]
    tables = bench.rows("select schema_name, table_name from duckdb_tables() where database_name = 'wh' order by all")
    counts = {
        f"{schema}.{table}": int(bench.value(f"select count(*) from wh.{quoted(schema)}.{quoted(table)}"))
        for schema, table in tables
    }
    return WarehouseFacts(str(digest), int(partitions), counts)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
