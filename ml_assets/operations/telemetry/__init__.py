"""Telemetry for the user's own monitoring: structured logs, metrics, traces, dashboards and alert rules from the graph."""
