"""`ml-assets` in this process, through its real entry point."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result

from ml_assets.cli import main
from ml_assets_tests.tiny import TinyProject


def invoke(project: TinyProject, *words: str) -> Result:
    """The result of a command on a project whose state lies in its own folder."""
    return CliRunner().invoke(main, ["--project", str(project.root), *words], catch_exceptions=False)


def json_of(result: Result) -> dict[str, Any]:
    """Standard output, which has to be one JSON object and nothing else."""
    return dict(json.loads(result.stdout))
