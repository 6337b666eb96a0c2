"""Parts of Dagster that it calls beta or preview, used knowingly."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


@contextmanager
def known_previews() -> Iterator[None]:
    """Silence about partitioned checks, code references and conditions of our own: pyproject.toml pins what they are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        warnings.simplefilter("ignore", dg.BetaWarning)
        yield
