"""Versions, aliases and verdicts."""
