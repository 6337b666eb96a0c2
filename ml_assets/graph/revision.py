"""The declarations of another git revision, compiled as if they stood in the working folder."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from ml_assets.errors import MlAssetsError, SelectionError, shortened
from ml_assets.graph.compile import Graph, compile_graph
from ml_assets.graph.project import load_project

_READ = ("defs.yaml", ".sql")


def graph_at(root: Path, defs: Path, sql_root: Path, reference: str) -> Graph:
    """The graph of the project in `root` (declarations below `defs`) as it was at a git revision; nothing in the working folder changes.

    Raises SelectionError where git does not know the revision, or its declarations mean nothing to this version.
    """
    if not sql_root.is_relative_to(root) or not defs.is_relative_to(root):
        raise SelectionError(
            "an earlier revision cannot be read", expected="declarations and sql/ inside the project's folder", got=str(root),
            remedy="run this in the project's own git working folder, or leave --against out",
        )  # fmt: skip
    listed = _git(root, reference, "ls-tree", "-r", "--name-only", reference, "--", ".")
    paths = [path for path in listed.decode().splitlines() if path.endswith(_READ)]
    with TemporaryDirectory(prefix="ml-assets-") as folder:
        if paths:
            archive = _git(root, reference, "archive", "--format=tar", reference, "--", *paths)
            with tarfile.open(fileobj=io.BytesIO(archive)) as files:
                files.extractall(folder, filter="data")
        earlier = Path(folder)
        declared = earlier / defs.relative_to(root)
        declared.mkdir(parents=True, exist_ok=True)
        try:
            return compile_graph(load_project(declared, earlier / sql_root.relative_to(root), earlier))
        except MlAssetsError as problem:
            raise SelectionError(
                f"the declarations at {reference} do not compile", expected="declarations that this version understands",
                got=f"{problem.place or ''}: {problem.subject}", remedy="name a revision at which `ml-assets status` worked",
            ) from problem  # fmt: skip


def _git(root: Path, reference: str, *words: str) -> bytes:
    if reference.startswith("-"):
        raise _unknown(reference, "a word that begins with a dash")
    try:
        result = subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=False, timeout=60)
    except FileNotFoundError as problem:
        raise _unknown(reference, "git is not installed") from problem
    if result.returncode:
        raise _unknown(reference, shortened(result.stderr.decode(errors="replace").strip()))
    return result.stdout


def _unknown(reference: str, got: str) -> SelectionError:
    return SelectionError(
        f"git gives no revision {reference!r}", expected="a branch, tag or commit of the project's repository", got=got,
        remedy="correct --against; `git log --oneline` lists commits",
    )  # fmt: skip
