"""Sending one text over one route, within seconds and without telling anybody the URL."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module

from ml_assets.operations.alerts.routes import url_of
from ml_assets.specs.profiles import ProfileSpec

DEADLINE_SECONDS = 8.0
_NATIVE = {"http": "json", "https": "jsons"}


@dataclass(frozen=True)
class Delivery:
    """What came of one text. `problem` is empty where the receiver took it, and never holds any part of the URL."""

    route: str
    problem: str = ""


def deliver(
    profile: ProfileSpec, texts: Mapping[str, Sequence[str]], deadline: float = DEADLINE_SECONDS
) -> dict[str, list[Delivery]]:
    """Route → what came of each of its texts, in their order. Routes are served side by side; what has not been taken at the
    deadline counts as not sent, and holds nobody up."""
    if texts:
        # Here, where it costs none of the receivers' time; where it is missing, each route says so.
        with suppress(ImportError):
            import_module("apprise")
    found: dict[str, list[Delivery]] = {route: [] for route in texts}
    threads = [
        threading.Thread(target=_serve, args=(profile, route, some, found[route]), name=f"alert-{route}", daemon=True)
        for route, some in texts.items()
    ]
    with _silent_apprise():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(deadline)
            deadline = deadline if not thread.is_alive() else 0.0
    late = f"no answer within {DEADLINE_SECONDS:g} s"
    return {
        route: [*done, *(Delivery(route, late) for _ in range(len(texts[route]) - len(done)))]
        for route, done in ((route, list(done)) for route, done in found.items())
    }


def _serve(profile: ProfileSpec, route: str, texts: Sequence[str], found: list[Delivery]) -> None:
    # One by one, so that what was taken before the deadline is known to be.
    found.extend(Delivery(route, _sent(profile, route, text)) for text in texts)


def _sent(profile: ProfileSpec, route: str, text: str) -> str:
    """Why a text was not taken, the empty text where it was."""
    variable = profile.alert_routes[route].env
    url = url_of(profile, route)
    if not url:
        return f"${variable} is not set, or holds no URL"
    try:
        import apprise
    except ImportError:
        return "the package apprise is missing: pip install 'ml-assets[alerts]'"
    receiver = apprise.Apprise()
    if not (receiver.add(url) or receiver.add(_as_webhook(url))):
        return f"${variable} holds a URL that Apprise does not know"
    title, _, body = text.partition("\n")
    try:
        taken = receiver.notify(title=title, body=body or title)
    except Exception as problem:  # noqa: BLE001 (whatever a receiver does, it must not fail a run; its words may hold the URL)
        return f"the receiver failed: {type(problem).__name__}"
    return "" if taken else "the receiver did not take it"


def _as_webhook(url: str) -> str:
    """A plain address, which is no service that Apprise knows, gets the message as JSON; an address of mail as a URL of it."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url.replace("mailto:", "mailto://", 1)
    return f"{_NATIVE.get(scheme.lower(), scheme)}://{rest}"


@contextmanager
def _silent_apprise() -> Iterator[None]:
    """Its own log names URLs."""
    logger = logging.getLogger("apprise")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
