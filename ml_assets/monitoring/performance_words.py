"""Words that tables of performance are written in; free of imports, for those who only read them."""

from __future__ import annotations

# The slice that is no slice.
ALL_ROWS = "all"
# Beside the metrics of a binary task: the share of positives.
POSITIVE_RATE = "positive_rate"
