"""Instances: one component document a defs.yaml, folders in data-flow order."""
