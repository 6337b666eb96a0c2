"""Declarations: what they refuse, and how they say so."""
