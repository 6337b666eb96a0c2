"""Pages are whole, however many write one at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ml_assets.evaluation.page import write_page


def test_page_that_many_write_at_once_is_one_of_theirs(tmp_path: Path) -> None:
    path, texts = tmp_path / "reports" / "page.html", [str(number) * 200_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            assert {*pool.map(lambda text: write_page(path, text), texts)} == {path}
            assert path.read_text(encoding="utf-8") in texts
    assert [file.name for file in path.parent.iterdir()] == ["page.html"]
