"""Training sets, splits with embargo, estimators and the packages they are kept in."""
