"""The demonstration shop: seeded landing files like the real shop's, at any size, with known truth.

`ShopSpec` declares a shop, `write_shop` writes its files, `landing_days` yields the same rows in memory,
`truth` says how well its customers' purchases can be foreseen at all.
"""

from ml_assets.simulate.errors import SimulationError
from ml_assets.simulate.landing import FileFormat, LandingDay, ShopReport, landing_days, write_shop
from ml_assets.simulate.lines import Oddities
from ml_assets.simulate.spec import ShopSpec
from ml_assets.simulate.truth import ShopTruth, truth

__all__ = [
    "FileFormat",
    "LandingDay",
    "Oddities",
    "ShopReport",
    "ShopSpec",
    "ShopTruth",
    "SimulationError",
    "landing_days",
    "truth",
    "write_shop",
]
