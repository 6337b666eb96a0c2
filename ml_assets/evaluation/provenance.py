"""The part of a report that says what a version was made from."""

from __future__ import annotations

from collections.abc import Sequence

from ml_assets.evaluation.page import code, escaped, facts_table, swatch, table
from ml_assets.evaluation.pictures import SplitRow
from ml_assets.specs.models import ColumnLabelSpec, ModelSpec
from ml_assets.training.versions import ModelVersion


def provenance_section(spec: ModelSpec, version: ModelVersion, split: Sequence[SplitRow]) -> str:
    """Data, parameters, code and packages, from the manifest; no times of the clock."""
    manifest = version.manifest
    training, packages, machine = manifest["training_set"], manifest["packages"], manifest["machine"]
    versions = ", ".join(f"{escaped(name)} {escaped(number)}" for name, number in sorted(packages.items()))
    pairs = [
        ("Package", code(version.package_sha256)),
        ("Training set", f"{code(f'training.{spec.name}')}, {training['rows']:,} rows, content {code(training['content'])}"),
        ("Trained on", f"{manifest['facts']['rows_trained_on']:,} rows, {manifest['facts']['features']} features{_rounds(manifest['facts'])}"),
        ("Label", _label(spec)),
        ("Estimator", f"{escaped(manifest['estimator']['kind'])}, seed {manifest['estimator']['seed']}, {_parameters(manifest['estimator'])}"),
        ("Code", f"model {code(manifest['logic'])}, training set {code(training['logic'])}"),
        ("Packages", versions),
        ("Machine", f"Python {escaped(machine['python'])}, {escaped(machine['system'])}, {escaped(machine['processor'])}"),
    ]  # fmt: skip
    files = [[code(name), code(digest)] for name, digest in sorted(manifest["files"].items())]
    features = [[code(name), escaped(kind)] for name, kind in manifest["features"].items()]
    return (
        f"<h2>What it was made from</h2>{facts_table(pairs)}<h3 style='margin-top:22px'>Parts</h3>{_split_table(split)}"
        f"<details><summary>{len(features)} features</summary>{table(['feature', 'type'], features, text_columns=2)}</details>"
        f"<details><summary>{len(files)} package files</summary>{table(['file', 'SHA-256'], files, text_columns=2)}</details>"
    )


def _label(spec: ModelSpec) -> str:
    if isinstance(spec.label, ColumnLabelSpec):
        positive = spec.label.positive
        counted = "" if positive is None else f", {code(str(positive))} counts as 1"
        return f"column {code(spec.label.column)} of {code(str(spec.source))}{counted}"
    label = spec.label
    return f"{code(label.sql)}, {escaped(label.horizon)} from the snapshot, population {code(label.population)}"


def _rounds(facts: dict[str, object]) -> str:
    return f", {facts['rounds']} rounds" if facts.get("rounds") is not None else ""


def _parameters(estimator: dict[str, object]) -> str:
    declared = estimator["parameters"]
    assert isinstance(declared, dict)
    others = [
        name
        for name in ("path", "max_rounds", "early_stopping_rounds", "refit", "class_weights")
        if estimator.get(name) is not None
    ]
    shown = {**declared, **{name: estimator[name] for name in others}}
    return ", ".join(code(f"{name}={value}") for name, value in sorted(shown.items()))


def _split_table(split: Sequence[SplitRow]) -> str:
    rows = []
    for part in ("train", "embargo", "left_out", "validation", "test"):
        chosen = [row for row in split if row.part == part]
        if chosen:
            count = sum(row.rows for row in chosen)
            positives = None if chosen[0].positives is None else sum(row.positives or 0 for row in chosen)
            share = [] if positives is None else [f"{positives / max(count, 1):.1%}"]
            rows.append([f"{swatch(part)}{part}", *_times(chosen), f"{count:,}", *share])
    shares = [] if any(row.positives is None for row in split) else ["positive"]
    times = [] if any(row.snapshot is None for row in split) else ["times", "first", "last"]
    return table(["part", *times, "rows", *shares], rows)


def _times(rows: Sequence[SplitRow]) -> list[str]:
    """How many snapshots or periods a part has, the first and the last; nothing of rows without an order in time."""
    first, last = rows[0].snapshot, rows[-1].snapshot
    if first is None or last is None:
        return []
    return [str(len(rows)), f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"]
