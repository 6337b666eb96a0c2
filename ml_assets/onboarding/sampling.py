"""A sample of large text files: blocks of lines, evenly spread, written as a file of the same layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_assets.ingest.text import is_packed, opened_bytes

_BLOCKS = 64
_LEAST_BLOCK = 16_384
_UNPACKED_CHUNK = 1 << 20


@dataclass(frozen=True)
class WrittenSample:
    """The file, and how many records it has beside the header."""

    path: Path
    records: int


def write_sample(files: Sequence[Path], target: Path, share: float, *, header: bool) -> WrittenSample:
    """Write about `share` of the lines of plain text files: the head of each and evenly spread blocks.

    Each record of the files must be one line. Of many files an even choice is taken.
    """
    chosen = list(files) if len(files) <= _BLOCKS else [files[i * len(files) // _BLOCKS] for i in range(_BLOCKS)]
    share = min(1.0, share * len(files) / len(chosen))
    lines = 0
    with target.open("wb") as out:
        for number, path in enumerate(chosen):
            with opened_bytes(path) as stream:
                first = stream.readline() if header else b""
            if number == 0:
                out.write(first if first.endswith(b"\n") or not first else first + b"\n")
            blocks = _packed_blocks(path, len(first), share) if is_packed(path) else _blocks(path, len(first), share)
            for block in blocks:
                out.write(block if block.endswith(b"\n") else block + b"\n")
                lines += block.count(b"\n") + (not block.endswith(b"\n"))
    return WrittenSample(target, lines)


def _blocks(path: Path, start: int, share: float) -> list[bytes]:
    size = path.stat().st_size - start
    if size <= 0:
        return []
    length = max(_LEAST_BLOCK, int(size * share / _BLOCKS))
    count = max(1, min(_BLOCKS, int(size * share / length)))
    step = size / count
    found = []
    with path.open("rb") as stream:
        end = start
        for number in range(count):
            at = max(end, start + int(number * step))
            stream.seek(at)
            if at != start and at != end:
                stream.readline()
            block = stream.read(length) + stream.readline()
            end = stream.tell()
            if block:
                found.append(block)
    return found


def _packed_blocks(path: Path, start: int, share: float) -> list[bytes]:
    """One part of each unpacked chunk, since a packed file cannot be entered in its middle."""
    found = []
    with opened_bytes(path) as stream:
        stream.read(start)
        while chunk := stream.read(_UNPACKED_CHUNK):
            chunk += stream.readline()
            cut = chunk.find(b"\n", int(len(chunk) * share)) + 1
            found.append(chunk[: cut or len(chunk)])
    return found
