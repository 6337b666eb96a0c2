"""`ml-assets replay`: a version trained again and compared."""

from __future__ import annotations

import traceback
from dataclasses import replace
from pathlib import Path

from ml_assets.cli.registering import print_found, referred
from ml_assets.cli.terminal import Terminal
from ml_assets.errors import MlAssetsError


def replay_command(project: Path | None, reference: str, *, as_json: bool) -> int:
    """Print the comparison; 0 equal, 1 different, 2 where training again ended in a crash."""
    from ml_assets.registry.replay import replay_version

    opened, asset, version = referred(project, reference)
    try:
        with Terminal(quiet=as_json) as terminal:
            context = replace(opened.context(), progress=terminal.progress)
            report = replay_version(context, asset.spec, version)
    except MlAssetsError:
        raise
    except Exception:  # noqa: BLE001 (a crash is no comparison, and 1 would read as "different")
        traceback.print_exc()
        return 2
    print_found(report.to_json(), as_json, "print_replay")
    return 0 if report.equal else 1
