"""Fault drills: a copy of the state is harmed on purpose, to see who notices, how late, and whether it can be put right."""
