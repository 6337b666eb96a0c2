"""A verdict as JUnit XML: a suite for each asset, a case for each check and partition.

Elements and attributes are those of Jenkins' `junit-10.xsd`, plus `file` and `line` of a case, which GitLab, CircleCI
and the usual GitHub reporters read. What could not be judged is an `error`, a failed ERROR check a `failure`, what does
not apply is `skipped` with its reason. A failed WARN check is a passing case that says so in `system-out`.
"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from xml.etree import ElementTree as ET

from ml_assets.errors import shortened
from ml_assets.graph.places import file_and_line
from ml_assets.graph.verdict import CheckOutcome, Verdict

_MOST_ROWS = 5
# What XML 1.0 cannot hold, whatever its escaping.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(verdict: Verdict, project_root: Path, repository: Path) -> str:
    """The whole document."""
    root = ET.Element("testsuites", _totals("ml_assets", verdict.outcomes, root=True))
    for asset, group in groupby(verdict.outcomes, key=lambda outcome: outcome.asset):
        outcomes = tuple(group)
        suite = ET.SubElement(root, "testsuite", _totals(asset, outcomes))
        suite.set("timestamp", verdict.now.strftime("%Y-%m-%dT%H:%M:%S"))
        suite.set("file", file_and_line(outcomes[0].place, project_root, repository)[0])
        for outcome in outcomes:
            suite.append(_case(outcome, project_root, repository))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _totals(name: str, outcomes: tuple[CheckOutcome, ...], *, root: bool = False) -> dict[str, str]:
    kinds = [outcome.outcome for outcome in outcomes]
    counts = {"tests": len(kinds), "failures": kinds.count("failed"), "errors": kinds.count("error")}
    if not root:
        counts["skipped"] = kinds.count("not_applicable")
    seconds = sum(outcome.seconds for outcome in outcomes)
    return {"name": name, **{key: str(count) for key, count in counts.items()}, "time": f"{seconds:.3f}"}


def _case(outcome: CheckOutcome, project_root: Path, repository: Path) -> ET.Element:
    file, line = file_and_line(outcome.place, project_root, repository)
    name = f"{outcome.check}[{outcome.partition}]" if outcome.partition else outcome.check
    case = ET.Element(
        "testcase", {"classname": outcome.asset, "name": name, "time": f"{outcome.seconds:.3f}", "file": file}
    )
    if line:
        case.set("line", str(line))
    message = _xml(shortened(outcome.summary, 300))
    if outcome.outcome in ("failed", "error"):
        found = ET.SubElement(
            case, "failure" if outcome.outcome == "failed" else "error", {"message": message, "type": outcome.code}
        )
        found.text = _xml(_told(outcome, f"{file}:{line}" if line else file))
    elif outcome.outcome == "not_applicable":
        ET.SubElement(case, "skipped", {"message": message})
    elif outcome.outcome == "warned":
        ET.SubElement(case, "system-out").text = _xml("WARNING " + _told(outcome, f"{file}:{line}" if line else file))
    return case


def _told(outcome: CheckOutcome, place: str) -> str:
    lines = [f"{place}: {outcome.at}: {outcome.check} ({outcome.code})", outcome.summary]
    lines += [f"  {name}: {value}" for name, value in outcome.numbers.items()]
    lines += [f"  row: {shortened(dict(row), 400)}" for row in outcome.evidence[:_MOST_ROWS]]
    if len(outcome.evidence) > _MOST_ROWS:
        lines.append("  … more rows in ops.checks of the warehouse")
    return "\n".join(lines)


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
