"""`ml-assets explain` on the tiny project, and `ml-assets why` from a score to the lines of landing files."""

from __future__ import annotations

import hashlib
import math
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ml_assets.warehouse.home import Home
from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.conftest import made_once
from ml_assets_tests.e2e.state import ml_assets, query
from ml_assets_tests.flat import FlatProject, model
from ml_assets_tests.tiny import TinyProject, weekly_orders

NEWEST = "2024-04-01"


def explained(project: TinyProject, asset: str) -> dict[str, Any]:
    result = invoke(project, "explain", asset, "--json")
    assert result.exit_code == 0, result.output
    return json_of(result)


class TestExplain:
    @pytest.mark.parametrize(
        ("asset", "reads", "read_by"),
        [
            ("raw.orders", ["landing files shop/*.csv"], ["staging.sales"]),
            ("staging.sales", ["raw.orders"], ["features.habits", "labels.again__population", "labels.again"]),
            ("features.habits", ["staging.sales"], ["training.again", "scores.again"]),
            (
                "models.again",
                ["training.again"],
                ["models.again__reference", "evaluation.again", "models.again__champion"],
            ),
            ("scores/again", ["models.again__champion", "labels.again__population", "features.habits"], []),
        ],
    )
    def test_an_asset_names_its_neighbours(
        self, tiny: TinyProject, asset: str, reads: list[str], read_by: list[str]
    ) -> None:
        found = explained(tiny, asset)
        assert (found["reads"], found["read_by"]) == (reads, read_by)

    def test_every_asset_can_be_explained_to_people(self, tiny: TinyProject) -> None:
        for asset in tiny.graph():
            result = invoke(tiny, "explain", str(asset.name))
            assert result.exit_code == 0, result.output
            assert asset.place in result.stdout
            assert all(check.name in result.stdout for check in asset.checks)

    def test_a_column_says_what_it_is_made_from(self, tiny: TinyProject) -> None:
        columns = {one["name"]: one for one in explained(tiny, "features.habits")["columns"]}
        assert columns["spend"]["from"] == ["staging.sales.amount"]
        assert columns["spend"]["contract"] == "not null, min 0"

    def test_how_it_was_last_made_is_that_of_the_manifest(self, tiny: TinyProject) -> None:
        made = explained(tiny, "features.habits")["made"]
        rows, partitions = query(
            tiny.home.root, "select sum(rows), count(*) from ops.manifest where asset = 'features.habits'"
        )[0]
        assert (made["rows"], made["partitions"], made["newest"], made["why"]) == (
            rows,
            partitions,
            NEWEST,
            "never made",
        )
        assert list(made["inputs"]) == ["staging.sales"]

    def test_a_model_names_its_champion_and_who_made_it_so(self, tiny: TinyProject) -> None:
        found = explained(tiny, "models.again")["model"]
        assert (found["champion"]["version"], found["champion"]["moved_by"]) == (1, "gate")
        assert found["verdicts"][-1]["passed"] is True

    def test_what_is_out_of_date_is_said(self, tiny_copy: TinyProject) -> None:
        tiny_copy.edit("again", "num_leaves: 4", "num_leaves: 5")
        assert explained(tiny_copy, "models.again")["out_of_date"] == {"": "its logic changed"}

    def test_what_was_never_made_can_be_explained(self, tmp_path: Path) -> None:
        project = TinyProject.create(tmp_path / "project")
        found = explained(project, "features.habits")
        assert found["made"] is None
        assert [one["name"] for one in found["columns"]][2:] == ["orders_28d", "spend", "days_since_last"]
        assert "Not made yet." in invoke(project, "explain", "features.habits").stdout
        assert not project.home.warehouse.exists()

    @pytest.mark.parametrize(
        ("asset", "said"), [("labels.*", "means 2 assets"), ("features.habit", "did you mean features.habits")]
    )
    def test_a_name_that_is_not_one_asset_is_refused(self, tiny: TinyProject, asset: str, said: str) -> None:
        result = invoke(tiny, "explain", asset)
        assert result.exit_code == 2
        assert said in result.stderr


def why(project: TinyProject, key: str, *words: str) -> dict[str, Any]:
    result = invoke(project, "why", "again", "--row", key, "--json", *words)
    assert result.exit_code == 0, result.output
    return json_of(result)


