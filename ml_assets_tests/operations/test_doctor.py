"""The doctor names the likely cause first, with the numbers for and against, and writes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ml_assets_tests.cli.invoke import invoke, json_of
from ml_assets_tests.operations.watched import land_renamed, set_clock
from ml_assets_tests.tiny import STATEMENTS, TinyProject


def diagnosis(project: TinyProject, *words: str) -> dict[str, Any]:
    return json_of(invoke(project, "doctor", *words, "--json"))


def first(project: TinyProject, *words: str) -> dict[str, Any]:
    """The likeliest cause."""
    return dict(diagnosis(project, *words)["suspects"][0])


def test_all_is_well_says_what_was_looked_at(tiny: TinyProject) -> None:
    result = invoke(tiny, "doctor")
    assert result.exit_code == 0
    assert result.stdout.startswith("All is well with the project")
    for looked_at in (
        "profile",
        "clock",
        "disk",
        "warehouse",
        "lock",
        "waits for the lock",
        "packages of again",
        "schema",
        "volume",
    ):
        assert f"\n  {looked_at} " in result.stdout


def test_doctor_writes_nothing(tiny_copy: TinyProject) -> None:
    set_clock(tiny_copy, "2024-04-15")
    before = tiny_copy.home.warehouse.read_bytes()
    assert invoke(tiny_copy, "doctor").exit_code == 1
    assert tiny_copy.home.warehouse.read_bytes() == before


def test_renamed_column_is_named_first_with_its_figures(tiny_copy: TinyProject) -> None:
    land_renamed(tiny_copy)
    invoke(tiny_copy, "run")
    one = first(tiny_copy)
    assert (one["cause"], one["subject"]) == ("schema", "raw.orders")
    assert one["numbers"] == {"refused": 1, "files": 15}
    assert "ml-assets runbook broken-contract" in one["next"]
    assert "1. schema: the columns are not as declared in raw.orders" in invoke(tiny_copy, "doctor").stdout


def test_changed_statement_is_held_against_what_began_with_it(tiny_copy: TinyProject) -> None:
    tiny_copy.state("sales", STATEMENTS["sales"].replace("amount\nfrom", "amount as total\nfrom"))
    invoke(tiny_copy, "run")
    suspects = {(one["cause"], one["subject"]): one for one in diagnosis(tiny_copy)["suspects"]}
    code = suspects["code", "staging.sales"]
    assert "sql/shop/sales.sql" in code["speaks_for"][0]
    assert any("columns_are_as_declared" in line for line in code["speaks_for"])
    assert any(
        "is made otherwise since 2024-04-02" in line for line in suspects["schema", "staging.sales"]["speaks_for"]
    )


def test_old_data_is_found_by_the_clock_before_any_run(tiny_copy: TinyProject) -> None:
    set_clock(tiny_copy, "2024-04-15")
    one = first(tiny_copy, "raw.orders")
    assert one["cause"] == "late_upstream"
    assert one["numbers"]["limit_hours"] == 216


def test_only_what_an_asset_is_made_from_is_looked_at(tiny_copy: TinyProject) -> None:
    tiny_copy.state("habits", STATEMENTS["habits"].replace("sum(amount)", "sum(amounts)"))
    invoke(tiny_copy, "run")
    assert diagnosis(tiny_copy, "staging.sales")["is_well"]
    assert first(tiny_copy, "scores.again")["subject"] == "features.habits"


def test_other_packages_than_the_champions_are_named(tiny_copy: TinyProject) -> None:
    with tiny_copy.context().warehouse.committing() as bench:
        bench.execute(
            'update wh.models.again set manifest = json_merge_patch(manifest, \'{"packages": {"duckdb": "0.1"}}\')'
        )
    one = next(one for one in diagnosis(tiny_copy)["suspects"] if one["cause"] == "environment")
    assert one["speaks_for"][0].startswith("duckdb 0.1 → ")
    assert one["next"] == ["ml-assets replay again@champion"]


def test_rows_after_the_clock_speak_for_the_clock(tiny_copy: TinyProject) -> None:
    set_clock(tiny_copy, "2024-03-20")
    assert "clock" in {one["cause"] for one in diagnosis(tiny_copy)["suspects"]}


def test_held_warehouse_is_a_finding_with_the_holder(tiny_copy: TinyProject) -> None:
    with tiny_copy.context().warehouse.lock.exclusive(), ThreadPoolExecutor(1) as pool:
        found = pool.submit(diagnosis, tiny_copy).result()
    assert found["suspects"][0]["cause"] == "lock"
    assert "held by" in found["suspects"][0]["title"]


def test_missing_variable_of_the_profile_is_a_finding(tiny_copy: TinyProject) -> None:
    profile = tiny_copy.root / "deploy" / "profiles" / "development.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text("alert_routes:\n  team: {env: SHOP_ALERT_URL_NOBODY_SET}\n", encoding="utf-8")
    one = first(tiny_copy)
    assert one["cause"] == "environment"
    assert "$SHOP_ALERT_URL_NOBODY_SET is not set (alert route team)" in one["speaks_for"]


def test_route_that_the_profile_lacks_is_a_finding(tiny_copy: TinyProject) -> None:
    tiny_copy.declare(
        "watched",
        "type: ml_assets.Monitor\nattributes: {name: orders, table: raw.orders, alert: pager}\n",
    )
    said = invoke(tiny_copy, "doctor").stdout
    assert "tiny/defs/shop/watched/defs.yaml:2: the profile has no alert route 'pager' (it has: none)" in " ".join(
        said.split()
    )


@pytest.mark.parametrize(
    ("asked", "said"), [("raw.order", "did you mean raw.orders"), ("raw.* staging.*", "means 2 assets")]
)
def test_unknown_asset_is_refused(tiny: TinyProject, asked: str, said: str) -> None:
    result = invoke(tiny, "doctor", asked)
    assert result.exit_code == 2
    assert said in result.stderr
