"""The components as another Dagster project meets them: in YAML, in Python, and through `dg`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ml_assets.components.graph_wide import graph_wide_definitions
from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.tiny import TinyProject

_IN_PYTHON = """\
import dagster as dg

from ml_assets.components import RawTable
from ml_assets.specs import RawTableSpec


@dg.component_instance
def visits(context: dg.ComponentLoadContext) -> RawTable:
    return RawTable(
        RawTableSpec.model_validate(
            {"name": "visits", "files": "visits-*.csv", "description": "Visits.", "owners": ["team:web"],
             "contract": {"columns": {"visitor": {"type": "integer"}}}}
        )
    )
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TinyProject:
    """A tiny project whose package is `tiny` for this test alone."""
    created = TinyProject.create(tmp_path / "project")
    monkeypatch.syspath_prepend(str(created.root))
    for name in [name for name in sys.modules if name.partition(".")[0] == "tiny"]:
        monkeypatch.delitem(sys.modules, name)
    return created


def dg_command(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": os.pathsep.join([str(root), str(ROOT)]),
        "NO_COLOR": "1",
        "COLUMNS": "250",
    }
    return subprocess.run(
        [str(Path(sys.executable).parent / "dg"), *words],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


# Dagster's component tree warns of its own parts.
@pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.BetaWarning")
@pytest.mark.filterwarnings("ignore::dagster_shared.utils.warnings.PreviewWarning")
class TestTree:
    def test_one_folder_can_be_built_alone(self, project: TinyProject) -> None:
        definitions = dg.ComponentTree.for_project(project.root).build_defs("shop/habits")
        made = {
            key.to_user_string()
            for made in definitions.assets or ()
            if isinstance(made, dg.AssetsDefinition)
            for key in made.keys
        }
        assert made == {"features/habits"}

    def test_whole_project_has_every_asset_of_its_graph(self, project: TinyProject) -> None:
        definitions = dg.ComponentTree.for_project(project.root).build_defs()
        keys = {tuple(spec.key.path) for spec in definitions.resolve_all_asset_specs()}
        assert keys == {tuple(name) for name in project.graph().assets}

    def test_component_declared_in_python_joins_the_graph(self, project: TinyProject) -> None:
        path = project.declaration("visits").with_name("component.py")
        path.parent.mkdir(parents=True)
        path.write_text(_IN_PYTHON, encoding="utf-8")
        definitions = dg.ComponentTree.for_project(project.root).build_defs()
        spec = next(s for s in definitions.resolve_all_asset_specs() if s.key == dg.AssetKey(["raw", "visits"]))
        assert spec.group_name == "shop_1_raw"
        assert {check.name for check in _checks_of(definitions, spec.key)} >= {
            "every_row_read_is_kept_or_quarantined",
            "no_landing_file_is_refused",
        }
        assert "load_visits_on_landing" in {sensor.name for sensor in definitions.sensors or ()}

    def test_component_declared_in_python_is_watched(self, project: TinyProject) -> None:
        path = project.declaration("visits").with_name("component.py")
        path.parent.mkdir(parents=True)
        path.write_text(_IN_PYTHON, encoding="utf-8")
        definitions = dg.Definitions.merge(
            dg.ComponentTree.for_project(project.root).build_defs(), graph_wide_definitions()
        )
        sensor = next(s for s in definitions.sensors or () if s.name == "watch_incidents")
        assert isinstance(sensor, dg.SensorDefinition)
        with project.context().warehouse.committing() as bench:
            bench.execute(
                "insert into wh.ops.steps by name select 'one' as run_id, 0 as step, 'dagster' as command, 'raw.visits' as asset, "
                "'failed' as status, 'the disk broke' as message, '{}' as facts, timestamp '2024-04-02' as started_at, started_at as ended_at"
            )
        with (
            dg.DagsterInstance.ephemeral() as instance,
            dg.build_sensor_context(instance=instance, definitions=definitions) as context,
        ):
            said = str(sensor.evaluate_tick(context).skip_message)
        assert "incident 1 opened [major] raw.visits: making it failed: the disk broke" in said

    def test_failure_of_a_component_declared_in_python_names_its_file(self, project: TinyProject) -> None:
        path = project.declaration("visits").with_name("component.py")
        path.parent.mkdir(parents=True)
        path.write_text(_IN_PYTHON.replace('"name": "visits"', '"name": "orders"'), encoding="utf-8")
        with pytest.raises(Exception, match="Error while building definitions") as caught:
            dg.ComponentTree.for_project(project.root).build_defs()
        causes = "\n".join(map(str, _causes(caught.value)))
        assert "tiny/defs/shop/visits/component.py: raw.orders is declared twice" in causes


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    while problem is not None:
        yield problem
        problem = problem.__cause__


def _checks_of(definitions: dg.Definitions, key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    found = [c for c in definitions.asset_checks or () if isinstance(c, dg.AssetsDefinition)]
    return [spec for checks in found for spec in checks.check_specs if spec.asset_key == key]


class TestDgCommand:
    def test_dg_check_defs_accepts_the_repository(self) -> None:
        result = dg_command(ROOT, "check", "defs")
        assert result.returncode == 0, result.stdout + result.stderr

    def test_dg_lists_every_component(self) -> None:
        result = dg_command(ROOT, "list", "components", "--package", "ml_assets", "--json")
        assert result.returncode == 0, result.stdout + result.stderr
        for name in ("RawTable", "SqlTable", "FeatureSet", "Model", "ScoredOutput"):
            assert f"ml_assets.{name}" in result.stdout

    def test_dg_check_yaml_names_the_line_of_a_wrong_field(self, project: TinyProject) -> None:
        project.edit("habits", "  entity: customer_id", "  entities: customer_id")
        result = dg_command(project.root, "check", "yaml")
        assert result.returncode != 0
        assert "tiny/defs/shop/habits/defs.yaml:6" in result.stdout.replace(f"{project.root}/", "")
        assert "entities" in result.stdout
