"""What each kind of rule fires on, for `promtool test rules`: series that make it fire, and such that do not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ml_assets.operations.telemetry.alert_rule import AlertRule

_SERIES = re.compile(r"(ml_assets_\w+)(\{[^}]*\})?")
_LABEL = re.compile(r'(\w+)=~?"([^"]*)"')
_BUCKETS = ("30", "120", "+Inf")
_WAIT = "ml_assets_lock_wait_seconds_bucket"
_FREE, _SIZE = "ml_assets_disk_free_bytes", "ml_assets_disk_size_bytes"
_FULL, _ROOMY = {_FREE: "1x100", _SIZE: "400x100"}, {_FREE: "60x100", _SIZE: "400x100"}
SPECIAL = {
    "MlAssetsLockWait": (
        {f'{_WAIT}{{le="{bound}"}}': "0+2x100" if bound == "30" else "0+10x100" for bound in _BUCKETS},
        {f'{_WAIT}{{le="{bound}"}}': "0+10x100" for bound in _BUCKETS}, {}, "1m 54s",
    ),
    "MlAssetsDiskFilling": (_FULL, _ROOMY, {}, "0.25%"),
    "MlAssetsDiskFull": (_FULL, _ROOMY, {}, "0.25%"),
    "MlAssetsAlertsNotSent": (
        {'ml_assets_alerts_waiting{route="team"}': "2x100"}, {'ml_assets_alerts_waiting{route="team"}': "0x100"}, {}, "",
    ),
    "MlAssetsExporterDown": ({}, {'up{job="ml_assets"}': "1x100"}, {"job": "ml_assets"}, ""),
    "MlAssetsWarehouseUnreadable": (
        {"ml_assets_exporter_warehouse_readable": "0x100"}, {"ml_assets_exporter_warehouse_readable": "1x100"}, {}, "",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Series for and against one rule. `labels` are those that its alert has from the series, `shown` the value in words."""

    fires: dict[str, str]
    holds: dict[str, str]
    labels: dict[str, str]
    shown: str


def case_of(rule: AlertRule) -> Case:
    """By the form of the rule's expression: a gauge that is 1, one value above another, one above a number."""
    if rule.alert in SPECIAL:
        return Case(*SPECIAL[rule.alert])
    series = [(name, {key: value.split("|")[0] for key, value in _LABEL.findall(labels)}) for name, labels in _SERIES.findall(rule.expr)]  # fmt: skip
    if "ml_assets_check_failed" in rule.expr:
        series[0][1]["check"] = "some_check"
    first, labels = _named(*series[0]), series[0][1]
    rest = {_named(*one): "10x100" if "limit" in one[0] else "1x100" for one in series[1:]}
    number = re.search(r" > (\d+)$", rule.expr)
    if number is not None:
        limit = int(number[1])
        return Case({first: f"{limit + 1}x100"}, {first: f"{limit}x100"}, labels, _in_days(limit + 1))
    if " > " in rule.expr:
        return Case({first: "11x100"} | rest, {first: "10x100"} | rest, labels, "11s")
    assert rule.expr.endswith(" == 1"), rule.expr
    return Case({first: "1x100"}, {first: "0x100"}, labels, "")


def unit_tests(rules: list[AlertRule], file: str) -> dict[str, Any]:
    """The document that `promtool test rules` reads: where everything is wrong each rule fires, where all is well none."""
    bad: dict[str, str] = {}
    good: dict[str, str] = {}
    alerts: dict[str, list[dict[str, Any]]] = {}
    for rule in rules:
        case, json = case_of(rule), rule.to_json()
        text = {key: _rendered(value, case) for key, value in json["annotations"].items()}
        told = {"exp_labels": case.labels | json["labels"], "exp_annotations": text}
        alerts.setdefault(rule.alert, []).append(told)
        bad |= case.fires
        good |= case.holds
    tests = [_test(bad, alerts), _test(good, {name: [] for name in alerts})]
    return {"rule_files": [file], "evaluation_interval": "5m", "tests": tests}


def _test(series: dict[str, str], alerts: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "interval": "1m", "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": "80m", "alertname": name, "exp_alerts": expected} for name, expected in alerts.items()
        ],
    }  # fmt: skip


def _named(name: str, labels: dict[str, str]) -> str:
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


def _rendered(text: str, case: Case) -> str:
    for name, value in case.labels.items():
        text = text.replace(f"{{{{ $labels.{name} }}}}", value)
    return re.sub(r"\{\{ \$value \| \w+ \}\}", case.shown, text)


def _in_days(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    return f"{days}d {rest // 3600}h {rest % 3600 // 60}m {rest % 60}s"
