"""`python -m docs.generate`: write the reference pages, and remove those of what is no more."""

from __future__ import annotations

import sys

from docs.generate import FOLDER, pages

FOLDER.mkdir(exist_ok=True)
wanted = pages()
for path in FOLDER.glob("*.md"):
    if path.name not in wanted:
        path.unlink()
for name, text in wanted.items():
    (FOLDER / name).write_text(text, encoding="utf-8")
sys.stdout.write(f"{len(wanted)} pages in {FOLDER}\n")
