"""The whole real folder: nothing is lost, and the second time nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml_assets_tests.ingest.conftest import Shop

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "online_retail"
COLUMNS = {
    "invoice_no": {"type": "string", "source": "InvoiceNo", "nullable": False},
    "stock_code": {"type": "string", "source": "StockCode", "nullable": False},
    "description": {"type": "string", "source": "Description"},
    "quantity": {"type": "integer", "source": "Quantity", "nullable": False},
    "invoice_time": {"type": "timestamp", "source": "InvoiceDate", "nullable": False},
    "unit_price": {"type": "float", "source": "UnitPrice", "nullable": False, "min": -10},
    "customer_id": {"type": "integer", "source": "CustomerID"},
    "country": {"type": "string", "source": "Country"},
}


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is not there")
def test_the_real_files_are_loaded_whole_and_once(shop: Shop) -> None:
    shop.folder.rmdir()
    shop.folder.symlink_to(FOLDER)
    shop.declare(COLUMNS, files="*.csv", event_time="invoice_time")
    first = shop.load()
    assert {name: first.facts[name] for name in ("files_loaded", "rows_read", "rows_kept", "rows_quarantined")} == {
        "files_loaded": 305, "rows_read": 541_909, "rows_kept": 541_907, "rows_quarantined": 2,
    }  # fmt: skip
    assert shop.quarantine() == [("2011-08-12.csv", line, "min", "unit_price", "-11062.06") for line in (631, 632)]
    assert shop.ask(
        "select count(distinct (_file, _row)), sum(quantity)::bigint, count(customer_id) from wh.raw.sales"
    ) == [(541_907, 5_176_448, 406_829)]
    assert shop.batches() == 1
    before = shop.home.warehouse.read_bytes()
    second = shop.load()
    assert (second.changed, second.made[0].rows, second.made[0].content) == (False, 541_907, first.made[0].content)
    assert shop.home.warehouse.read_bytes() == before
