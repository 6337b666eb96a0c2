"""Runbooks come with the library: the person on duty needs no copy of the documentation."""

from __future__ import annotations

from click.testing import CliRunner

from ml_assets.cli import main
from ml_assets.operations.runbooks import SLUGS, how_to_read
from ml_assets_tests.cli.invoke import invoke
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.tiny import TinyProject


def test_runbook_is_printed_as_it_is_in_the_documentation(tiny: TinyProject) -> None:
    said = invoke(tiny, "runbook", "stale-data").stdout
    assert said == (ROOT / "docs" / "runbooks" / "stale-data.md").read_text(encoding="utf-8")


def test_list_names_every_runbook_with_its_title() -> None:
    lines = CliRunner().invoke(main, ["runbook"]).stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(SLUGS)
    assert all(len(line.split()) > 1 for line in lines)


def test_projects_own_page_goes_before_the_built_in_one(tiny_copy: TinyProject) -> None:
    own = tiny_copy.root / "docs" / "runbooks" / "stale-data.md"
    own.parent.mkdir(parents=True)
    own.write_text("# Call Ann\n", encoding="utf-8")
    assert invoke(tiny_copy, "runbook", "stale-data").stdout == "# Call Ann\n"


def test_unknown_runbook_is_refused_with_near_names() -> None:
    refused = CliRunner().invoke(main, ["runbook", "stale"])
    assert refused.exit_code == 2
    assert "did you mean stale-data" in refused.stderr


def test_own_runbook_is_read_where_it_is() -> None:
    assert how_to_read("docs/ours.md") == "read docs/ours.md"
    assert how_to_read("https://wiki.example/stale-data.md") == "read https://wiki.example/stale-data.md"
