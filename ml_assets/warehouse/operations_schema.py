"""Tables in which the warehouse keeps its own books (schema `ops`)."""

from __future__ import annotations

from zlib import crc32

# The partition of an unpartitioned asset is the empty text, so that keys never hold nulls.
OPERATIONS_DDL = """
create table if not exists ops.manifest (
    asset varchar, partition varchar, inputs json, logic varchar, rows bigint, content varchar,
    batch bigint, made_at timestamp, seconds double, note varchar, primary key (asset, partition)
);
create table if not exists ops.batches (
    batch bigint primary key, asset varchar, partitions integer, rows bigint, run_id varchar,
    clock_time timestamp, wall_time timestamp, lock_wait_seconds double, package_version varchar
);
create table if not exists ops.buckets (
    asset varchar, part varchar, event_bucket timestamp, available_bucket timestamp, rows bigint, content hugeint
);
create table if not exists ops.files (
    asset varchar, file varchar, sha256 varchar, bytes bigint, mtime_ns bigint, status varchar, rule varchar,
    reason varchar, rows_read bigint, rows_kept bigint, rows_quarantined bigint, content hugeint,
    header varchar[], batch bigint, loaded_at timestamp, met_batch bigint, primary key (asset, file)
);
create table if not exists ops.checks (
    asset varchar, partition varchar, check_name varchar, code varchar, status varchar, severity varchar,
    blocking boolean, content varchar, summary varchar, numbers json, evidence json, evaluated_at timestamp,
    primary key (asset, partition, check_name)
);
create table if not exists ops.steps (
    run_id varchar, step integer, command varchar, asset varchar, partitions varchar[], status varchar, message varchar,
    facts json, made json, started_at timestamp, ended_at timestamp, told_to varchar, primary key (run_id, step)
);
create table if not exists ops.declarations (
    asset varchar, logic varchar, kind varchar, place varchar, spec json, sql json, judged_at timestamp,
    primary key (asset, logic)
);
create table if not exists ops.aliases (
    model varchar, alias varchar, version integer, moved_at timestamp, moved_by varchar, reason varchar
);
"""

# Books of the registry, appended to and never rewritten. Apart, because a warehouse may be older than they are.
REGISTRY_TABLES = {
    "verdicts": "model varchar, version integer, package_sha256 varchar, training_content varchar, gate_logic varchar, "
    "evaluation_content varchar, champion integer, passed boolean, reasons varchar, rules json, judged_at timestamp, run_id varchar",
    "registry_actions": "model varchar, version integer, action varchar, package_sha256 varchar, training_content varchar, "
    "gate_logic varchar, evaluation_content varchar, done_by varchar, reason varchar, done_at timestamp, expires_at timestamp, other integer",
    "golden_rows": "model varchar, version integer, package_sha256 varchar, rows integer, inputs blob, scores double[], taken_at timestamp",
}

# Books of what happens in production, appended to (incidents: one row each, rewritten as they go on).
MONITORING_TABLES = {
    "step_costs": "run_id varchar, step integer, clock_time timestamp, cpu_seconds double, cpu_error double, primary key (run_id, step)",
    "check_history": "asset varchar, partition varchar, check_name varchar, code varchar, status varchar, severity varchar, "
    "blocking boolean, content varchar, summary varchar, numbers json, evaluated_at timestamp, recorded_at timestamp, "
    "times integer, days date[], last_evaluated_at timestamp, last_recorded_at timestamp",
    "retrain_requests": "model varchar, monitor varchar, version integer, reasons varchar, facts json, requested_at timestamp",
    "incidents": "incident bigint primary key, fingerprint varchar, cause varchar, asset varchar, column_name varchar, title varchar, "
    "severity varchar, status varchar, owner varchar, runbook varchar, route varchar, began_at timestamp, opened_at timestamp, "
    "waiting_since timestamp, escalated_at timestamp, acknowledged_at timestamp, closed_at timestamp, evidence json, affected json",
    "incident_events": "incident bigint, happened_at timestamp, kind varchar, actor varchar, message varchar, facts json",
    "alerts": "incident bigint, kind varchar, event_at timestamp, route varchar, status varchar, attempts integer, sent_at timestamp, "
    "message varchar, primary key (incident, kind, event_at, route)",
}
OPERATIONS_DDL += "".join(
    f"create table if not exists ops.{name} ({columns});\n"
    for name, columns in {**REGISTRY_TABLES, **MONITORING_TABLES}.items()
)
# Said in the comment of a book, so that one look tells whether a file holds all books as they are declared here.
BOOKS_VERSION = f"books {crc32(OPERATIONS_DDL.encode()):08x}"
OPERATIONS_DDL += f"comment on table ops.manifest is '{BOOKS_VERSION}';\n"
