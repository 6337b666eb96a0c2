"""Declarations compiled to one graph of assets, and the plan of what has to be made."""
