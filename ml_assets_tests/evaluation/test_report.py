"""The report: one page that needs nothing else, says what was measured, and is the same whenever it is made."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ml_assets.evaluation.overview import recompressed
from ml_assets_tests.builders import instant
from ml_assets_tests.training.world import FEATURES, World

VOID = {"meta", "rect", "path", "line", "circle", "br"}


class Page(HTMLParser):
    """Texts, links and open tags of a page; raises on a tag closed out of order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.fetched: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag not in VOID or (tag in ("rect", "circle") and not self.get_starttag_text().endswith("/>")):  # type: ignore[union-attr]
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.texts).split())


def report_of(world: World, version: int = 1) -> str:
    return (world.lab.home.reports / "again" / f"{version}.html").read_text(encoding="utf-8")


def test_page_is_whole_small_and_fetches_nothing(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    text = report_of(world)
    page = Page(text)

    assert page.open == []
    assert page.fetched == []
    assert not page.tags & {"script", "link", "img", "iframe", "object"}
    assert not re.search(r"https?://|url\(|@import", text)
    assert len(text.encode()) < 300_000
    assert "prefers-color-scheme:dark" in text
    assert text.count("<svg") == 8 + 4  # of the page, and one for each feature whose effect is drawn


def test_page_says_what_was_measured_and_what_it_was_made_from(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    said = Page(report_of(world)).said
    values = dict(
        world.lab.rows(
            "select estimator || '.' || metric, value from wh.evaluation.again where part = 'test' and snapshot is null"
        )
    )
    ((content,),) = world.lab.rows("select content from wh.ops.manifest where asset = 'training.again'")

    assert said.startswith("again@1: evaluation")
    assert "On 2 weekly snapshots never seen in training (80 rows, " in said
    for value in values.values():
        assert ("none" if value is None else f"{value:.4f}") in said
    for stated in (
        "one rule (orders)",
        content,
        world.versions()[0][1],
        "max_rounds=12",
        "seed 7",
        "test log loss below constant",
        "lightgbm 4.",
        *FEATURES,
    ):
        assert stated in said


def test_page_is_the_same_in_two_warehouses_and_in_the_table(tmp_path: Path) -> None:
    worlds = [World(tmp_path / name) for name in ("one", "two")]
    for world in worlds:
        world.train()

    assert report_of(worlds[0]) == report_of(worlds[1])
    assert worlds[0].lab.rows("select html from wh.evaluation.again__reports") == [(report_of(worlds[0]),)]


def test_names_are_escaped(tmp_path: Path) -> None:
    world = World(tmp_path, description="<b>a & b</b>")
    world.columns = {
        'a"><script>': FEATURES["orders"],
        **{name: FEATURES[name] for name in ("spend", "loyal", "channel")},
    }
    world.train()
    page = Page(report_of(world))

    assert "script" not in page.tags
    assert "b" not in page.tags
    assert "<b>a & b</b>" in page.said
    assert 'one rule (a"><script>)' in page.said


def test_page_without_negatives_in_the_test_says_that_nothing_can_be_said(tmp_path: Path) -> None:
    world = World(tmp_path)
    for key in ("2011-03-14", "2011-03-21"):
        world.kept[key] = [(row, 1) for row, _ in world.kept[key]]
    world.train()

    assert "there is only one outcome: ROC AUC is not defined" in Page(report_of(world)).said


def test_gate_without_rules_is_told(tmp_path: Path) -> None:
    world = World(tmp_path, gate={"better_than": ()})
    world.train()

    assert "No rules are declared: every version passes." in Page(report_of(world)).said


def test_every_version_has_its_own_page(tmp_path: Path) -> None:
    world = World.trained(tmp_path)
    first = report_of(world)
    world.lab.now = instant("2011-04-12")
    world.train()

    assert report_of(world) == first
    assert Page(report_of(world, 2)).said.startswith("again@2")
    assert sorted(path.name for path in (world.lab.home.reports / "again").glob("*.html")) == ["1.html", "2.html"]


def test_picture_for_the_ui_is_a_small_png_in_markdown(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.give()
    for asset in (world.training, world.model):
        world.lab.run(asset)
    picture = world.lab.run(world.evaluation).facts["picture"]
    match = re.fullmatch(r"!\[again@1: main pictures\]\(data:image/png;base64,([A-Za-z0-9+/=]+)\)", picture)

    assert match is not None
    png = base64.b64decode(match.group(1))
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(png) <= 40_000


@pytest.mark.parametrize("colour", ["#fff", "#0b5fc0"])
def test_recompressed_picture_has_the_same_pixels(colour: str) -> None:
    import vl_convert

    drawn = f'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="40"><rect width="70" height="30" fill="{colour}"/><text y="20">a</text></svg>'
    png = vl_convert.svg_to_png(drawn)
    smaller = recompressed(png)

    assert len(smaller) <= len(png)
    assert recompressed(smaller) == smaller
    assert pixels(smaller) == pixels(png)


def pixels(png: bytes) -> bytes:
    import zlib

    packed, place = b"", 8
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        if png[place + 4 : place + 8] == b"IDAT":
            packed += png[place + 8 : place + 8 + length]
        place += 12 + length
    return zlib.decompress(packed)
