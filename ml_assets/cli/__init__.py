"""`ml-assets`: the command line, thin over the functions that the components call."""

from ml_assets.cli.main import main

__all__ = ["main"]
