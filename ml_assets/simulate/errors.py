"""What a user of the demonstration shop may get wrong."""

from ml_assets.errors import MlAssetsError


class SimulationError(MlAssetsError):
    """The shop cannot answer or write what was asked."""

    code = "MLA700"
