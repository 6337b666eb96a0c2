"""One compact picture of an evaluation, for places that show Markdown only, such as an asset's page in the Dagster UI."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence

from ml_assets.evaluation.page import flat_picture_style
from ml_assets.evaluation.report_facts import ReportFacts
from ml_assets.evaluation.report_pictures import overview_charts
from ml_assets.evaluation.svg import Chart

_SCALE = 1.1
_GAP, _TITLE_HEIGHT = 12, 26


def overview_picture(facts: ReportFacts) -> str:
    """Markdown of one PNG below 40 kB: the main pictures of the task side by side; the empty text without test rows."""
    if not facts.test_rows[0]:
        return ""
    return side_by_side(overview_charts(facts), f"{facts.version}: main pictures")


def side_by_side(charts: Sequence[tuple[Chart, str]], said: str) -> str:
    """Markdown of one PNG of some charts with their titles; `said` stands for it where pictures are not shown."""
    import vl_convert

    drawn, place = [], 0.0
    for chart, title in charts:
        chart.text(chart.margins[0], -8, title, "title")
        drawn.append(chart.group((place, _TITLE_HEIGHT)))
        place += chart.width + _GAP
    width, height = place - _GAP, max(chart.height for chart, _ in charts) + _TITLE_HEIGHT
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<style>{flat_picture_style()}</style><rect width="{width}" height="{height}" fill="#fff"/>{"".join(drawn)}</svg>'
    )
    picture = base64.b64encode(recompressed(vl_convert.svg_to_png(svg, scale=_SCALE))).decode()
    return f"![{said}](data:image/png;base64,{picture})"


def recompressed(png: bytes) -> bytes:
    """The same PNG in half the bytes: the renderer packs for speed."""
    chunks, place = [], 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        chunks.append((png[place + 4 : place + 8], png[place + 8 : place + 8 + length]))
        place += 12 + length
    pixels = zlib.compress(zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT")), 9)
    packed = [(b"IHDR", chunks[0][1]), (b"IDAT", pixels), (b"IEND", b"")]
    return png[:8] + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in packed
    )
