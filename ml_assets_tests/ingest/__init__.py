"""Ingest through its public door: files land, `materialize`, look at the warehouse."""
