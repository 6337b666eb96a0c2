"""Prometheus's own programs for tests: the server on a free loopback port, and `promtool`."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from ml_assets_tests.e2e.state import ROOT
from ml_assets_tests.tiny import TinyProject

T = TypeVar("T")
DEADLINE_SECONDS = 60.0


def until(found: Callable[[], T], what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """The first answer that is something; asked again and again until a deadline."""
    pause, end = threading.Event(), time.monotonic() + seconds
    while True:
        answer = found()
        if answer:
            return answer
        assert time.monotonic() < end, f"within {seconds:g} s there was no {what}"
        pause.wait(0.05)


def why_not() -> str:
    """Why no Prometheus can be started here; the empty text when one can."""
    missing = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    if missing:
        return f"{' and '.join(missing)} not installed (Debian: apt-get install prometheus)"
    return "" if find_spec("prometheus_client") else "prometheus_client not installed: pip install 'ml-assets[metrics]'"


def promtool(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run `promtool`, with `text` on its standard input; skips where it is not installed."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    return subprocess.run(["promtool", *words], input=text, capture_output=True, text=True, check=False, timeout=60)


def fetched(url: str) -> tuple[int, str]:
    """Status and body of a GET; status 0 where nobody listens."""
    try:
        with urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except URLError as problem:
        status = getattr(problem, "code", 0)
        return status, problem.read().decode() if status else str(problem)


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The series of an instant query, each with `metric` (labels) and `value`."""
        status, body = fetched(f"{self.url}/api/v1/query?{urlencode({'query': expr})}")
        assert status == 200, (expr, body)
        return list(json.loads(body)["data"]["result"])

    def values(self, expr: str) -> list[float]:
        return [float(one["value"][1]) for one in self.query(expr)]

    def alerts(self, state: str = "firing") -> set[tuple[str, str]]:
        """(alert, asset) of the alerts in a state."""
        status, body = fetched(f"{self.url}/api/v1/alerts")
        assert status == 200, body
        return {
            (one["labels"]["alertname"], one["labels"].get("asset", ""))
            for one in json.loads(body)["data"]["alerts"]
            if one["state"] == state
        }


@contextmanager
def running_exporter(project: TinyProject, errors: Path) -> Iterator[str]:
    """`ml-assets metrics --serve` as a process of its own; its address."""
    command = [
        sys.executable,
        "-m",
        "ml_assets.cli",
        "--project",
        str(project.root),
        "metrics",
        "--serve",
        "--port",
        "0",
    ]
    with errors.open("w", encoding="utf-8") as log, subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Metrics at http://127.0.0.1:"), errors.read_text(encoding="utf-8")
            yield line.split()[2].removesuffix("/metrics,")
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0


@contextmanager
def running_prometheus(folder: Path, monitoring: Path, exporter: str) -> Iterator[Prometheus]:
    """A Prometheus with the generated settings and rules, told only whom to scrape, and to do so every second."""
    settings = yaml.safe_load((monitoring / "prometheus.yml").read_text(encoding="utf-8"))
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["scrape_configs"][0]["static_configs"] = [{"targets": [exporter.removeprefix("http://")]}]
    own = monitoring / "prometheus-of-the-test.yml"
    own.write_text(yaml.safe_dump(settings), encoding="utf-8")
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        log = folder / "prometheus.log"
        with log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(
                ["prometheus", f"--config.file={own}", f"--storage.tsdb.path={folder / 'tsdb'}",
                 f"--web.listen-address={address}", "--storage.tsdb.retention.time=1h", "--log.level=warn"],
                stdout=subprocess.DEVNULL, stderr=errors, cwd=folder,
            )  # fmt: skip
        try:
            url = f"http://{address}"
            until(lambda: process.poll() is not None or fetched(f"{url}/-/ready")[0] == 200, "Prometheus")  # noqa: B023
            if process.poll() is None:
                yield Prometheus(url)
                return
        finally:
            process.terminate()
            process.wait(timeout=30)
    raise AssertionError(log.read_text(encoding="utf-8"))
