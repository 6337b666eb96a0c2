"""The warehouse: one DuckDB file, safe among processes, with a manifest of everything in it."""
