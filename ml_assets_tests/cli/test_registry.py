"""`ml-assets registry …`, its short forms and the drill: what they print, write and refuse."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from click.testing import CliRunner

from ml_assets.cli import main
from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.tiny import TinyProject

ACTIONS = ("promote", "approve", "override", "rollback", "pin")
STRICT = "gate: {better_than: [], rules: [{kind: metric, metric: roc_auc, min: 0.99}]}"


@pytest.fixture(scope="module")
def grown(tiny: TinyProject, tmp_path_factory: pytest.TempPathFactory) -> TinyProject:
    """The tiny project with a second champion, for tests that only read."""
    project = tiny.copied_to(tmp_path_factory.mktemp("grown") / "project")
    project.edit("again", "max_rounds: 8", "max_rounds: 9")
    assert invoke(project, "run").exit_code == 0
    return project


@pytest.fixture
def grown_copy(grown: TinyProject, tmp_path: Path) -> TinyProject:
    return grown.copied_to(tmp_path / "project")


def champion(project: TinyProject) -> int:
    [line] = [
        line
        for line in json_of(invoke(project, "registry", "list", "--json"))["versions"]
        if "champion" in line["aliases"]
    ]
    return int(line["version"])


@pytest.mark.parametrize("command", sorted(main.commands["registry"].commands))  # type: ignore[attr-defined]
def test_every_command_has_help_and_json(command: str) -> None:
    shown = CliRunner().invoke(main, ["registry", command, "--help"])
    assert shown.exit_code == 0
    assert "--json" in shown.output
    assert ("--by NAME" in shown.output, "--reason TEXT" in shown.output) == (command in ACTIONS, command in ACTIONS)


class TestReading:
    def test_list_shows_versions_newest_first_with_their_standing(self, grown: TinyProject) -> None:
        lines = json_of(invoke(grown, "registry", "list", "again", "--json"))["versions"]
        assert [(line["version"], line["aliases"], line["verdict"], line["may_serve"]) for line in lines] == [
            (2, ["champion"], "passed", True), (1, [], "passed", True),
        ]  # fmt: skip
        assert "again@2" in invoke(grown, "registry", "list").output

    def test_show_tells_everything_about_a_version(self, grown: TinyProject) -> None:
        found = json_of(invoke(grown, "registry", "show", "again@champion", "--json"))
        assert (found["model"], found["version"], found["aliases"]) == ("again", 2, ["champion"])
        assert found["verdict"]["passed"] is True
        assert set(found["metrics"]["roc_auc"]) == {"value", "low", "high"}
        assert [move["alias"] for move in found["alias_history"]] == ["champion"]
        assert found["made_from"]["parameters"]["max_rounds"] == "9"
        assert Path(found["card"]).is_file()
        assert "again@2 passed the gate" in invoke(grown, "show", "again@2").output

    def test_at_answers_what_served_who_moved_it_and_why(self, grown: TinyProject) -> None:
        before = json_of(invoke(grown, "registry", "at", "again", "2024-04-01T12:00", "--json"))
        assert before["aliases"]["champion"] is None
        found = json_of(invoke(grown, "registry", "at", "again", "2024-04-02T12:00", "--json"))["aliases"]["champion"]
        assert (found["version"], found["moved_by"], found["reason"]) == (2, "gate", "the gate has no rules")
        assert "version 2" in invoke(grown, "registry", "at", "again", "2024-04-02T12:00").output

    def test_compare_puts_versions_side_by_side(self, grown: TinyProject) -> None:
        found = json_of(invoke(grown, "compare", "again@1", "again@2", "--json"))
        assert found["versions"] == [1, 2]
        rounds = next(row for row in found["sections"]["parameters"] if row["name"] == "max_rounds")
        assert rounds == {"name": "max_rounds", "values": ["8", "9"], "differs": True}
        assert {"metrics", "gate", "data", "features", "parameters", "code"} == set(found["sections"])
        shown = invoke(grown, "compare", "again@1").output
        assert "again@2" in shown
        assert "features: no difference" in shown

    def test_card_is_printed_as_it_was_written(self, grown: TinyProject) -> None:
        written = (grown.home.reports / "again" / "2.card.md").read_text(encoding="utf-8")
        assert invoke(grown, "registry", "card", "again@2").output == written

    def test_drill_proves_a_rollback_and_says_how_long_it_takes(self, grown: TinyProject) -> None:
        found = json_of(invoke(grown, "drill", "rollback", "again", "--json"))
        assert (found["champion"], found["target"], found["exact"]) == (2, 1, True)
        assert found["golden"]["rows"] == 76
        assert "golden rows answered exactly" in " ".join(invoke(grown, "drill", "rollback", "again").output.split())
        assert champion(grown) == 2


class TestActing:
    def test_rollback_moves_the_champion_and_later_runs_keep_it(self, grown_copy: TinyProject) -> None:
        found = json_of(invoke(grown_copy, "rollback", "again", "--by", "Ann", "--reason", "complaints", "--json"))
        assert (found["champion_before"], found["champion"], found["by"]) == (2, 1, "Ann")
        assert invoke(grown_copy, "run").exit_code == 0
        assert champion(grown_copy) == 1
        shown = json_of(invoke(grown_copy, "registry", "show", "again@1", "--json"))
        assert shown["alias_history"][-1]["reason"] == "rollback from 2: complaints"

    def test_name_defaults_to_the_user_of_the_machine(self, grown_copy: TinyProject) -> None:
        assert json_of(invoke(grown_copy, "pin", "again@1", "--reason", "audit", "--json"))["by"] == getpass.getuser()
        assert json_of(invoke(grown_copy, "show", "again@pinned", "--json"))["version"] == 1

    def test_a_refused_champion_serves_only_under_an_override(self, grown_copy: TinyProject) -> None:
        grown_copy.edit("again", "gate: {better_than: []}", STRICT)
        assert invoke(grown_copy, "run").exit_code == 1
        said = invoke(grown_copy, "registry", "promote", "again@2", "--reason", "x")
        assert said.exit_code == 2
        assert "again@2 may not serve" in said.output
        words = ("--until", "2024-05-01", "--by", "Eve", "--reason", "sale week")
        assert invoke(grown_copy, "registry", "override", "again@2", *words).exit_code == 0
        assert invoke(grown_copy, "run").exit_code == 0
        [line, _] = json_of(invoke(grown_copy, "registry", "list", "--json"))["versions"]
        assert line["may_serve"] is True
        assert line["override"].startswith("override by Eve")
        for command in ("list", "show"):
            reference = "again" if command == "list" else "again@2"
            assert "Eve" in invoke(grown_copy, "registry", command, reference).output

    def test_approval_by_two_persons_makes_the_first_champion(self, tmp_path: Path) -> None:
        project = TinyProject.create(tmp_path / "project")
        project.edit("again", "gate: {better_than: []}", "promotion: {policy: approval, approvals: 2}")
        invoke(project, "run")
        assert "waits for approval" in invoke(project, "run", "scores.again").output
        for name, now in (("Ann", None), ("Bob", 1)):
            found = json_of(invoke(project, "approve", "again@challenger", "--by", name, "--reason", "seen", "--json"))
            assert found["champion"] == now
        assert invoke(project, "run").exit_code == 0
        shown = json_of(invoke(project, "show", "again", "--json"))
        assert [(one["done_by"], one["valid"]) for one in shown["approvals"]] == [("Ann", True), ("Bob", True)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("registry", "show", "agian@1"), "did you mean again?"),
        (("registry", "show", "again@7"), "there is no again@7"),
        (("registry", "show", "again@champoin"), "did you mean champion?"),
        (("registry", "show", "again@challenger"), "again has no challenger"),
        (("registry", "at", "again", "yesterday"), "not an instant"),
        (("compare", "again@1", "other@1"), "only versions of one model"),
        (("approve", "again@1", "--reason", "x"), "again needs no approval"),
        (("pin", "again@1", "--by", " ", "--reason", "x"), "needs a name"),
        (("registry", "override", "again@1", "--until", "2024-12-31", "--reason", "x"), "an end that is near"),
        (("drill", "rollback", "again@2"), "the present champion"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_says_why_and_exits_2(grown: TinyProject, words: tuple[str, ...], said: str) -> None:
    result = invoke(grown, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert "remedy:" in result.stderr


def test_without_a_warehouse_there_are_no_versions(tmp_path: Path) -> None:
    project = TinyProject.create(tmp_path / "project")
    result = invoke(project, "registry", "list")
    assert result.exit_code == 2
    assert "no versions" in result.stderr
    assert not project.home.warehouse.exists()
