"""The look of a report: one style for page and pictures, light and dark, and helpers for tables."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

_LIGHT = {
    "page": "#ffffff", "card": "#f7f8fa", "ink": "#1a1f27", "soft": "#586174", "rule": "#dfe3e9", "grid": "#e6e9ee",
    "candidate": "#0b5fc0", "champion": "#7a3fb0", "linear": "#b8500a", "one_rule": "#0a7a63", "constant": "#6d7787", "chance": "#8b94a3",
    "negative": "#8b94a3", "positive": "#0b5fc0", "train": "#0b5fc0", "validation": "#0a7a63", "embargo": "#c3cad5",
    "test": "#b8500a",
}  # fmt: skip
_DARK = {
    "page": "#12161c", "card": "#1a2029", "ink": "#e8ebf0", "soft": "#a3adbd", "rule": "#2d3541", "grid": "#29313c",
    "candidate": "#6cb0ff", "champion": "#c79bf2", "linear": "#f79a5b", "one_rule": "#4fcfae", "constant": "#939eae", "chance": "#7d8898",
    "negative": "#7d8898", "positive": "#6cb0ff", "train": "#6cb0ff", "validation": "#4fcfae", "embargo": "#465162",
    "test": "#f79a5b",
}  # fmt: skip

_PICTURE_CSS = """
svg{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;font-size:12.5px}
.tick{fill:var(--soft);font-size:12px}.label{fill:var(--soft);font-size:12px}.title{fill:var(--ink);font-size:14px;font-weight:600}
.axis{stroke:var(--soft);stroke-width:1}.grid{stroke:var(--grid);stroke-width:1}
.line{fill:none;stroke-width:2;stroke-linejoin:round}.line.chance{stroke:var(--chance);stroke-width:1.2;stroke-dasharray:4 4}
.line.candidate{stroke:var(--candidate);stroke-width:2.4}.line.linear{stroke:var(--linear);stroke-dasharray:7 3}
.line.one_rule{stroke:var(--one_rule);stroke-dasharray:2.5 2.5}.line.constant{stroke:var(--constant);stroke-dasharray:1 4}
.dot.candidate{fill:var(--candidate)}.dot.linear{fill:var(--linear)}.dot.one_rule{fill:var(--one_rule)}.dot.constant{fill:var(--constant)}
.bar.candidate,.bar.part-train{fill:var(--candidate)}.bar.share{fill:var(--constant);fill-opacity:.55}
.bar.negative{fill:var(--negative);fill-opacity:.6}.bar.positive{fill:var(--positive);fill-opacity:.55}
.bar.part-validation{fill:var(--validation)}.bar.part-embargo{fill:var(--embargo)}.bar.part-test{fill:var(--test)}
"""

_PAGE_CSS = """
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:1080px;margin:0 auto;padding:28px 20px 56px}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:40px 0 10px}h3{font-size:.98rem;margin:0 0 2px}
p{margin:6px 0;max-width:96ch}.lead{font-size:1.12rem;margin:14px 0}.soft{color:var(--soft);font-size:.9rem}
.verdict{border-left:4px solid var(--candidate);background:var(--card);padding:12px 16px;border-radius:0 8px 8px 0;margin:16px 0}
.verdict p{margin:2px 0}
.scroll{overflow-x:auto;margin:8px 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.94rem}
th,td{padding:7px 12px;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th{color:var(--soft);font-weight:600;font-size:.86rem;white-space:normal;vertical-align:bottom;line-height:1.3}
th:first-child,td:first-child{text-align:left;padding-left:2px}td.text,th.text{text-align:left;white-space:normal;overflow-wrap:break-word}
td.wrap{white-space:normal;overflow-wrap:anywhere;text-align:left}
tr.main td{font-weight:650}.best::after{content:"●";color:var(--one_rule);font-size:.6em;vertical-align:.25em;margin-left:4px}
.range{display:block;color:var(--soft);font-size:.8em;font-weight:400;white-space:nowrap}
.key{float:left;width:12px;height:12px;border-radius:3px;margin:.34em 7px 0 0;background:var(--swatch)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:16px}
.card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:14px 14px 8px;min-width:0}.wide{grid-column:1/-1}
.card svg{width:100%;height:auto;display:block;margin-top:6px}.wide svg{min-width:720px}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:.86rem;color:var(--soft);margin-top:4px}
details{margin:8px 0}summary{cursor:pointer;color:var(--soft);font-size:.9rem}
code{font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
@media(max-width:520px){main{padding:18px 14px 40px}th,td{padding:6px 4px}table{font-size:.8rem}td.text:last-child{min-width:9em}.best::after{margin-left:1px}td .key{display:none}th{font-size:.78rem;line-height:1.25}h1{font-size:1.4rem}}
@media print{body{background:#fff}.card{break-inside:avoid}}
"""


def style() -> str:
    """The style sheet of a page."""
    dark = f"@media(prefers-color-scheme:dark){{:root{{color-scheme:dark;{_variables(_DARK)}}}}}"
    return f":root{{color-scheme:light dark;{_variables(_LIGHT)}}}{dark}{_PAGE_CSS}{_PICTURE_CSS}".replace("\n", "")


def flat_picture_style() -> str:
    """The pictures' style with light colours filled in, for renderers that know no variables."""
    css = _PICTURE_CSS
    for name, colour in _LIGHT.items():
        css = css.replace(f"var(--{name})", colour)
    return css


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def page(title: str, sections: Sequence[str]) -> str:
    """A self-contained HTML document: no script, nothing fetched."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{style()}</style></head><body><main>{''.join(sections)}</main></body></html>\n"
    )


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: int = 1, text_last: bool = False,
    main_row: int | None = None,
) -> str:  # fmt: skip
    """A table of ready HTML cells; the first `text_columns` columns (and the last if told) are text, the others numbers."""

    def cells(row: Sequence[str], tag: str) -> str:
        last = len(row) - 1 if text_last else len(row)
        kinds = [' class="text"' if place < text_columns or place == last else "" for place in range(len(row))]
        return "".join(f"<{tag}{kind}>{cell}</{tag}>" for kind, cell in zip(kinds, row, strict=True))

    body = "".join(
        f"<tr{' class=main' if place == main_row else ''}>{cells(row, 'td')}</tr>" for place, row in enumerate(rows)
    )
    return (
        f'<div class="scroll"><table><thead><tr>{cells(header, "th")}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def facts_table(pairs: Sequence[tuple[str, str]]) -> str:
    """Name and value (ready HTML), one pair a row; long values wrap."""
    body = "".join(f'<tr><td>{html.escape(name)}</td><td class="wrap">{value}</td></tr>' for name, value in pairs)
    return f"<table><tbody>{body}</tbody></table>"


def card(title: str, picture: str, note: str, legend: Sequence[tuple[str, str]] = (), *, wide: bool = False) -> str:
    """A picture with its name, a sentence on how to read it, and a legend of (colour, meaning)."""
    keys = "".join(f"<span>{swatch(colour)}{html.escape(meaning)}</span>" for colour, meaning in legend)
    return (
        f'<div class="card{" wide" if wide else ""}"><h3>{html.escape(title)}</h3><div class="soft">{html.escape(note)}</div>'
        f'<div class="legend">{keys}</div><div class="scroll">{picture}</div></div>'
    )


def swatch(colour: str) -> str:
    """A small square of a named colour."""
    return f'<span class="key" style="--swatch:var(--{colour})"></span>'


def escaped(value: object) -> str:
    return html.escape(str(value))


def code(value: object) -> str:
    return f"<code>{html.escape(str(value))}</code>"


def write_page(path: Path, text: str) -> Path:
    """The file, written whole or not at all, however many write it at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    return unfinished.replace(path)
