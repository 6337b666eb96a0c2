"""How good a candidate is, beside its baselines, on snapshots it has never seen."""
