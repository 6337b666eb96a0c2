"""Declarations of models of a flat table: what cannot be meant is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets.errors import MlAssetsError
from ml_assets_tests.flat import SCORES, FlatProject, model

GOOD = model('{column: bought, positive: "yes"}', "{kind: stratified}")


def refused(root: Path, declared: str, scores: str = SCORES) -> str:
    with pytest.raises(MlAssetsError) as caught:
        FlatProject.create(root / "project", declared, scores).graph()
    return str(caught.value)


def test_a_model_of_a_source_yields_no_labels_and_no_population(tmp_path: Path) -> None:
    names = {str(asset.name) for asset in FlatProject.create(tmp_path / "project", GOOD).graph()}
    assert names == {
        "raw.visits", "training.visit_model", "models.visit_model", "evaluation.visit_model",
        "models.visit_model__champion", "models.visit_model__reference", "scores.visit_scores",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        (GOOD.replace("raw.visits", "raw.visit"), ["table", "raw.visit", "raw.visits", "model/defs.yaml:5"]),
        (GOOD.replace("column: bought", "column: boughd"), ["boughd", "bought", "model/defs.yaml:6"]),
        (GOOD.replace(', positive: "yes"', ""), ["bought cannot be the label of a binary task", "label.positive"]),
        (GOOD.replace("entity: visit", "entity: visitt"), ["visitt", "visit"]),
        (GOOD.replace("{kind: stratified}", "{kind: group, column: visitr}"), ["visitr", "visitor"]),
        (GOOD.replace("{kind: stratified}", "{test_snapshots: 3, validation_snapshots: 2}"), ["kind: chronological"]),
        (GOOD.replace("exclude: [", "exclude: [citty, "), ["citty", "city"]),
        (GOOD.replace("  entity: visit\n", "  entity: visit\n  features: [habits]\n"), ["features and source exclude"]),
        (GOOD.replace("  source: raw.visits\n", ""), ["snapshots, features missing"]),
        (model("{column: city}", "{kind: random}", task="regression"), ["city cannot be the label", "integer or float"]),
        (model("{column: grade}", "{kind: random}", task="ranking"), ["label.query is missing"]),
        (model('{column: plan, positive: "pro"}', "{kind: random}", task="multiclass"), ["positive is declared of binary"]),
        (GOOD.replace("exclude: [", "exclude: [city, pages, minutes, visitor, "), ["no column left to be a feature"]),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_words(tmp_path: Path, declared: str, told: list[str]) -> None:
    said = refused(tmp_path, declared)
    assert [part for part in told if part not in said] == [], said


def test_a_split_by_time_needs_an_event_time(tmp_path: Path) -> None:
    project = FlatProject.create(tmp_path / "project", GOOD.replace("stratified", "chronological"))
    path = project.root / "defs" / "shop" / "visits" / "defs.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("  event_time: day\n", ""), encoding="utf-8")
    with pytest.raises(MlAssetsError, match="has no event time to divide its rows by"):
        project.graph()


@pytest.mark.parametrize("name", ["part", "reason", "snapshot"])
def test_a_feature_named_like_a_column_of_the_training_set_is_refused(tmp_path: Path, name: str) -> None:
    project = FlatProject.create(tmp_path / "project", GOOD)
    path = project.root / "defs" / "shop" / "visits" / "defs.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("      city:", f"      {name}:"), encoding="utf-8")
    with pytest.raises(MlAssetsError, match=f"can be called {name}"):
        project.graph()


def test_a_moment_is_no_feature(tmp_path: Path) -> None:
    project = FlatProject.create(tmp_path / "project", GOOD)
    path = project.root / "defs" / "shop" / "visits" / "defs.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("  event_time: day\n", ""), encoding="utf-8")
    with pytest.raises(MlAssetsError, match="a moment is no feature"):
        project.graph()


def test_scores_of_a_source_have_no_snapshots(tmp_path: Path) -> None:
    assert "has no snapshots" in refused(tmp_path, GOOD, SCORES + "  snapshots: {every: week, last: 2}\n")


def test_scored_rows_need_the_features_of_the_model(tmp_path: Path) -> None:
    other = SCORES + "  source: raw.newcomers\n"
    project = FlatProject.create(tmp_path / "project", GOOD, other)
    project.declare(
        "newcomers",
        "type: ml_assets.RawTable\nattributes:\n  name: newcomers\n  files: n.csv\n  contract:\n    columns:\n"
        "      visit: {type: string}\n      pages: {type: float}\n      minutes: {type: float}\n      visitor: {type: integer}\n",
    )
    with pytest.raises(MlAssetsError) as caught:
        project.graph()
    assert "city: string" in str(caught.value)
    assert "pages: integer" in str(caught.value)


def test_columns_declared_alike_are_columns(tmp_path: Path) -> None:
    project = FlatProject.create(tmp_path / "project", GOOD)
    path = project.root / "defs" / "shop" / "visits" / "defs.yaml"
    text = path.read_text(encoding="utf-8")
    whole = project.graph()
    for name in ("pages", "minutes"):
        text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith(f"      {name}:"))
    text += (
        "    alike:\n      - {type: integer, min: 0, names: [pages]}\n      - {type: float, min: 0, names: [minutes]}\n"
    )
    path.write_text(text, encoding="utf-8")
    alike = project.graph()
    for name in ("training.visit_model", "models.visit_model"):
        assert [a.logic for a in alike if str(a.name) == name] != []
    contract = next(a for a in alike if str(a.name) == "raw.visits").spec.contract  # type: ignore[attr-defined]
    before = next(a for a in whole if str(a.name) == "raw.visits").spec.contract  # type: ignore[attr-defined]
    assert contract.columns == before.columns


def test_two_contracts_for_one_column_are_refused(tmp_path: Path) -> None:
    project = FlatProject.create(tmp_path / "project", GOOD)
    path = project.root / "defs" / "shop" / "visits" / "defs.yaml"
    text = path.read_text(encoding="utf-8") + "    alike: [{type: float, names: [pages]}]\n"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MlAssetsError, match="column pages has two contracts"):
        project.graph()
