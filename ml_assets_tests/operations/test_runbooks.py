"""Every cause and code has a runbook; the monitor's own goes before the project's, the project's before the built-in one."""

from __future__ import annotations

import pytest

from ml_assets.graph.origin import _FIELDS
from ml_assets.operations.causes import CAUSES, WORDS, cause_of_check, cause_of_code, rank
from ml_assets.operations.runbooks import SLUGS, runbook_of, slug_of
from ml_assets.specs.monitors import MonitorSpec, OperationsSpec

OWN = "https://wiki.shop.example/runbooks/nulls"


def test_every_cause_has_words_a_rank_and_a_runbook() -> None:
    assert set(WORDS) == set(CAUSES)
    assert len({rank(cause) for cause in CAUSES}) == len(CAUSES)
    assert {slug_of(cause) for cause in CAUSES} <= set(SLUGS)


@pytest.mark.parametrize("code", sorted(_FIELDS))
def test_every_code_of_a_check_has_a_cause(code: str) -> None:
    assert cause_of_code(code) in CAUSES
    assert slug_of(code) in SLUGS


def test_own_runbooks_go_before_the_built_in_one() -> None:
    project = OperationsSpec(name="operations", runbooks={"DD001": "docs/ours.md", "nulls": "docs/nulls.md"})
    monitor = MonitorSpec(name="orders", table="raw.orders", runbook=OWN)
    assert runbook_of("DD001", None, None) == "docs/runbooks/broken-contract.md"
    assert runbook_of("DD001", project, None) == "docs/ours.md"
    assert runbook_of("nulls", project, None) == "docs/nulls.md"
    assert runbook_of("DD001", project, monitor) == OWN


@pytest.mark.parametrize(
    ("code", "numbers", "evidence", "cause"),
    [
        ("IN002", {"refused": 1}, [{"rule": "missing_column"}], "schema"), ("IN002", {"refused": 1}, [{"rule": "encoding"}], "quarantine"),
        ("DQ001", {"rows": 9, "amount.not_null": 3}, [], "nulls"), ("DQ001", {"rows": 9, "amount.min": 3, "amount.not_null": 1}, [], "values"),
        ("PF002", {}, [], "base_rate"), ("PF001", {}, [], "performance"), ("MC001", {}, [], "candidate"), ("ZZ999", {}, [], "failed_run"),
    ],
)  # fmt: skip
def test_figures_and_bad_rows_tell_causes_of_one_code_apart(
    code: str, numbers: dict[str, object], evidence: list[dict[str, object]], cause: str
) -> None:
    assert cause_of_check(code, numbers, evidence) == cause
