"""What may be declared about a demonstration shop."""

from datetime import date, timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0.0, le=0.5)]
Weight = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]

DEFAULT_FIRST_DAY = date(2010, 12, 1)
DEFAULT_DAYS = 374


class ShopSpec(BaseModel):
    """A shop, complete: equal specs give equal files, byte for byte.

    Nothing is drawn with the length of the shop in mind, so a spec that differs in `days` alone gives the
    same files for the days both have (see `extended`). Days and times are UTC. "Operating days" are days of
    operating time, in which an average week of the year has length seven whatever its weekdays are (see
    `OperatingTime`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=7, ge=0, lt=2**63, description="Everything random follows from this number.")
    first_day: date = Field(
        default=DEFAULT_FIRST_DAY, description="First calendar day; the shop has no history before it."
    )
    days: int = Field(
        default=DEFAULT_DAYS,
        ge=1,
        le=20_000,
        description="Calendar days from first_day on, closed ones included.",
    )
    customers: int = Field(
        default=4000,
        ge=1,
        le=20_000_000,
        description="Customers who join within joining_days; later ones keep that pace.",
    )
    joining_days: Positive = Field(
        default=374.0,
        description="Operating days in which `customers` join; it sets a pace and does not follow `days`.",
    )
    opening_share: float = Field(
        default=0.25, ge=0.0, le=1.0, description="Share of customers who join in the rush after the opening."
    )
    opening_days: Positive = Field(default=25.0, description="Mean operating days from opening to joining, for those.")

    purchase_rate_shape: Positive = Field(
        default=0.9, description="r: shape of the gamma distribution of purchase rates over customers."
    )
    purchase_rate_scale: Positive = Field(
        default=33.0, description="alpha, operating days: mean purchase rate is r / alpha a day."
    )
    drop_out_a: Positive = Field(
        default=0.45, description="a of the beta distribution of the drop-out chance after a purchase."
    )
    drop_out_b: Positive = Field(default=3.0, description="b of the same: the mean chance is a / (a + b).")

    weekday_weights: tuple[Weight, Weight, Weight, Weight, Weight, Weight, Weight] = Field(
        default=(0.93, 1.03, 1.12, 1.31, 0.92, 0.0, 0.70),
        description="Trade by weekday, Monday first; 0 is closed.",
    )
    hour_weights: tuple[Weight, ...] = Field(
        default=(0, 0, 0, 0, 0, 0, 0, 1, 20, 50, 80, 82, 113, 95, 82, 73, 40, 20, 6, 5, 0, 0, 0, 0),
        min_length=24,
        max_length=24,
        description="Trade by hour of the day; 0 is closed.",
    )
    season_amplitude: float = Field(
        default=0.2, ge=0.0, lt=1.0, description="Height of the yearly wave as a share of the mean trade."
    )
    season_peak_day: int = Field(default=315, ge=1, le=366, description="Day of the year on which the wave is highest.")
    closed_from: tuple[int, int] = Field(
        default=(12, 24),
        description="Month and day on which the yearly closing begins; never if it equals reopened_on.",
    )
    reopened_on: tuple[int, int] = Field(default=(1, 4), description="Month and day of the first trading day after it.")

    products: int = Field(default=4000, ge=10, le=20_000, description="Products in the catalogue.")
    mean_basket_lines: float = Field(default=21.5, ge=1.0, le=200.0, description="Mean lines of a purchase.")
    basket_spread: float = Field(
        default=0.9, ge=0.0, le=2.0, description="Standard deviation of the logarithm of lines of a purchase."
    )
    guest_share: Share = Field(default=0.25, description="Share of purchases, and so of rows, without CustomerID.")
    return_share: Share = Field(
        default=0.2, description="Share of customers' purchases of which something is returned."
    )
    mean_return_lines: float = Field(
        default=2.4, ge=1.0, le=50.0, description="Mean lines of a return, before its basket limits it."
    )
    mean_return_delay: Positive = Field(default=15.0, description="Mean operating days from a purchase to its return.")
    repeated_share: Share = Field(
        default=0.01, description="Share of rows written a second time, right after the first."
    )
    zero_price_share: Share = Field(
        default=0.0046,
        description="Share of rows that are stock write-offs: price 0, no customer, no description.",
    )
    bad_debt_share: Share = Field(
        default=0.00002,
        description="Share of rows that adjust a bad debt: invoices A..., huge price of either sign.",
    )
    absurd_price_share: Share = Field(default=0.00004, description="Share of rows booked by hand at an absurd price.")

    @model_validator(mode="after")
    def _trades_at_some_time(self) -> Self:
        if not any(self.weekday_weights) or not any(self.hour_weights):
            raise ValueError(
                "weekday_weights and hour_weights must each hold a weight above 0, or the shop never opens"
            )
        for name, (month, day) in (("closed_from", self.closed_from), ("reopened_on", self.reopened_on)):
            try:
                date(2000, month, day)
            except ValueError as error:
                raise ValueError(f"{name} is (month, day); got ({month}, {day}): {error}") from None
        return self

    @property
    def last_day(self) -> date:
        """The last calendar day, inclusive."""
        return self.first_day + timedelta(days=self.days - 1)

    def extended(self, days: int = 1) -> Self:
        """The same shop `days` calendar days later: all earlier files stay as they are."""
        return type(self).model_validate({**self.model_dump(), "days": self.days + days})

    @classmethod
    def ending(cls, last_day: date, *, days: int = DEFAULT_DAYS, **fields: Any) -> Self:
        """A shop whose last day is `last_day`. To let a day pass, use `extended`: it keeps the first day."""
        return cls(first_day=last_day - timedelta(days=days - 1), days=days, **fields)

    @classmethod
    def of_rows(cls, rows: int, *, last_day: date | None = None, days: int = DEFAULT_DAYS, **fields: Any) -> Self:
        """A shop of about `rows` rows (within 10 %), got by choosing `customers`; other fields as given.

        Without `last_day` it begins on the default first day.
        """
        # Sizing counts the rows of real ledgers, which are built from specs: the import can only stand here.
        from ml_assets.simulate.sizing import sized_customers

        spec = cls(days=days, **fields) if last_day is None else cls.ending(last_day, days=days, **fields)
        return type(spec).model_validate({**spec.model_dump(), "customers": sized_customers(spec, rows)})
