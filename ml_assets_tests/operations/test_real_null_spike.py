"""The real files around 2011-08-30, on which 87 % of the customer ids are missing: one incident, with the figures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ml_assets_tests.e2e.state import REAL_FILES, ml_assets, query, summary_of

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REAL_FILES.is_dir(), reason=f"the real files are not at {REAL_FILES}"),
    pytest.mark.xdist_group("real_null_spike"),
]
WATCHED = ("raw.invoices", "monitoring.invoices__days")


def land(home: Path, *, after: str, until: str) -> None:
    """The files of the days in (after, until]."""
    folder = home / "landing" / "retail"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(REAL_FILES.glob("*.csv")):
        if after < path.stem <= until:
            shutil.copyfile(path, folder / path.name)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state on the morning after, every file up to that day loaded."""
    found = tmp_path_factory.mktemp("real")
    land(found, after="", until="2011-08-30")
    result = ml_assets(found, "run", *WATCHED, now="2011-08-31")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (
        "incident 1 opened [minor] raw.invoices.customer_id: values are missing: 2011-08-30: 87.4% of customer_id"
        in result.stdout
    )
    return found


def test_null_spike_is_the_only_incident_and_has_its_figures(home: Path) -> None:
    [one] = summary_of(ml_assets(home, "incidents", "--json", now="2011-08-31"))["incidents"]
    assert (one["cause"], one["asset"], one["column"], one["status"]) == (
        "nulls",
        "raw.invoices",
        "customer_id",
        "open",
    )
    assert one["began_at"].startswith("2011-08-30")
    assert one["opened_at"].startswith("2011-08-31")
    assert one["affected"]["scores"] == ["scores.repeat_purchase"]
    [signal] = one["signals"]
    assert (signal["code"], signal["severity"]) == ("DD001", "warn")
    assert signal["numbers"]["value"] == pytest.approx(0.8745, abs=1e-4)


def test_doctor_names_the_null_spike_first(home: Path) -> None:
    result = ml_assets(home, "doctor", "raw.invoices", "--json", now="2011-08-31")
    assert result.returncode == 1
    first = summary_of(result)["suspects"][0]
    assert (first["cause"], first["subject"]) == ("nulls", "raw.invoices")
    assert "87.4% of customer_id missing" in first["speaks_for"][0]


def test_it_closes_when_good_days_have_come(home: Path) -> None:
    before = "2011-08-30"
    for day, lasts in (("2011-09-01", True), ("2011-09-08", False)):
        land(home, after=before, until=day)
        before = day
        ml_assets(home, "run", *WATCHED, now=f"{day}T23:00")
        assert bool(query(home, "select incident from ops.incidents where status = 'open'")) == lasts
    assert query(home, "select incident, status from ops.incidents") == [(1, "closed")]
