"""Where traces go, as the environment says: nowhere unless it names a receiver or a destination."""

from __future__ import annotations

from collections.abc import Mapping

from ml_assets.errors import DeclarationError

TRACES = "ML_ASSETS_OTEL"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_DESTINATIONS = ("console", "file")


def traces_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the environment names a receiver or a destination of traces; OTEL_SDK_DISABLED switches them off."""
    chosen = environment.get(TRACES, "")
    if chosen and chosen not in _DESTINATIONS:
        raise DeclarationError(
            f"{TRACES} names no destination of traces", place=f"${TRACES}", expected=" or ".join(_DESTINATIONS), got=chosen,
            remedy="correct it; a receiver is named by OTEL_EXPORTER_OTLP_ENDPOINT",
        )  # fmt: skip
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return bool(chosen) or any(environment.get(name) for name in ENDPOINTS)
