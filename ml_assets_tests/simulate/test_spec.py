from datetime import date

import pydantic
import pytest

from ml_assets.simulate import ShopSpec, SimulationError, landing_days


def test_spec_refuses_unknown_fields() -> None:
    with pytest.raises(pydantic.ValidationError, match="costumers"):
        ShopSpec.model_validate({"costumers": 10})


def test_spec_is_frozen() -> None:
    field = "seed"

    with pytest.raises(pydantic.ValidationError, match="frozen"):
        setattr(ShopSpec(), field, 8)


def test_spec_describes_every_field() -> None:
    assert [name for name, field in ShopSpec.model_fields.items() if not field.description] == []


def test_spec_refuses_a_shop_that_never_opens() -> None:
    with pytest.raises(pydantic.ValidationError, match="never opens"):
        ShopSpec(weekday_weights=(0, 0, 0, 0, 0, 0, 0))


def test_spec_refuses_a_closing_day_that_does_not_exist() -> None:
    with pytest.raises(pydantic.ValidationError, match=r"closed_from is \(month, day\)"):
        ShopSpec(closed_from=(13, 1))


def test_ending_puts_the_last_day_where_asked() -> None:
    spec = ShopSpec.ending(date(2011, 12, 9), days=374)

    assert (spec.first_day, spec.last_day) == (date(2010, 12, 1), date(2011, 12, 9))


def test_extended_keeps_all_but_the_days() -> None:
    spec = ShopSpec(seed=3, days=20)

    assert spec.extended(2).model_dump(exclude={"days"}) == spec.model_dump(exclude={"days"})
    assert spec.extended(2).days == 22


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("rows", [10_000, 60_000])
def test_of_rows_comes_within_ten_percent(rows: int, seed: int) -> None:
    spec = ShopSpec.of_rows(rows, last_day=date(2024, 5, 31), days=200, seed=seed)

    counted = sum(landed.rows.height for landed in landing_days(spec))

    assert spec.last_day == date(2024, 5, 31)
    assert counted == pytest.approx(rows, rel=0.1)


def test_of_rows_refuses_a_handful_of_rows() -> None:
    with pytest.raises(SimulationError, match="too few rows"):
        ShopSpec.of_rows(10)