class TestWhy:
    def test_the_score_is_that_of_the_table_and_its_contributions_sum_to_it(self, tiny: TinyProject) -> None:
        found = why(tiny, "7")
        ((score,),) = query(
            tiny.home.root, f"select score from scores.again where customer_id = 7 and snapshot = '{NEWEST}'"
        )
        assert (found["snapshot"], found["score"], found["agrees"]) == (NEWEST, score, True)
        total = found["base"] + sum(one["contribution"] for one in found["features"])
        assert 1 / (1 + math.exp(-total)) == pytest.approx(score, abs=1e-9)
        sizes = [abs(one["contribution"]) for one in found["features"]]
        assert sizes == sorted(sizes, reverse=True)

    def test_feature_values_are_those_of_the_asked_snapshot(self, tiny: TinyProject) -> None:
        found = why(tiny, "7", "--snapshot", "2024-03-18")
        [row] = query(
            tiny.home.root,
            "select orders_28d, spend, days_since_last from features.habits where customer_id = 7 and snapshot = '2024-03-18'",
        )
        values = {one["feature"]: one["value"] for one in found["features"]}
        assert (values["orders_28d"], values["spend"], values["days_since_last"]) == row

    def test_the_version_is_told_with_who_let_it_serve(self, tiny: TinyProject) -> None:
        told = why(tiny, "7")["model"]
        assert (told["version"], told["alias"]["alias"], told["alias"]["moved_by"]) == ("again@1", "champion", "gate")
        assert told["verdict"]["passed"] is True

    def test_rows_lead_to_the_very_lines_of_the_landing_files(self, tiny: TinyProject) -> None:
        sources = {one["table"]: one for one in why(tiny, "7", "--snapshot", "2024-03-18", "--most", "100")["sources"]}
        raw = sources["raw.orders"]
        folder = tiny.home.landing("shop")
        expected = sorted(
            (path.name, number, line)
            for path in folder.glob("*.csv")
            if path.stem < "2024-03-18"
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            if line.split(",")[1] == "7"
        )
        found = sorted((row["_file"], row["_line"]) for row in raw["shown"])
        assert found == [(name, number) for name, number, _ in expected]
        assert raw["rows"] == len(expected) == sources["staging.sales"]["rows"]
        for file in raw["files"]:
            assert file["sha256"] == hashlib.sha256((folder / file["file"]).read_bytes()).hexdigest()

    def test_no_more_rows_are_shown_than_asked_for(self, tiny: TinyProject) -> None:
        for source in why(tiny, "7", "--most", "2")["sources"]:
            assert len(source["shown"]) == 2 < source["rows"]

    def test_a_line_is_not_claimed_of_a_file_that_has_another_number_of_lines_now(self, tiny_copy: TinyProject) -> None:
        for path in tiny_copy.home.landing("shop").glob("*.csv"):
            path.write_text("\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
        [raw] = [one for one in why(tiny_copy, "7")["sources"] if one["table"] == "raw.orders"]
        assert {row["_line"] for row in raw["shown"]} == {None}
        assert {row["_row"] > 0 for row in raw["shown"]} == {True}

    def test_a_grouped_table_on_the_way_ends_it_and_says_so(self, tiny_copy: TinyProject) -> None:
        tiny_copy.state(
            "sales", "select min(order_id) as order_id, customer_id, ordered_at, sum(amount) as amount\nfrom raw.orders\n"
            "group by customer_id, ordered_at\n",
        )  # fmt: skip
        assert invoke(tiny_copy, "run").exit_code == 0
        sources = {one["table"]: one for one in why(tiny_copy, "7")["sources"]}
        assert sources["staging.sales"]["followed"]
        assert not sources["raw.orders"]["followed"]
        assert "not row by row" in sources["raw.orders"]["how"]

    def test_features_that_were_made_again_since_are_named(self, tiny_copy: TinyProject) -> None:
        tiny_copy.land(date(2024, 3, 11), weekly_orders(date(2024, 3, 11)).replace(".50\n", ".75\n"))
        assert invoke(tiny_copy, "run", "raw.* staging.* features.*").exit_code == 0
        assert why(tiny_copy, "7")["inputs_changed_since"] == ["features.habits"]

    def test_an_unknown_key_is_refused_with_keys_that_look_like_it(self, tiny: TinyProject) -> None:
        result = invoke(tiny, "why", "again", "--row", "400")
        assert result.exit_code == 2
        assert "no score of customer_id '400'" in result.stderr
        assert "nearest: 40" in result.stderr

    def test_an_unscored_snapshot_is_refused_with_the_nearest(self, tiny: TinyProject) -> None:
        result = invoke(tiny, "why", "again", "--row", "7", "--snapshot", "2024-01-01")
        assert result.exit_code == 2
        assert "nearest: 2024-03-11, 2024-03-18, 2024-03-25" in result.stderr

    @pytest.mark.parametrize(
        ("name", "said"), [("agin", "did you mean scores.again?"), ("features.habits", "unknown scored output")]
    )
    def test_what_is_no_scores_table_is_refused(self, tiny: TinyProject, name: str, said: str) -> None:
        result = invoke(tiny, "why", name, "--row", "7")
        assert result.exit_code == 2
        assert said in result.stderr

    def test_the_text_for_people_holds_every_feature_and_source(self, tiny: TinyProject) -> None:
        shown = invoke(tiny, "why", "again", "--row", "7").stdout
        words = (
            "again@1",
            "orders_28d",
            "spend",
            "days_since_last",
            "staging.sales",
            "raw.orders",
            "sha256",
            "exact TreeSHAP",
        )
        assert [word for word in words if word not in shown] == []


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> TinyProject:
    """A project whose model learns from one flat table, with mail addresses; run once."""

    def make(root: Path) -> None:
        project = FlatProject.create(root, model("{column: bought, positive: 'yes'}", "{kind: random}"))
        result = ml_assets(project.home.root, "run", project=root)
        assert result.returncode == 0, result.stdout + result.stderr

    root = made_once(tmp_path_factory, "flat_explained", make)
    return TinyProject(root, Home(root / ".ml_assets"))


class TestTablesOfExamples:
    def test_a_row_of_a_flat_table_leads_to_its_line(self, flat: TinyProject) -> None:
        result = invoke(flat, "why", "visit_scores", "--row", "v0007", "--json")
        found = json_of(result)
        [source] = found["sources"]
        [row] = source["shown"]
        line = (flat.home.landing("shop") / row["_file"]).read_text(encoding="utf-8").splitlines()[row["_line"] - 1]
        assert line.startswith("v0007,")
        assert (found["snapshot"], found["agrees"]) == (None, True)

    def test_personal_data_is_never_shown(self, flat: TinyProject) -> None:
        for words in (["why", "visit_scores", "--row", "v0007"], ["explain", "raw.visits"], ["plan"]):
            for more in ([], ["--json"]):
                result = invoke(flat, *words, *more)
                assert result.exit_code == 0, result.output
                assert "@example.org" not in result.output

    def test_a_key_that_is_personal_is_neither_shown_nor_offered(self, flat: TinyProject, tmp_path: Path) -> None:
        project = flat.copied_to(tmp_path / "project")
        path = project.root / "defs" / "shop" / "visits" / "defs.yaml"
        text = path.read_text(encoding="utf-8")
        path.write_text(
            text.replace("visit: {type: string, nullable: false}", "visit: {type: string, nullable: false, pii: true}"),
            encoding="utf-8",
        )
        result = invoke(project, "why", "visit_scores", "--row", "v9999")
        assert result.exit_code == 2
        assert not any(word in result.output for word in ("v9999", "v0"))
        shown = invoke(project, "why", "visit_scores", "--row", "v0007")
        assert shown.exit_code == 0
        assert "v0007" not in shown.output

    def test_personal_data_under_another_name_is_masked_and_counts_of_it_are_not(self, tiny_copy: TinyProject) -> None:
        tiny_copy.edit("orders", "amount: {type: float, min: 0}", "amount: {type: float, min: 0, pii: true}")
        tiny_copy.state(
            "sales",
            "select order_id, customer_id, ordered_at, amount as paid, amount::int as amount\nfrom raw.orders\nwhere amount > 0\n",
        )
        tiny_copy.edit("sales", "type: float\n      min: 0\n      max: 1000", "type: integer")
        assert invoke(tiny_copy, "run").exit_code == 0
        found = why(tiny_copy, "7")
        [row, *_] = next(one for one in found["sources"] if one["table"] == "staging.sales")["shown"]
        assert (row["paid"], row["amount"]) == ("(personal data)", "(personal data)")
        values = {one["feature"]: one["value"] for one in found["features"]}
        assert isinstance(values["orders_28d"], int)
