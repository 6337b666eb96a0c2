"""One edited line remakes exactly what depends on it, through the whole reference graph."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from ml_assets_tests.e2e.state import batches, query
from ml_assets_tests.shop import SmallShop

pytestmark = [pytest.mark.reference, pytest.mark.xdist_group("small_shop")]
EDITED = "2011-10-26"


def edit_a_purchase(shop: SmallShop) -> None:
    """Let a known customer's line of an old day hold one piece more."""
    path = shop.landing / f"{EDITED}.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    for position, line in enumerate(lines[1:], 1):
        invoice, *_, customer, _ = line.rstrip("\n").split(",")
        fields = line.rsplit(",", 5)
        if customer and not invoice.startswith("C") and int(fields[1]) > 0 and float(fields[3]) > 0:
            lines[position] = ",".join([fields[0], str(int(fields[1]) + 1), *fields[2:]])
            path.write_text("".join(lines), encoding="utf-8")
            return
    raise AssertionError(f"no purchase of a known customer on {EDITED}")


def remade(before: SmallShop, after: SmallShop) -> dict[str, list[str]]:
    """Asset → partitions that have a new batch."""
    old, found = batches(before.home), defaultdict(list)
    for (asset, partition), batch in sorted(batches(after.home).items()):
        if old.get((asset, partition)) != batch:
            found[asset].append(partition)
    return dict(found)


def test_an_edited_old_line_remakes_exactly_what_depends_on_it(small_shop: SmallShop, tmp_path: Path) -> None:
    shop = small_shop.copied_to(tmp_path / "state")
    edit_a_purchase(shop)
    result = shop.run("run")
    assert result.returncode == 0, result.stdout + result.stderr
    found = remade(small_shop, shop)
    later = [key for key in content(shop, "features.customer_purchases") if key > EDITED]
    assert later[0] == "2011-10-31"

    # Every reader of the raw table looks again; equal rows stop the wave.
    assert all(
        found[table] == [""] for table in ("raw.invoices", "staging.purchases", "staging.returns", "staging.products")
    )
    assert content(shop, "staging.returns") == content(small_shop, "staging.returns")
    assert content(shop, "staging.products") == content(small_shop, "staging.products")
    for features in ("features.customer_purchases", "features.customer_baskets", "features.customer_rhythm"):
        assert found[features] == later, features
    # Who bought, and when, is as before: population and labels are looked at where the line counts, and stay equal.
    assert found["labels.repeat_purchase__population"] == later
    assert found["labels.repeat_purchase"] == ["2011-10-03", "2011-10-10", "2011-10-17", "2011-10-24"]
    assert content(shop, "labels.repeat_purchase") == content(small_shop, "labels.repeat_purchase")
    assert content(shop, "labels.repeat_purchase__population") == content(
        small_shop, "labels.repeat_purchase__population"
    )
    # The schedule says not yet: the model and what hangs on it stay.
    assert not {asset for asset in found if asset.startswith(("training.", "models.", "evaluation."))}
    changed = changed_partitions(
        small_shop, shop, "features.customer_purchases", "features.customer_baskets", "features.customer_rhythm"
    )
    assert found["scores.repeat_purchase"] == sorted(changed & content(shop, "scores.repeat_purchase").keys())


def content(shop: SmallShop, asset: str) -> dict[str, str]:
    """Partition → hash of its rows."""
    return dict(query(shop.home, f"select partition, content from ops.manifest where asset = '{asset}' order by 1"))


def changed_partitions(before: SmallShop, after: SmallShop, *assets: str) -> set[str]:
    """Partitions whose rows differ in any of these tables."""
    return {
        key
        for asset in assets
        for key, hashed in content(after, asset).items()
        if content(before, asset).get(key) != hashed
    }
