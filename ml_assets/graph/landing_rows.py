"""How many rows landing files will bring, told from their bytes without reading them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml_assets.ingest.landing import LandedFile
from ml_assets.ingest.raw_table import RawTableAsset
from ml_assets.warehouse.asset import RunContext
from ml_assets.warehouse.manifest import ManifestRow
from ml_assets.warehouse.store import Workbench

# Line breaks of so many bytes are counted in some hundredths of a second.
_COUNTED_BYTES = 64 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True)
class ExpectedRows:
    """Rows after the run and what the figure rests on; `read`: rows of files that have to be read for it."""

    rows: int | None
    basis: str
    read: int | None = None


def expected_landing(
    bench: Workbench, context: RunContext, asset: RawTableAsset, before: ManifestRow | None
) -> ExpectedRows:
    """Inside a reading block: rows of the table once its landing files are loaded, and rows that will be read.

    By rows a byte of the files loaded so far; without any, by counting the lines of text files that are not packed.
    """
    plan = asset.landing_plan(bench, context)
    size = sum(landed.bytes for landed in plan.work)
    held = before.rows if before is not None else 0
    if not plan.work:
        return ExpectedRows(held, "no file to read", 0)
    loaded, kept = bench.rows(
        "select coalesce(sum(bytes), 0), coalesce(sum(rows_kept), 0) from wh.ops.files where asset = ? and status = 'loaded'",
        [str(asset.name)],
    )[0]
    if loaded and kept:
        read = round(size * kept / loaded)
        basis = f"{size:,} bytes of landing files at the {1000 * kept / loaded:.1f} rows a kB of those loaded"
    else:
        counted = _lines(asset, plan.work, size)
        if counted is None:
            return ExpectedRows(None, "no loaded file to judge by", None)
        read, basis = counted, "lines of the landing files"
    replaced = {landed.file for landed in plan.replace}
    outdated = before is not None and before.logic != asset.logic
    gone = 0 if outdated else sum(
        row[1] for row in bench.rows("select file, rows_kept from wh.ops.files where asset = ?", [str(asset.name)])
        if row[0] in replaced
    )  # fmt: skip
    return ExpectedRows(read if outdated else held - gone + read, basis, read)


def _lines(asset: RawTableAsset, landed: Sequence[LandedFile], size: int) -> int | None:
    kind = asset.spec.format.kind
    if kind not in ("csv", "jsonl") or size > _COUNTED_BYTES or any(one.path.suffix == ".gz" for one in landed):
        return None
    total = 0
    for one in landed:
        with one.path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                total += chunk.count(b"\n")
    return max(0, total - (len(landed) if kind == "csv" else 0))
