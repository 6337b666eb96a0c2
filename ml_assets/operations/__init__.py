"""Running it: incidents and their causes, alerts, indicators, telemetry, drills, backup. Reads the graph and the books."""
