"""The card of a version: from facts only, each number with its source, the same bytes twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ml_assets.registry.card import render_card
from ml_assets.specs.gate import CardSpec
from ml_assets_tests.registry.evaluated import GAP, JUDGED_SLICE, SMALL_SLICE, put
from ml_assets_tests.registry.people import two_champions
from ml_assets_tests.training.world import World

SECTIONS = [
    "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data", "Quantitative analyses",
    "Ethical considerations", "Caveats and recommendations", "Verdict of the gate", "Release notes",
]  # fmt: skip


def card_of(world: World, version: int) -> str:
    with world.lab.warehouse.reading() as bench:
        return render_card(bench, world.spec, version)


def section(card: str, title: str) -> str:
    return card.partition(f"## {title}\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two champions; of the second also slices, groups and other seeds were measured, and some rows are as a larger world has them."""
    judging = {"slices": [{"columns": ["channel"]}], "sensitive": ("loyal",), "seeds": 1}
    world = two_champions(tmp_path_factory.mktemp("card"), evaluation=judging)
    put(world, 2, slices=[JUDGED_SLICE, SMALL_SLICE], fairness=[GAP, [*GAP[:2], "equalized_odds_difference", None, None, None, 0, "not judged: one group"]])  # fmt: skip
    return world


def test_card_has_every_section_once_and_in_order(measured: World) -> None:
    assert re.findall(r"^## (.+)$", card_of(measured, 2), re.MULTILINE) == SECTIONS


def test_card_is_the_same_when_made_twice(measured: World) -> None:
    assert card_of(measured, 2) == card_of(measured, 2)


def test_card_is_written_with_the_verdict(tmp_path: Path) -> None:
    world = two_champions(tmp_path)
    for version in (1, 2):
        path = world.lab.home.reports / "again" / f"{version}.card.md"
        assert path.read_text(encoding="utf-8") == card_of(world, version)


def test_every_source_is_used_and_every_mark_has_its_source(measured: World) -> None:
    body, marks = card_of(measured, 2), re.compile(r"\[\^(\d+)\](?!:)")
    listed = re.findall(r"^\[\^(\d+)\]: (.+)$", body, re.MULTILINE)
    assert {number for number, _ in listed} == set(marks.findall(body))
    assert len({place for _, place in listed}) == len(listed)


@pytest.mark.parametrize("title", ["Metrics", "Quantitative analyses", "Evaluation data"])
def test_every_measured_number_has_its_source(measured: World, title: str) -> None:
    text = section(card_of(measured, 2), title)
    numbers = [
        cell
        for line in text.splitlines()
        if line.startswith("| ")
        for cell in line.split("|")
        if re.match(r" -?\d", cell)
    ]
    assert numbers
    assert [cell for cell in numbers if not re.search(r"\[\^\d+\]", cell)] == []


def test_card_says_what_the_tables_say(measured: World) -> None:
    text = card_of(measured, 2)
    value, low, high = measured.lab.rows(
        "select value, low, high from wh.evaluation.again where version = 2 and estimator = 'candidate' and part = 'test' and snapshot is null and metric = 'roc_auc'"
    )[0]
    assert f"| roc_auc | {value:.6g} [{low:.6g}, {high:.6g}] [^" in text
    value, low, high, sentence = measured.lab.rows(
        "select difference, low, high, sentence from wh.evaluation.again__comparisons where version = 2 and other = 'champion' and metric = 'log_loss'"
    )[0]
    assert re.search(rf"^\| champion \| log_loss \| {value:.6g} \[{low:.6g}, {high:.6g}\] \[\^\d+\] \| {re.escape(sentence)} \|$", text, re.MULTILINE)  # fmt: skip
    ((gap,),) = measured.lab.rows(
        "select value from wh.evaluation.again__facts where version = 2 and fact = 'train_test_gap'"
    )
    assert f"Gap of train and test: {gap:.6g} [^" in text


def test_what_was_not_judged_is_said_once_with_its_reason(measured: World) -> None:
    text = section(card_of(measured, 2), "Quantitative analyses")
    assert re.search(r"\| channel=web \(declared\) \| roc_auc \| 0\.7 \[0\.6, 0\.8\] \[\^\d+\] \| 0\.75 \[\^\d+\] \| 50 \[\^\d+\] \| no worse \|", text)  # fmt: skip
    (small,) = re.findall(r".*channel=post.*", text)
    assert re.fullmatch(r"- Slice channel=post: not judged \(fewer than 30 rows\) \[\^\d+\]", small)
    assert re.search(r"\| loyal \| demographic_parity_difference \| 0\.15 \[0\.1, 0\.2\] \[\^\d+\] \|", text)
    assert re.search(r"^- Sensitive column loyal, equalized_odds_difference: not judged \(one group\) \[", text, re.MULTILINE)  # fmt: skip
    assert re.search(r"^- Share of the gain .*: not known \(not judged: 80 rows of 200", text, re.MULTILINE)


def test_no_value_of_a_program_is_in_a_card(measured: World) -> None:
    for version in (1, 2):
        assert not re.search(r"\b(None|nan|null|True|False|inf|\d+e-\d+)\b", card_of(measured, version).partition("## Release notes")[0])  # fmt: skip


def test_what_people_have_not_stated_is_visible_and_counted(measured: World) -> None:
    text = card_of(measured, 2)
    assert "**5 of 5 texts are not stated:** intended_use, out_of_scope, limitations, ethical, contact." in text
    assert "not stated" in section(text, "Ethical considerations")
    stated = measured.spec.model_copy(update={"card": CardSpec(ethical="Nobody is harmed.", contact="team:shop")})
    with measured.lab.warehouse.reading() as bench:
        told = render_card(bench, stated, 2)
    assert "**3 of 5 texts are not stated:** intended_use, out_of_scope, limitations." in told
    assert section(told, "Ethical considerations").strip() == "Nobody is harmed."


def test_what_was_not_asked_for_or_is_gone_is_named(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    text = card_of(world, 1)
    assert "- slices: not measured (no slices are declared, and none were found)" in text
    assert "- fairness: not measured (no sensitive columns are declared)" in text
    assert "The first version to be judged" in section(text, "Release notes")
    for table in ("comparisons", "facts"):
        world.lab.alter(f"drop table wh.evaluation.again__{table}")
    text = card_of(world, 1)
    for table in ("comparisons", "facts"):
        assert f"- {table}: not measured (evaluation.again__{table} does not exist)" in text


def test_release_notes_tell_what_changed_since_the_champion(measured: World) -> None:
    notes = section(card_of(measured, 2), "Release notes")
    assert "against version 1" in notes
    assert re.search(r"Parameters, `max_rounds`: `12` \[\^\d+\] → `5` \[\^\d+\]", notes)
    assert "Data: no change" in notes
    assert "Features: no change" in notes
    ((gain,),) = measured.lab.rows(
        "select difference from wh.evaluation.again__comparisons where version = 2 and other = 'champion' and metric = 'log_loss'"
    )
    assert re.search(
        rf"\| log_loss \| [\d.]+ \[\^\d+\] \| [\d.]+ \[\^\d+\] \| {gain:.6g} \[[-\d., ]+\] \[\^\d+\] \|", notes
    )


def test_values_cannot_break_a_table_or_a_line(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    put(world, 1, slices=[["a|b\n## x", "declared", "roc_auc", 0.7, 0.6, 0.8, 0.7, 9, 4, None, "no worse", None]])
    text = card_of(world, 1)
    assert "| a\\|b ## x (declared) |" in text
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
