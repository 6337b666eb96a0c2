"""Every step of docs/runbooks, typed in order on a state that is prepared once; what a page shows is what is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ml_assets.operations.runbooks import SLUGS
from ml_assets_tests.conftest import made_once
from ml_assets_tests.docs.reader import DOCS, Reader, blocks
from ml_assets_tests.docs.test_guides import worked_through

RUNBOOKS = DOCS / "runbooks"
# These pages go on with two versions, which are there after the page about retraining.
AFTER_RETRAINING = ("model-regression", "rollback", "pin")
PARTS = ("It looks like", "How bad", "It is over when", "Afterwards")


@pytest.fixture(scope="session")
def after_guide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of somebody who has worked through `your-own-data.md`."""
    return made_once(tmp_path_factory, "your_own_data", worked_through)


@pytest.fixture(scope="session")
def after_retraining(tmp_path_factory: pytest.TempPathFactory, after_guide: Path) -> Path:
    """The same after the page about retraining was followed, which is thereby tested."""

    def retrained(root: Path) -> None:
        shutil.copytree(after_guide / "work", root / "work")
        Reader(root / "work", root / "reader").follow(RUNBOOKS / "retrain.md")

    return made_once(tmp_path_factory, "retrained", retrained)


def reader_after(state: Path, folder: Path) -> Reader:
    shutil.copytree(state / "work", folder / "work")
    return Reader(folder / "work", folder / "reader")


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if slug not in (*AFTER_RETRAINING, "retrain")])
def test_runbook_does_what_it_says(slug: str, after_guide: Path, tmp_path: Path) -> None:
    assert reader_after(after_guide, tmp_path).follow(RUNBOOKS / f"{slug}.md")


@pytest.mark.parametrize("slug", AFTER_RETRAINING)
def test_runbook_of_versions_does_what_it_says(slug: str, after_retraining: Path, tmp_path: Path) -> None:
    assert reader_after(after_retraining, tmp_path).follow(RUNBOOKS / f"{slug}.md")


def test_every_runbook_that_is_named_is_there_and_no_other() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == set(SLUGS)


@pytest.mark.parametrize("slug", SLUGS)
def test_runbook_has_all_parts_and_no_step_that_nobody_tries(slug: str) -> None:
    page = RUNBOOKS / f"{slug}.md"
    text = page.read_text(encoding="utf-8")
    assert [part for part in PARTS if part not in text] == []
    assert [block.line for block in blocks(page) if "by-hand" in block.words] == []
