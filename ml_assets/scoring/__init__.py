"""Batch scores, made by the version that an alias points to."""
