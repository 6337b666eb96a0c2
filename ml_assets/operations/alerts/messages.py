"""What an alert says, short enough for a phone: what happened, whom it reaches, what to do and what to type next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from ml_assets.operations.incident_book import Incident

AlertKind = Literal["opened", "escalated", "recovered"]
KINDS: tuple[AlertKind, ...] = get_args(AlertKind)
# What becomes of an incident in one look → the alert about it; what is only added to it is not told again.
KIND_OF_CHANGE: Mapping[str, AlertKind] = {
    "opened": "opened", "reopened": "opened", "worse": "escalated", "escalated": "escalated", "recovered": "recovered",
}  # fmt: skip


def alert_text(incident: Incident, what: str, said: str) -> str:
    """The subject as the first line, the rest below it."""
    affected = incident.affected
    reaches = ", ".join([*affected.scores, *(f"model {name}" for name in affected.models)])
    lines = [
        f"[{incident.severity}] incident {incident.number} {what.replace('_', ' ')}: {incident.title}",
        said,
        f"began: {incident.began_at:%Y-%m-%d %H:%M} UTC",
        f"affected: {reaches}" if reaches else "",
        f"owner: {incident.owner}" if incident.owner else "owner: nobody is named",
        f"runbook: {incident.runbook}",
        f"next: ml-assets incidents show {incident.number}",
    ]
    return "\n".join(line for line in lines if line)
