"""The reference pages are what their generator makes, and what stands on them is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from docs.generate import COMMAND, FOLDER, pages
from docs.generate.components import page_name
from docs.generate.markdown import anchor
from ml_assets.cli import main
from ml_assets.graph.compile import compile_graph
from ml_assets.graph.origin import _FIELDS
from ml_assets.graph.project import KINDS, load_project
from ml_assets.specs.fields import fields_below
from ml_assets_tests.e2e.state import ROOT

PAGES = pages()
every_page = pytest.mark.parametrize("name", PAGES)
every_kind = pytest.mark.parametrize("kind", KINDS)


def written(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8") if (FOLDER / name).is_file() else ""


@every_page
def test_page_is_what_its_generator_makes(name: str) -> None:
    assert written(name) == PAGES[name], f"docs/reference/{name} is not what the code says: run `{COMMAND}`"


def test_no_page_is_left_of_what_is_no_more() -> None:
    assert {path.name for path in FOLDER.iterdir()} == PAGES.keys(), f"run `{COMMAND}`"


@every_kind
def test_page_has_a_row_for_every_field_with_its_description(kind: str) -> None:
    text = written(page_name(kind))
    for path, field in fields_below(KINDS[kind]):
        if path[-1] == "kind" and len(path) > 1:
            continue
        rows = [line for line in text.splitlines() if line.startswith(f"| `{path[-1]}` |")]
        described = " ".join((field.description or "").split()).replace("|", "\\|")
        assert described, f"{'.'.join(path)} has no description"
        assert any(row.endswith(f"| {described} |") for row in rows), ".".join(path)


def test_examples_of_the_pages_are_a_project(tmp_path: Path) -> None:
    for kind in KINDS:
        text = written(page_name(kind))
        documents = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
        assert {yaml.safe_load(document)["type"] for document in documents} == {f"ml_assets.{kind}"}
        for number, document in enumerate(documents):
            path = tmp_path / "defs" / "shop" / kind / str(number) / "defs.yaml"
            path.parent.mkdir(parents=True)
            path.write_text(document, encoding="utf-8")
        for path, statement in re.findall(r"`(sql/[\w/.]+)`:\n\n```sql\n(.*?)```", text, flags=re.DOTALL):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(statement, encoding="utf-8")
    graph = compile_graph(load_project(tmp_path / "defs", tmp_path / "sql", tmp_path))
    said = "".join(written(page_name(kind)) for kind in KINDS)
    assert [str(asset.name) for asset in graph if f"| `{asset.name}` |" not in said] == []


def test_every_check_code_of_the_library_is_on_the_page() -> None:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "ml_assets").rglob("*.py"))
    in_use = {code for text in sources for code in re.findall(r'"([A-Z]{2}\d{3})"', text)} | _FIELDS.keys()
    shown = set(re.findall(r'<a id="\w+"></a>(\w+)', written("checks.md")))
    assert shown == in_use, "let the examples in ml_assets/specs/examples.py declare what makes the missing checks"


def test_every_command_and_option_is_on_the_page() -> None:
    text = written("commands.md")
    for name, command in main.commands.items():
        if not command.hidden:
            section = re.split(r"^## ", text, flags=re.MULTILINE)
            (own,) = [part for part in section if part.splitlines()[0] == f"ml-assets {name}"]
            assert all(option in own for each in command.params for option in each.opts if option.startswith("--"))


@every_page
def test_links_of_the_page_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[name]):
        file, _, fragment = target.partition("#")
        text = PAGES[file or name]
        headings = {anchor(line.lstrip("# ")) for line in text.splitlines() if line.startswith("#")}
        assert not fragment or fragment in headings | set(re.findall(r'<a id="(\w+)">', text)), target


def test_generator_copes_with_a_union_without_kinds() -> None:
    """As a label that is a statement, or a column of a table."""
    from pydantic import Field

    from docs.generate.components import _fields

    class StatementSpec(BaseModel):
        """In SQL."""

        sql: str = Field(description="File.")

    class ColumnSpec(BaseModel):
        """A column."""

        column: str = Field(description="Name.")

    class OwnerSpec(BaseModel):
        """Has one of them."""

        label: StatementSpec | ColumnSpec | str | None = Field(default=None, description="What is predicted.")

    text = "\n".join(_fields(OwnerSpec, ""))
    assert "| `label` | `fields \\| text`, [fields](#label) | `null` | What is predicted. |" in text
    assert "**With `sql`**: In SQL." in text
    assert "**With `column`**: A column." in text
