"""Routes: where alerts go. Their URLs are secrets: they are read when something is sent, and never shown or kept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from ml_assets.operations.incident_book import Incident
from ml_assets.specs.profiles import ProfileSpec

LOG = "log"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S+|mailto:[^\s@]+@\S+", re.IGNORECASE)


def is_url(text: str) -> bool:
    """Whether it has the form of a URL that a message can be sent to."""
    return _URL.fullmatch(text.strip()) is not None


def url_of(profile: ProfileSpec, route: str) -> str:
    """The URL of a declared route by its variable; empty where that is not set or is no URL."""
    value = os.environ.get(profile.alert_routes[route].env, "").strip()
    return value if is_url(value) else ""


def routes_for(incident: Incident, profile: ProfileSpec) -> Iterator[str]:
    """The log always; the route that the monitor asks for, else every declared one unless the incident is minor."""
    yield LOG
    if incident.route:
        if incident.route in profile.alert_routes:
            yield incident.route
    elif incident.severity != "minor":
        yield from profile.alert_routes
