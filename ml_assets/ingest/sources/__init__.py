"""Other databases, as rows in Arrow batches: SQLite, DuckDB, Postgres."""
