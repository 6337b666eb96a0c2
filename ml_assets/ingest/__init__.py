"""Landing files to raw tables: exactly once by content, judged by a contract, nothing lost."""
