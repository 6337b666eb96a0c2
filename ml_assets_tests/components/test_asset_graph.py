"""The whole reference graph as Dagster sees it, written down beside this test, and what holds for every asset of it.

After an intended change: `ML_ASSETS_UPDATE_SNAPSHOTS=1 pytest ml_assets_tests/components/test_asset_graph.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.definitions import defs as project_definitions
from ml_assets_tests.e2e.state import ROOT

HERE = Path(__file__).parent
defs = project_definitions()
SPECS = {spec.key: spec for spec in sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key)}
CHECKS = {
    key: spec
    for checks in defs.asset_checks or ()
    if isinstance(checks, dg.AssetsDefinition)
    for key, spec in ((s.key, s) for s in checks.check_specs)
}
GRAPH = defs.resolve_asset_graph()
pytestmark = pytest.mark.reference
every_asset = pytest.mark.parametrize("spec", SPECS.values(), ids=lambda spec: spec.key.to_user_string())


def keys_as_text() -> str:
    """Every asset with what it reads."""
    return "".join(
        f"{key.to_user_string()}\n"
        + "".join(
            f"    reads {dep.asset_key.to_user_string()}\n"
            for dep in sorted(SPECS[key].deps, key=lambda d: d.asset_key)
        )
        for key in sorted(SPECS)
    )


def specs_as_text() -> str:
    """Every asset with what the UI and the daemon know of it; no dates, which move with the clock."""

    def lines() -> Iterator[str]:
        for key in sorted(SPECS):
            spec = SPECS[key]
            yield key.to_user_string()
            yield f"    group {spec.group_name} · kinds {', '.join(sorted(spec.kinds))} · owners {', '.join(spec.owners)}"
            yield f"    {grid_of(key)} · {spec.automation_condition.get_label()} · fresh for {spec.freshness_policy.fail_window.to_timedelta()}"  # type: ignore[union-attr]
            for check in sorted(CHECKS[check] for check in CHECKS if check.asset_key == key):
                word = "blocks" if check.blocking else check.metadata["severity"]
                yield f"    {check.metadata['code']} {check.name} ({word})"

    return "\n".join(lines()) + "\n"


def grid_of(key: dg.AssetKey) -> str:
    grid = GRAPH.get(key).partitions_def
    return (
        f"snapshots by {grid.cron_schedule}" if isinstance(grid, dg.TimeWindowPartitionsDefinition) else "no snapshots"
    )


@pytest.mark.parametrize(
    ("name", "text"), [("asset_graph_keys.txt", keys_as_text), ("asset_graph_specs.txt", specs_as_text)]
)
def test_graph_is_as_written_down(name: str, text: object) -> None:
    assert callable(text)
    path = HERE / name
    if os.environ.get("ML_ASSETS_UPDATE_SNAPSHOTS"):
        path.write_text(text(), encoding="utf-8")
    assert text() == path.read_text(encoding="utf-8"), (
        f"the graph changed; if that is intended, see the first lines of {Path(__file__).name}"
    )


@every_asset
def test_asset_is_described_owned_grouped_and_watched(spec: dg.AssetSpec) -> None:
    assert spec.description
    assert not spec.description.startswith("(no description)")
    assert spec.owners
    assert spec.kinds
    assert spec.group_name
    assert spec.group_name != "default"
    assert spec.freshness_policy is not None
    assert spec.automation_condition is not None
    assert spec.code_version


@every_asset
def test_asset_has_checks_with_code_and_description(spec: dg.AssetSpec) -> None:
    checks = [check for key, check in CHECKS.items() if key.asset_key == spec.key]
    assert checks
    for check in checks:
        assert re.fullmatch(r"[A-Z]{2}\d{3}", check.metadata["code"])
        assert check.description
        assert check.metadata["code"] in check.description
        assert check.partitions_def == GRAPH.get(spec.key).partitions_def


@every_asset
def test_asset_refers_to_code_that_exists(spec: dg.AssetSpec) -> None:
    found = spec.metadata["dagster/code_references"].code_references
    paths = [Path(reference.file_path) for reference in found]
    assert all(path.is_file() for path in paths)
    assert any(path.name == "defs.yaml" for path in paths)
    for reference in found:
        assert (
            1 <= (reference.line_number or 1) <= len(Path(reference.file_path).read_text(encoding="utf-8").splitlines())
        )


@every_asset
def test_asset_reads_exactly_the_tables_its_sql_names(spec: dg.AssetSpec) -> None:
    statements = [
        Path(r.file_path)
        for r in spec.metadata["dagster/code_references"].code_references
        if r.file_path.endswith(".sql")
    ]
    for path in statements:
        text = re.sub(r"--.*", "", path.read_text(encoding="utf-8"))
        named = {tuple(name.split(".")) for name in re.findall(r"\b(?:from|join)\s+([a-z_]+\.[a-z_]+)", text)}
        read = {tuple(dep.asset_key.path) for dep in spec.deps}
        assert named <= read
        # A label also reads its population, whose rows it labels.
        assert {key for key in read - named if not key[1].endswith("__population")} == set()


def test_every_sql_file_is_used() -> None:
    used = {
        Path(r.file_path) for spec in SPECS.values() for r in spec.metadata["dagster/code_references"].code_references
    }
    assert {path for path in (ROOT / "sql").rglob("*.sql") if "checks" not in path.parts} <= used


def test_every_asset_reads_assets_of_the_graph() -> None:
    assert {dep.asset_key for spec in SPECS.values() for dep in spec.deps} <= SPECS.keys()


def test_sensors_and_schedules_are_on_from_the_start() -> None:
    assert {sensor.name: sensor.default_status for sensor in defs.sensors or ()} == {
        "load_invoices_on_landing": dg.DefaultSensorStatus.RUNNING, "make_what_is_out_of_date": dg.DefaultSensorStatus.RUNNING,
            "show_what_the_command_line_made": dg.DefaultSensorStatus.RUNNING, "watch_incidents": dg.DefaultSensorStatus.RUNNING,
    }  # fmt: skip
    schedules = {schedule.name: schedule.default_status for schedule in defs.schedules or ()}
    assert set(schedules) == {"retrain_repeat_purchase_weekly", "score_repeat_purchase_every_week"}
    assert set(schedules.values()) == {dg.DefaultScheduleStatus.RUNNING}
