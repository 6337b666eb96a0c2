"""The pages of docs lead to each other, and what they say of files and workflows is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from docs.generate.markdown import anchor
from ml_assets.cli import main
from ml_assets_tests.docs.reader import DOCS, blocks

PAGES = sorted(DOCS.rglob("*.md"))
named = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))


def links(page: Path) -> list[tuple[Path, str]]:
    """(file, fragment) of every link inside the documentation."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    found = [target.partition("#") for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    return [((page.parent / file).resolve() if file else page, fragment) for file, _, fragment in found]


@named
def test_links_of_the_page_lead_somewhere(page: Path) -> None:
    for file, fragment in links(page):
        assert file.exists(), file
        if fragment:
            text = file.read_text(encoding="utf-8")
            headings = {anchor(line.lstrip("# ")) for line in text.splitlines() if line.startswith("#")}
            assert fragment in headings | set(re.findall(r'<a id="(\w+)">', text)), f"{file.name}#{fragment}"


@named
def test_no_fence_is_indented(page: Path) -> None:
    """The reader of these tests would pass over it."""
    assert not re.search(r"^[ \t]+```", page.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_every_page_is_reached_from_the_index() -> None:
    reached, new = set[Path](), {DOCS / "README.md"}
    while new:
        reached |= new
        new = {
            file for page in new for file, _ in links(page) if file.suffix == ".md" and DOCS in file.parents
        } - reached
    assert set(PAGES) - reached == set()


@named
def test_commands_of_the_page_exist(page: Path) -> None:
    """Those in the running text too, which nobody types."""
    text = page.read_text(encoding="utf-8")
    words = set(re.findall(r"`ml-assets ([a-z][\w-]*)", text))
    assert words <= main.commands.keys() | {"demo"}


def test_workflow_of_the_ci_page_runs_what_the_page_shows() -> None:
    page = DOCS / "guides" / "ci.md"
    [workflow] = [yaml.safe_load(block.text) for block in blocks(page) if block.language == "yaml"]
    runs = [step["run"] for step in workflow["jobs"]["data"]["steps"] if "run" in step]
    shown = "".join(block.text for block in blocks(page) if block.language == "bash")
    for command in (each for each in runs if each.startswith("ml-assets ") and each != "ml-assets run"):
        assert command.replace('"$BASE"', "main") in shown, command
