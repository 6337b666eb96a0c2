"""One Prometheus alert rule, and many of them as a rules file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

import yaml

from ml_assets.operations.incident_book import IncidentSeverity

PROJECT = "ml_assets"
HEAD = "# Made by `ml-assets telemetry generate` from the declarations of the project: change those, not this file.\n"


@dataclass(frozen=True, kw_only=True)
class AlertRule:
    """When somebody is told of what. `kind` is the kind of trouble; `asset` is None for what is about the whole project.

    `group` is the asset whose state the rule reads: `asset` itself, or the monitor that watches it. `wait` is how long `expr` has to hold; without it the first evaluation tells.
    """

    kind: str
    alert: str
    expr: str
    severity: IncidentSeverity
    owner: str
    summary: str
    description: str
    runbook: str
    group: str = PROJECT
    asset: str | None = None
    model: str | None = None
    wait: str = ""

    def to_json(self) -> dict[str, Any]:
        """As Prometheus reads it."""
        labels = {
            "severity": self.severity, "owner": self.owner, "kind": self.kind, "asset": self.asset, "model": self.model,
            "monitor": self.group if self.asset and self.group != self.asset else None, "runbook": PurePosixPath(self.runbook).stem,
        }  # fmt: skip
        wait = {"for": self.wait} if self.wait else {}
        return {
            "alert": self.alert, "expr": self.expr, **wait,
            "labels": {name: value for name, value in labels.items() if value},
            "annotations": {"summary": self.summary, "description": self.description, "runbook_url": self.runbook},
        }  # fmt: skip


def rules_file(rules: Sequence[AlertRule]) -> str:
    """The file that `rule_files` of a Prometheus names; one group an asset, in the order of the rules."""
    groups = [
        {"name": group, "rules": [rule.to_json() for rule in of_group]}
        for group, of_group in groupby(rules, key=lambda rule: rule.group)
    ]
    return HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, width=10_000, allow_unicode=True)
