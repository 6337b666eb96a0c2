"""Telling people: which routes there are, what was sent over them, and what still has to be."""
