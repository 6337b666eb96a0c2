"""From files that nobody has described to declarations: what the data seems to be, and what to write down about it."""
