"""A verdict as workflow commands, JUnit XML and Markdown, whatever characters it holds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar
from xml.etree import ElementTree as ET

import pytest

from ml_assets.graph.annotations import workflow_commands
from ml_assets.graph.junit import junit_xml
from ml_assets.graph.markdown import markdown_summary
from ml_assets.graph.places import file_and_line
from ml_assets.graph.summary import ModelLine
from ml_assets.graph.verdict import CheckOutcome, Outcome, Verdict

ROOT = Path("/repository/project")
NOW = datetime(2024, 4, 2, tzinfo=UTC)


def outcome(kind: Outcome, **changes: Any) -> CheckOutcome:
    facts: dict[str, Any] = {
        "asset": "staging.sales", "partition": "", "check": "key_is_unique", "code": "DQ002", "severity": "error", "outcome": kind,
        "summary": "2 repeated", "place": "defs/sales/defs.yaml:7", **changes,
    }  # fmt: skip
    return CheckOutcome(**facts)


def verdict(*outcomes: CheckOutcome) -> Verdict:
    return Verdict(NOW, outcomes)


class TestVerdict:
    @pytest.mark.parametrize(
        ("kinds", "code"),
        [((), 0), (("passed", "not_applicable"), 0), (("passed", "warned"), 0), (("passed", "failed"), 1), (("error",), 2), (("failed", "error"), 2)],
        ids=["nothing", "held", "warned", "failed", "error", "both"],
    )  # fmt: skip
    def test_exit_code_is(self, kinds: tuple[Outcome, ...], code: int) -> None:
        assert verdict(*(outcome(kind) for kind in kinds)).exit_code == code


class TestWorkflowCommands:
    def test_command_names_file_line_and_title(self) -> None:
        assert list(workflow_commands(verdict(outcome("failed")), ROOT, ROOT.parent)) == [
            "::error file=project/defs/sales/defs.yaml,line=7,title=staging.sales%3A key_is_unique (DQ002)::2 repeated"
        ]

    def test_characters_with_a_meaning_are_escaped(self) -> None:
        odd = outcome("failed", summary="50 %: a, b\r\nnext", check="a,b:c%", place="defs/a,b:c%/defs.yaml:7")
        [command] = workflow_commands(verdict(odd), ROOT, ROOT)
        assert command == (
            "::error file=defs/a%2Cb%3Ac%25/defs.yaml,line=7,title=staging.sales%3A a%2Cb%3Ac%25 (DQ002)::50 %25: a, b%0D%0Anext"
        )

    def test_errors_come_first_and_one_line_is_annotated_once(self) -> None:
        weeks = [
            outcome("failed", partition=f"2024-01-{day:02}", summary=f"{day} repeated") for day in (1, 8, 15, 22, 29)
        ]
        commands = list(workflow_commands(verdict(outcome("warned", check="volume"), *weeks), ROOT, ROOT))
        assert [command.split(" ")[0] for command in commands] == ["::error", "::warning"]
        assert commands[0].endswith(
            "::2024-01-01: 1 repeated%0A2024-01-08: 8 repeated%0A2024-01-15: 15 repeated%0A… and 2 more partitions"
        )

    def test_what_held_or_does_not_apply_is_not_annotated(self) -> None:
        assert list(workflow_commands(verdict(outcome("passed"), outcome("not_applicable")), ROOT, ROOT)) == []

    def test_outcome_without_a_place_names_no_file(self) -> None:
        [command] = workflow_commands(verdict(outcome("error", place="")), ROOT, ROOT)
        assert command.startswith("::error title=")


class TestJUnit:
    # Of Jenkins' junit-10.xsd; file and line of a case are what GitLab, CircleCI and GitHub reporters read besides.
    ATTRIBUTES: ClassVar = {
        "testsuites": {"name", "time", "tests", "failures", "errors"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "file"},
        "testcase": {"name", "classname", "time", "file", "line"},
        "failure": {"message", "type"}, "error": {"message", "type"}, "skipped": {"message"}, "system-out": set(),
    }  # fmt: skip
    CHILDREN: ClassVar = {
        "testsuites": {"testsuite"},
        "testsuite": {"testcase"},
        "testcase": {"failure", "error", "skipped", "system-out"},
    }
    EVERY: tuple[Outcome, ...] = ("passed", "failed", "warned", "not_applicable", "error")

    def document(self, *outcomes: CheckOutcome) -> ET.Element:
        return ET.fromstring(junit_xml(verdict(*outcomes), ROOT, ROOT).encode())

    def test_document_keeps_to_the_common_schema(self) -> None:
        for element in self.document(
            *(outcome(kind) for kind in self.EVERY), outcome("passed", asset="raw.orders")
        ).iter():
            assert set(element.keys()) <= self.ATTRIBUTES[element.tag]
            assert {child.tag for child in element} <= self.CHILDREN.get(element.tag, set())
            assert re.fullmatch(r"\d+\.\d{3}", element.get("time", "0.000"))
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.get("timestamp", "2024-01-01T00:00:00"))

    def test_totals_count_what_is_there(self) -> None:
        root = self.document(*(outcome(kind) for kind in self.EVERY), outcome("failed", asset="raw.orders"))
        assert [root.get(name) for name in ("tests", "failures", "errors")] == ["6", "2", "1"]
        assert [root[0].get(name) for name in ("tests", "failures", "errors", "skipped")] == ["5", "1", "1", "1"]

    def test_each_outcome_is_shown_as_what_it_is(self) -> None:
        shown = {kind: [child.tag for child in self.document(outcome(kind))[0][0]] for kind in self.EVERY}
        assert shown == {
            "passed": [], "failed": ["failure"], "warned": ["system-out"], "not_applicable": ["skipped"], "error": ["error"],
        }  # fmt: skip

    def test_evidence_is_capped(self) -> None:
        rows = [{"order": number, "text": "x" * 5000} for number in range(20)]
        text = self.document(outcome("failed", evidence=rows))[0][0][0].text or ""
        assert text.count("row: ") == 5
        assert len(text) < 3000

    def test_characters_that_xml_cannot_hold_are_replaced(self) -> None:
        text = self.document(outcome("failed", summary="a\x00b\x1b<&>\ud800"))[0][0][0].text or ""
        assert "a\ufffdb\ufffd<&>\ufffd" in text


class TestMarkdown:
    def test_table_cells_cannot_break_the_table_or_bring_html(self) -> None:
        text = markdown_summary(verdict(outcome("failed", summary="a | b\n<script>")), ROOT, ROOT)
        assert "a \\| b\\n&lt;script>" in text

    def test_nothing_amiss_shows_only_the_fold(self) -> None:
        text = markdown_summary(verdict(outcome("passed")), ROOT, ROOT)
        assert text.startswith("## ✅ Every ERROR check held\n\n1 passed")
        assert "| severity |" not in text

    def test_models_are_shown_with_their_baselines(self) -> None:
        model = ModelLine(
            "again",
            "binary",
            3,
            2,
            {"constant": {"roc_auc": 0.5}, "candidate": {"roc_auc": 0.75, "brier": None}},
            "report.html",
        )
        text = markdown_summary(Verdict(NOW, (outcome("passed"),), models=(model,)), ROOT, ROOT)
        assert "**again** version 3 on its test rows (champion is version 2)" in text
        assert "| candidate | 0.7500 | - | - | - |\n| constant | 0.5000 |" in text

    def test_long_verdicts_are_cut_and_say_so(self) -> None:
        text = markdown_summary(verdict(*(outcome("passed", partition=str(n)) for n in range(3000))), ROOT, ROOT)
        assert "The first 1000 of 3000 results" in text
        assert len(text) < 500_000


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("defs/x/defs.yaml:12", ("project/defs/x/defs.yaml", 12)),
        ("/repository/project/sql/a.sql:3", ("project/sql/a.sql", 3)),
        ("/elsewhere/sql/a.sql:3", ("/elsewhere/sql/a.sql", 3)),
        ("defs/x/defs.yaml", ("project/defs/x/defs.yaml", None)),
    ],
    ids=["relative", "absolute", "outside", "no-line"],
)
def test_place_is_shown_from_the_repository(place: str, expected: tuple[str, int | None]) -> None:
    assert file_and_line(place, ROOT, ROOT.parent) == expected
