"""SQL statements to tables: staging, features and labels, correct in time by construction and proved so."""
