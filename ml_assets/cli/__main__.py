"""`python -m ml_assets.cli`."""

from ml_assets.cli.main import main

main()
