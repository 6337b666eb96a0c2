"""`ml-assets demo` on a small simulated shop."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets_tests.e2e.state import batches, ml_assets, query
from ml_assets_tests.shop import DEMO, SmallShop

pytestmark = [pytest.mark.reference, pytest.mark.xdist_group("small_shop")]


def test_demo_lands_a_shop_and_makes_the_whole_graph(small_shop: SmallShop) -> None:
    made = {asset for asset, _ in batches(small_shop.home)}
    assert {"raw.invoices", "staging.purchases", "features.customer_rhythm", "labels.repeat_purchase", "models.repeat_purchase",
            "evaluation.repeat_purchase", "models.repeat_purchase__champion", "scores.repeat_purchase"} <= made  # fmt: skip
    files = sorted(path.name for path in small_shop.landing.glob("*.csv"))
    assert files[-1] == "2011-12-09.csv"
    rows, read = query(
        small_shop.home, "select count(*), (select sum(rows_read)::bigint from ops.files) from raw.invoices"
    )[0]
    assert rows == read == pytest.approx(20_000, rel=0.1)


def test_demo_again_does_nothing(small_shop: SmallShop) -> None:
    before = batches(small_shop.home)
    result = small_shop.run(*DEMO)
    assert result.returncode == 0
    assert "Nothing to do" in result.stdout
    assert batches(small_shop.home) == before


def test_another_demo_in_the_same_state_is_refused(small_shop: SmallShop) -> None:
    result = small_shop.run("demo", "--rows", "30000", "--seed", "5")
    assert result.returncode == 2
    assert "another demonstration lives in this state folder" in result.stderr
    assert "ML_ASSETS_HOME" in result.stderr


def test_demo_on_a_later_day_adds_days_to_the_same_shop(small_shop: SmallShop, tmp_path: Path) -> None:
    later = small_shop.copied_to(tmp_path / "state")
    later.set_clock("2011-12-13")
    result = later.run(*DEMO)
    assert result.returncode == 0, result.stdout + result.stderr
    before = {path.name: path.read_bytes() for path in small_shop.landing.iterdir()}
    after = {path.name: path.read_bytes() for path in later.landing.iterdir()}
    assert before.items() <= after.items()
    assert sorted(after.keys() - before.keys()) == ["2011-12-11.csv", "2011-12-12.csv"]
    made = {key for key, batch in batches(later.home).items() if batches(small_shop.home).get(key) != batch}
    assert ("scores.repeat_purchase", "2011-12-12") in made
    assert {key for asset, key in made if asset.startswith("features.")} == {"2011-12-12"}


def test_a_folder_without_dated_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "sales.csv").write_text("a\n1\n", encoding="utf-8")
    result = ml_assets(tmp_path / "state", "demo", "--source", str(tmp_path / "files"))
    assert result.returncode == 2
    assert "there is nothing to replay" in result.stderr
    assert "files named YYYY-MM-DD.csv" in result.stderr
