"""The planted behaviour and oddities, on the rows of one shop of middling size."""

from functools import cache

import polars as pl
import pytest

from ml_assets.simulate import Oddities, ShopSpec, landing_days

SPEC = ShopSpec(customers=1000, days=300, bad_debt_share=0.0005, absurd_price_share=0.001)
IS_RETURN = pl.col("InvoiceNo").str.starts_with("C")
IS_KNOWN = pl.col("CustomerID").is_not_null()


@cache
def rows() -> pl.DataFrame:
    return pl.concat(landed.rows for landed in landing_days(SPEC))


def share(condition: pl.Expr) -> float:
    return float(rows().select(condition.mean()).item())


# Guest and return shares vary with whole baskets, the others row by row.
@pytest.mark.parametrize(
    ("condition", "declared", "tolerance"),
    [
        (~IS_KNOWN, SPEC.guest_share, 0.08),
        ((pl.col("UnitPrice") == 0) & pl.col("Description").is_null(), SPEC.zero_price_share, 0.15),
        (pl.col("StockCode") == "B", SPEC.bad_debt_share, 0.5),
        (pl.col("StockCode") == "M", SPEC.absurd_price_share, 0.4),
    ],
    ids=["guests", "write_offs", "bad_debts", "absurd_prices"],
)
def test_share_of_rows_is_near_the_declared(condition: pl.Expr, declared: float, tolerance: float) -> None:
    assert share(condition) == pytest.approx(declared, rel=tolerance)


def test_share_of_repeated_rows_is_near_the_declared_and_repeats_stand_together() -> None:
    extra = rows().height - rows().unique().height
    neighbours = rows().select(pl.struct(pl.all()) == pl.struct(pl.all()).shift(1)).to_series().sum()

    assert extra / rows().height == pytest.approx(SPEC.repeated_share, rel=0.15)
    assert neighbours == pytest.approx(extra, rel=0.1)


def test_share_of_returned_purchases_is_near_the_declared() -> None:
    known = rows().filter(IS_KNOWN).group_by("InvoiceNo").first()

    returned = known.filter(IS_RETURN).height / known.filter(~IS_RETURN).height

    # Some are not back yet when the shop's days end.
    assert 0.85 * SPEC.return_share < returned < 1.05 * SPEC.return_share


def test_basket_size_is_near_the_declared() -> None:
    baskets = rows().unique().filter(IS_KNOWN & ~IS_RETURN).group_by("InvoiceNo").len()

    assert baskets["len"].mean() == pytest.approx(SPEC.mean_basket_lines, rel=0.08)


def test_every_returned_line_was_bought_before_by_the_same_customer() -> None:
    lines = rows().unique().filter(IS_KNOWN)
    bought, back = lines.filter(~IS_RETURN), lines.filter(IS_RETURN)

    matched = back.with_row_index().join(bought, on=["CustomerID", "StockCode", "UnitPrice"], suffix="_bought")
    fitting = matched.filter(
        pl.col("InvoiceDate_bought") <= pl.col("InvoiceDate"),
        pl.col("Quantity_bought") >= -pl.col("Quantity"),
    )

    assert back.height > 500
    assert (back["Quantity"] < 0).all()
    assert fitting["index"].n_unique() == back.height


def test_customers_purchases_are_free_of_oddities() -> None:
    bought = rows().filter(IS_KNOWN & ~IS_RETURN)

    assert (bought["Quantity"] > 0).all()
    assert (bought["UnitPrice"] > 0).all()
    assert bought["Description"].null_count() == 0


def test_bad_debts_have_prices_of_both_signs_on_invoices_of_their_own() -> None:
    debts = rows().filter(pl.col("StockCode") == "B")

    assert debts["InvoiceNo"].str.starts_with("A").all()
    assert (debts["UnitPrice"].abs() >= 5_000).all()
    assert set(debts["UnitPrice"].sign()) == {-1.0, 1.0}


def test_a_customer_has_one_country_and_most_are_british() -> None:
    countries = rows().filter(IS_KNOWN).group_by("CustomerID").agg(pl.col("Country").unique())

    assert (countries["Country"].list.len() == 1).all()
    assert (countries["Country"].list.first() == "United Kingdom").mean() == pytest.approx(0.91, abs=0.03)


def test_descriptions_need_quoting_for_some_products() -> None:
    descriptions = rows()["Description"].drop_nulls()

    assert descriptions.str.contains(",", literal=True).any()
    assert descriptions.str.contains('"', literal=True).any()


def test_no_oddities_are_planted_when_none_are_declared() -> None:
    names = ("guest", "return", "repeated", "zero_price", "bad_debt", "absurd_price")
    clean = ShopSpec.model_validate({"customers": 100, "days": 30} | {f"{name}_share": 0.0 for name in names})

    assert {landed.oddities for landed in landing_days(clean)} == {Oddities()}
