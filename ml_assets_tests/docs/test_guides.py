"""Every command on the pages of docs/guides and docs/how-to, typed in order; what the pages show is what is said."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from ml_assets_tests.conftest import made_once
from ml_assets_tests.docs.reader import DOCS, Reader, blocks
from ml_assets_tests.e2e.state import ROOT

FIRST, WHOLE_ONE = DOCS / "guides" / "your-own-data.md", DOCS / "guides" / "look-at-a-whole-one.md"
# The people who commit on the pages; git asks who they are.
NAMED = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ann"), ("EMAIL", "ann@shop.example"))
}
FURTHER = [
    "guides/day-to-day.md",
    "guides/ci.md",
    "how-to/add-a-feature.md",
    "how-to/add-a-check.md",
    "how-to/add-a-slice.md",
    "how-to/add-a-gate-rule.md",
    "how-to/backfill.md",
    "how-to/send-alerts.md",
]
PAGES = sorted((*(DOCS / "guides").glob("*.md"), *(DOCS / "how-to").glob("*.md")))
# Those that need more than a shell are followed by ml_assets_tests/deploy/test_how_to.py.
ELSEWHERE = ["how-to/move-to-postgres.md", "how-to/move-to-s3.md", "how-to/pull-from-a-database.md"]
BY_HAND = [page for page in PAGES if any("by-hand" in block.words for block in blocks(page))]


def worked_through(root: Path) -> None:
    (root / "work").mkdir(parents=True)
    Reader(root / "work", root / "reader").follow(FIRST)


@pytest.fixture
def reader(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Reader:
    """Somebody who has worked through `your-own-data.md`, for this test alone."""
    before = made_once(tmp_path_factory, "your_own_data", worked_through)
    shutil.copytree(before / "work", tmp_path / "work")
    return Reader(tmp_path / "work", tmp_path / "reader", NAMED)


def test_your_own_data_is_what_its_page_says(reader: Reader) -> None:
    assert (reader.folder / "shop" / ".ml_assets" / "reports" / "shop" / "1.html").is_file()


# Each page is long and shares nothing with the others but where it begins.
@pytest.mark.parametrize("page", [pytest.param(page, marks=pytest.mark.xdist_group(page)) for page in FURTHER])
def test_page_does_what_it_says(page: str, reader: Reader) -> None:
    assert reader.follow(DOCS / page)


def test_every_page_is_followed_by_a_test() -> None:
    assert {FIRST, WHOLE_ONE, *(DOCS / page for page in FURTHER + ELSEWHERE)} == set(PAGES)


def answered(url: str, process: subprocess.Popen[bytes]) -> bytes:
    """The body at an address, asked for again until the process serves it or ends."""
    for _ in range(300):
        try:
            with urlopen(url, timeout=60) as response:
                return bytes(response.read())
        except URLError:
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"it ended with {process.wait(timeout=0.3)} before it answered") from None
    raise AssertionError("it did not answer")


@pytest.mark.xdist_group("whole_one")
def test_whole_one_does_what_its_page_says_and_its_ui_answers(tmp_path: Path) -> None:
    """The UI on a free port, since somebody's own may run on 3000; the clock stands, so that the shop is the same each day."""
    (tmp_path / "work").mkdir()
    onlooker = Reader(tmp_path / "work", tmp_path / "reader", {"ML_ASSETS_NOW": "2026-11-24"})
    onlooker.follow(WHOLE_ONE)
    assert onlooker.standing.name == "ml-assets-demo"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = onlooker.own / "bin" / "ml-assets"
    with (onlooker.own / "ui.log").open("wb") as log, subprocess.Popen(
        [script, "ui", "--port", str(port)], cwd=onlooker.standing, env=onlooker.environment, start_new_session=True,
        stdout=log, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        try:
            answer = json.loads(answered(f"http://127.0.0.1:{port}/server_info", process))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=60)
                # Interrupted while it starts, it may not end by itself.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    assert answer["dagster_webserver_version"]


@pytest.mark.parametrize("page", BY_HAND)
def test_by_hand_are_only_make_targets_and_the_ui(page: Path) -> None:
    """What the tests do not type: a make target ends in a command of ours that they do type, or in the UI."""
    for command in (block.text.strip() for block in blocks(page) if "by-hand" in block.words):
        if command.startswith("make "):
            steps = subprocess.run(
                [*command.split(), "--dry-run", "--no-print-directory"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
            )
            command = steps.stdout.strip().splitlines()[-1].removeprefix(".venv/bin/").strip()
        assert command in {"ml-assets demo", "ml-assets ui"}
