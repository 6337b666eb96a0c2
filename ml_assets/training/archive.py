"""The rows that a version was trained on, kept beside the warehouse under the hash of their bytes."""

from __future__ import annotations

import hashlib
import io
import os
import re
from pathlib import Path

import pyarrow as pa

from ml_assets.errors import NotMaterializedError, PackageError
from ml_assets.warehouse.home import Home

_HASH = re.compile(r"[0-9a-f]{64}")


def archive_path(home: Home, model: str, content: str) -> Path:
    """`<home>/training/<model>/<content>.parquet`; `content` is the SHA-256 of the file."""
    if not _HASH.fullmatch(content):
        raise PackageError("not the hash of an archive", expected="64 hexadecimal digits", got=content)
    return home.root / "training" / model / f"{content}.parquet"


def write_archive(home: Home, model: str, rows: pa.Table) -> str:
    """Keep rows as Parquet (zstd), whole or not at all; equal rows are one file. Returns the SHA-256 of the file."""
    import pyarrow.parquet as pq

    made = io.BytesIO()
    pq.write_table(rows, made, compression="zstd")
    content = hashlib.sha256(made.getvalue()).hexdigest()
    path = archive_path(home, model, content)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        unfinished.write_bytes(made.getvalue())
        unfinished.replace(path)
    return content


def read_archive(home: Home, model: str, content: str) -> pa.Table:
    """The rows as they were; raises when the file is not there or not what its name says."""
    import pyarrow.parquet as pq

    path = archive_path(home, model, content)
    if not path.exists():
        raise NotMaterializedError(
            f"the training rows of {model} are not there", expected=str(path), got="no such file",
            remedy="restore the folder `training` from a backup; without its rows a version cannot be trained again",
        )  # fmt: skip
    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != content:
        raise PackageError(
            f"the training rows of {model} are not what they were", expected=f"SHA-256 {content}", got=found,
            remedy="restore the file from a backup", place=path,
        )  # fmt: skip
    return pq.read_table(io.BytesIO(data))
