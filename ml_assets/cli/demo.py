"""`ml-assets demo`: a shop's landing files, then the whole graph."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ml_assets.cli.project import OpenProject, open_project
from ml_assets.cli.running import run_assets_of
from ml_assets.cli.terminal import Terminal
from ml_assets.errors import DeclarationError, LandingFileError
from ml_assets.graph.locate import VARIABLE, find_project
from ml_assets.graph.plan import select

USE_CASE, FOLDER = "retail", "ml-assets-demo"


def demo_command(project: Path | None, source: Path | None, rows: int | None, seed: int) -> int:
    """Land the files once, then make what is out of date; the process's exit code.

    In a project that declares the example: there. Anywhere else the shipped example is first copied into a folder of its
    own below the current one, where it is a project like any other.
    """
    opened = _declaring(project) or open_project(copied_example(Path.cwd() / FOLDER))
    wanted: dict[str, object] = {"source": str(source.resolve())} if source else {"simulated_rows": rows, "seed": seed}
    known = _remembered(opened, wanted)
    if source is not None:
        _replay(opened, source)
    else:
        _simulate(opened, rows, seed, known)
    return run_assets_of(opened, select(opened.graph, f"use_case:{USE_CASE}"))


def _declaring(project: Path | None) -> OpenProject | None:
    """The project that is named or stands here, if it declares the example; a named one is taken as it is."""
    named = project is not None or VARIABLE in os.environ
    try:
        find_project(project)
    except DeclarationError:
        if named:
            raise
        return None
    opened = open_project(project, may_be_empty=not named)
    return opened if named or any(asset.use_case == USE_CASE for asset in opened.graph) else None


def copied_example(folder: Path, *, tell: bool = True) -> Path:
    """The shipped declarations and statements in `folder`, which is left as it is where it exists."""
    if not folder.exists():
        defs, sql = _shipped()
        shutil.copytree(defs, folder / "defs" / USE_CASE, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(sql, folder / "sql" / USE_CASE)
        if tell:
            sys.stdout.write(f"The example's declarations and SQL are now yours, in {folder}.\n")
    return folder


def _shipped() -> tuple[Path, Path]:
    """Declarations and SQL of the example: inside an installed wheel, or where the source tree has them."""
    package = Path(__file__).resolve().parents[1]
    for defs, sql in (
        (package / "_example" / "defs", package / "_example" / "sql"), (package / "defs", package.parent / "sql")
    ):  # fmt: skip
        if (defs / USE_CASE).is_dir() and (sql / USE_CASE).is_dir():
            return defs / USE_CASE, sql / USE_CASE
    raise DeclarationError(
        "the example is not here", place=package, expected=f"declarations and SQL of use case {USE_CASE}", got="none",
        remedy="install the package again, or run your own project: `ml-assets run`",
    )  # fmt: skip


def _remembered(opened: OpenProject, wanted: dict[str, object]) -> bool:
    """Whether this very demonstration ran here before. Another one would mix two shops and is refused."""
    path = opened.home.root / "demo.json"
    if not path.exists():
        opened.home.root.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(wanted), encoding="utf-8")
        return False
    known = json.loads(path.read_text(encoding="utf-8"))
    if known != wanted:
        raise DeclarationError(
            "another demonstration lives in this state folder", place=opened.home.root, expected=_words(known), got=_words(wanted),
            remedy="use another folder (ML_ASSETS_HOME=.ml_assets-other), or remove this one to start anew",
        )  # fmt: skip
    return True


def _words(wanted: dict[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in wanted.items())


def _replay(opened: OpenProject, source: Path) -> None:
    """Copy the files and set the clock to the day after the last of them."""
    files = sorted(source.glob("*.csv"))
    days = [day for path in files if (day := _day_of(path)) is not None]
    if not days:
        raise LandingFileError(
            "no_files", "there is nothing to replay", place=source, expected="files named YYYY-MM-DD.csv",
            got=f"{len(files)} CSV files, none with a date as name", remedy="name a folder of daily files with SOURCE=…",
        )  # fmt: skip
    folder = opened.home.landing(USE_CASE)
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        target = folder / path.name
        if not target.exists():
            unfinished = folder / f".{path.name}.tmp"
            shutil.copy2(path, unfinished)
            unfinished.replace(target)
    clock = datetime.combine(max(days) + timedelta(days=1), datetime.min.time(), UTC)
    opened.home.replay_file.write_text(clock.isoformat() + "\n", encoding="utf-8")
    sys.stdout.write(
        f"Replaying {len(files)} files of {min(days)} to {max(days)}; the clock stands at {clock:%Y-%m-%d %H:%M} UTC.\n"
    )


def _day_of(path: Path) -> date | None:
    try:
        return date.fromisoformat(path.stem)
    except ValueError:
        return None


def _simulate(opened: OpenProject, rows: int | None, seed: int, known: bool) -> None:
    """Write a shop whose last day was yesterday; on a later day the days since are added to the same shop."""
    from ml_assets.simulate import ShopSpec, write_shop

    folder = opened.home.landing(USE_CASE)
    book = opened.home.root / "shop.json"
    yesterday = opened.home.clock()().date() - timedelta(days=1)
    if known and book.exists():
        spec = ShopSpec.model_validate_json(book.read_text(encoding="utf-8"))
        since = spec.last_day + timedelta(days=1)
        if since > yesterday:
            return
        spec = spec.extended((yesterday - spec.last_day).days)
    else:
        spec = ShopSpec.of_rows(rows, last_day=yesterday, seed=seed) if rows else ShopSpec.ending(yesterday, seed=seed)
        since = None
    started = time.monotonic()
    with Terminal() as terminal:
        report = write_shop(
            spec, folder, on_progress=lambda done, total: terminal.progress("the shop's days", done, total), since=since
        )
    book.write_text(spec.model_dump_json(), encoding="utf-8")
    sys.stdout.write(
        f"The demonstration shop: {report.rows:,} rows in {report.files} files, {report.first_day} to {report.last_day} "
        f"({time.monotonic() - started:.1f} s).\n"
    )
