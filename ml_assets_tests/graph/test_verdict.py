"""A verdict says of everything asked whether it held; what could not be judged is never left out."""

from __future__ import annotations

import fcntl
from dataclasses import replace

from ml_assets.graph.plan import select
from ml_assets.graph.verdict import PartitionChoice, verdict_on
from ml_assets_tests.tiny import TinyProject


def test_locked_warehouse_makes_each_asset_an_error_that_names_the_holder(tiny_copy: TinyProject) -> None:
    graph = tiny_copy.graph()
    context = tiny_copy.context(deadline_seconds=0.05)
    with tiny_copy.home.warehouse.with_suffix(".lock").open("a", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        verdict = verdict_on(context, graph, select(graph, "raw.orders,staging.sales"), PartitionChoice())
    assert verdict.exit_code == 2
    assert verdict.outcomes[0].summary == verdict.outcomes[1].summary, "the second asset waited for the lock once more"
    assert [outcome.asset for outcome in verdict.outcomes] == ["raw.orders", "staging.sales"]
    assert all("is held by process" in outcome.summary for outcome in verdict.outcomes)


def test_progress_counts_assets(tiny: TinyProject) -> None:
    seen: list[tuple[str, int, int]] = []
    context = replace(tiny.context(), progress=lambda *step: seen.append(step))
    graph = tiny.graph()
    verdict_on(context, graph, select(graph, "raw.orders,staging.sales"), PartitionChoice())
    assert seen == [("checks", 1, 2), ("checks", 2, 2)]


def test_asset_that_was_never_made_is_one_error_not_one_a_check(tiny_copy: TinyProject) -> None:
    with tiny_copy.context().warehouse.committing() as bench:
        bench.execute("delete from wh.ops.manifest where asset = 'features.habits'")
    graph = tiny_copy.graph()
    [outcome] = verdict_on(
        tiny_copy.context(), graph, select(graph, "features.habits"), PartitionChoice(every=True)
    ).outcomes
    assert (outcome.outcome, outcome.code) == ("error", "MLA302")
    assert outcome.place == "tiny/defs/shop/habits/defs.yaml:3"
