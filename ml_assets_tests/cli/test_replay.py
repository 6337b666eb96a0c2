"""`ml-assets replay`: exit codes and what is printed."""

from __future__ import annotations

import json
from typing import Any

from ml_assets.warehouse.manifest import UNPARTITIONED
from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.tiny import TinyProject


class TestReplay:
    def test_equal_version_exits_0_and_leaves_the_warehouse_as_it_was(self, tiny: TinyProject) -> None:
        before = tiny.batches()
        found = json_of(result := invoke(tiny, "replay", "again@1", "--json"))

        assert result.exit_code == 0
        assert (found["equal"], found["model"], found["version"]) == (True, "again", 1)
        assert {file["state"] for file in found["files"]} == {"equal"}
        assert found["golden"]["differing"] == 0
        assert tiny.batches() == before
        assert before["models.again", UNPARTITIONED] > 0
        shown = " ".join(invoke(tiny, "replay", "again").output.split())
        assert "again@1 was made again from" in shown
        assert "equal to the last byte" in shown

    def test_different_version_exits_1_and_names_the_cause(self, tiny_copy: TinyProject) -> None:
        change_manifest(tiny_copy, rounds=9)
        found = json_of(result := invoke(tiny_copy, "replay", "again@1", "--json"))

        assert result.exit_code == 1
        assert [file["name"] for file in found["files"] if file["state"] != "equal"] == ["candidate.json"]
        assert found["causes"][0] == {
            "kind": "parameters", "name": "max_rounds", "then": "8", "now": "9", "explains": True,
        }  # fmt: skip
        text = invoke(tiny_copy, "replay", "again@1")
        assert text.exit_code == 1
        assert "parameters: max_rounds" in text.output

    def test_what_cannot_be_done_exits_2(self, tiny_copy: TinyProject) -> None:
        for path in (tiny_copy.home.root / "training" / "again").iterdir():
            path.unlink()
        result = invoke(tiny_copy, "replay", "again@1")

        assert result.exit_code == 2
        assert "the training rows of again are not there" in result.stderr
        assert invoke(tiny_copy, "replay", "agian@1").exit_code == 2


def change_manifest(project: TinyProject, rounds: int) -> None:
    """Let the stored declaration of version 1 say other rounds than those it was trained with."""
    with project.context().warehouse.committing() as bench:
        manifest: dict[str, Any] = json.loads(bench.value("select manifest from wh.models.again where version = 1"))
        manifest["spec"]["estimator"]["max_rounds"] = rounds
        bench.execute("update wh.models.again set manifest = ? where version = 1", [json.dumps(manifest)])
